//! A copy of the repository is a valid repository at every moment, and loses nothing that it should not.

mod cut_off;
mod faults;
mod guards;
mod newest;
mod s3;
mod site;
mod snapshots;
mod store;
mod turns;

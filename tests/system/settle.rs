//! What settling does with what a client adds to its own repository, with the real restic.
//!
//! The client has the password, so it can write each file that restic can. The tests make such files themselves.

#![expect(
    clippy::disallowed_methods,
    reason = "a repository is files, and an attacker writes some of them"
)]

mod cut;
mod forged;
mod honest;
mod lies;
mod site;
mod snapshots;

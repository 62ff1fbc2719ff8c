//! Every emitted file is read by the program that it is for, which gives back what the fleet file says.

#![expect(
    clippy::disallowed_methods,
    reason = "the programs that read our files are run on files that the tests make"
)]

mod accounts;
mod prometheus;
mod restic;
mod shell;
mod ssh;
mod systemd;
mod systemd_values;

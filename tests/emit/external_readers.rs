//! The program that an emitted file is for reads it, and gives back the values of the fleet file.

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

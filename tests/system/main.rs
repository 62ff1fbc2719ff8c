//! What works on a machine: the scripts of both sides, restores, maintenance and D-Bus, with real programs or stand-ins
//! for them. Most of it takes root. One program, for the reason in `tests/emit/main.rs`.

mod backup_restic;
mod bus;
#[path = "../support/command.rs"]
mod command;
#[expect(clippy::disallowed_methods, reason = "a snapshot is files")]
#[path = "../support/crafted.rs"]
mod crafted;
mod doctor;
mod examples;
#[path = "../support/executable.rs"]
mod executable;
mod hooks;
mod init;
#[path = "../support/keys.rs"]
mod keys;
mod maintain_repository;
#[expect(
    clippy::disallowed_methods,
    reason = "a repository and its copy are files, and restic is run"
)]
mod offsite;
#[path = "../support/pty.rs"]
mod pty;
mod push;
#[path = "../support/repository.rs"]
mod repository;
mod restore;
mod run_backups;
mod scripts;
#[expect(
    clippy::disallowed_methods,
    reason = "a repository is files, and restic is run"
)]
mod serve;
mod settle;
#[path = "../support/tools.rs"]
mod tools;

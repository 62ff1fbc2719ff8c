//! Backups of a fleet with restic, as plain systemd units written from one TOML file.
//!
//! Data takes one way through the crate:
//!
//! ```text
//! fleet.toml ─▶ FleetFile ─▶ Fleet ─▶ HostPlan ─▶ Vec<Artifact> ─▶ Changes ─▶ disk
//!               config       config   emit        emit             apply
//! ```
//!
//! The other rooms: [`runs`] reads the records of the runs. [`status`] judges them. [`report`] shows the
//! verdicts on a page and to Prometheus. [`notify`] sends what changed. [`repository`] runs restic and
//! rclone, and follows the rules of forget. `doctor` compares the running system with the fleet file.
//! [`system`] starts processes and talks to systemd. `init` makes a first fleet file, and `explain` explains
//! one. `cli` has one thin module for each verb.
//!
//! # Example
//!
//! ```
//! let text = r#"
//! [schedule]
//! calendar = "*-*-* 04:00:00"
//!
//! [repository]
//! host = "attic"
//! path = "/srv/restic"
//! password-file = "/etc/genbackup/restic.txt"
//! keep = "30 daily, 12 monthly"
//!
//! [hosts.attic]
//! include = ["/etc", "/home"]
//! "#;
//! let fleet = genbackup::config::resolve::resolve(genbackup::config::file::read("fleet.toml", text)).unwrap();
//! let plan = genbackup::emit::plan::HostPlan::of(&fleet, &fleet.storage.name).unwrap();
//! let artifacts = genbackup::emit::emit(&plan).unwrap();
//! assert!(artifacts.iter().any(|artifact| artifact.path.ends_with("genbackup.timer")));
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where the output is lost, half-way through the work: `cli::terminal` does not"
)]

pub mod apply;
pub mod cli;
pub mod config;
pub(crate) mod doctor;
pub mod emit;
pub(crate) mod error;
mod explain;
mod init;
pub mod model;
pub mod notify;
pub mod reference;
pub mod report;
pub mod repository;
pub mod runs;
pub mod status;
pub mod system;
pub(crate) mod text;

//! Backups of a fleet with restic, as plain systemd units written from one TOML file.
//!
//! One way leads through the crate, and each step is a module:
//!
//! ```text
//! fleet.toml ─▶ FleetFile ─▶ Fleet ─▶ HostPlan ─▶ Vec<Artifact> ─▶ Changes ─▶ disk
//!               fleet        resolve  plan        emit             write
//! ```
//!
//! Beside it, [`record`] reads what the runs have left behind, [`health`] judges it, [`history`] puts it into rows,
//! [`anomaly`] finds what stands out in them, [`metrics`] puts the verdicts into the words of Prometheus, and [`page`] all
//! of it on a page; [`notify`] says what changed, and [`deliver`] takes it to those who are told. [`keep`] knows what
//! restic's forget will do, and [`hold`] which hosts it may touch. [`mod@beside`] runs what an admin has recorded. [`doctor`] asks the living system, and [`neighbours`] change it
//! beside systemd.
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
//! let fleet = genbackup::resolve::resolve(genbackup::fleet::read("fleet.toml", text)).unwrap();
//! let plan = genbackup::plan::HostPlan::of(&fleet, &fleet.storage.name).unwrap();
//! let artifacts = genbackup::emit::emit(&plan).unwrap();
//! assert!(artifacts.iter().any(|artifact| artifact.path.ends_with("genbackup.timer")));
//! ```

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic where the output is lost, half-way through the work: `cli::terminal` does not"
)]

pub mod anomaly;
pub mod beside;
pub mod bus;
pub mod cli;
pub mod deliver;
pub mod doctor;
pub mod emit;
mod escape;
pub mod fleet;
pub mod health;
pub mod history;
pub mod hold;
pub mod keep;
mod live;
pub mod metrics;
pub mod model;
pub mod mounts;
pub mod neighbours;
mod nixos;
pub mod notify;
pub mod offsite;
pub mod openssh;
pub mod page;
pub mod plan;
pub mod problem;
pub mod push;
pub mod record;
pub mod reference;
pub mod resolve;
pub mod restic;
pub mod schema;
pub mod text;
pub mod verify;
pub mod write;

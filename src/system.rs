//! What is outside this process on a host: systemd over D-Bus and `systemd-analyze`, OpenSSH, mounts, system tools.
//! `command` asks other programs, with a time limit.

pub mod analyze;
pub mod bus;
pub(crate) mod command;
pub mod credentials;
pub mod host;
pub(crate) mod journal;
pub mod mounts;
pub(crate) mod nixos;
pub mod openssh;
pub mod tools;
pub(crate) mod unit_status;

//! What is outside this process on a host: systemd over D-Bus and `systemd-analyze`, OpenSSH, mounts, system tools.
//! `command` asks other programs, with a time limit.

pub mod analyze;
pub(crate) mod bus;
pub(crate) mod command;
pub mod credentials;
pub(crate) mod host;
pub(crate) mod journal;
pub(crate) mod mounts;
pub(crate) mod nixos;
pub(crate) mod openssh;
pub(crate) mod tools;
pub(crate) mod unit_status;

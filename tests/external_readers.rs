//! Every emitted file is read by the program that it is for, which gives back what the fleet file says.

#![expect(
    clippy::disallowed_methods,
    reason = "the programs that read our files are run on files that the tests make"
)]

#[path = "support/command.rs"]
mod command;
#[expect(dead_code, reason = "other tests tell of other nights")]
#[path = "support/night.rs"]
mod night;
#[path = "support/stage.rs"]
mod stage;

#[path = "external_readers/accounts.rs"]
mod accounts;
#[path = "external_readers/prometheus.rs"]
mod prometheus;
#[path = "external_readers/restic.rs"]
mod restic;
#[path = "external_readers/shell.rs"]
mod shell;
#[path = "external_readers/ssh.rs"]
mod ssh;
#[path = "external_readers/systemd.rs"]
mod systemd;
#[path = "external_readers/systemd_values.rs"]
mod systemd_values;

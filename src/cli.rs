//! The command line: arguments in, exit status out, one verb a module.

mod adopt;
mod check;
mod completions;
mod doctor;
mod emit;
mod explain;
mod guard;
mod history;
mod hold;
mod holds;
mod init;
mod load;
mod man;
mod metrics;
mod moment;
mod push;
mod record;
mod records;
mod release;
mod report;
mod repository;
mod restore;
mod run;
mod schema;
mod snapshots;
mod status;
mod stop;
mod terminal;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::restic;

/// Where the fleet file is, unless somebody says otherwise.
pub(crate) const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";

/// Backups of a fleet with restic, as plain systemd units written from one TOML file
#[derive(Debug, Parser)]
#[command(name = "genbackup", version, max_term_width = 100)]
pub struct Arguments {
    /// The fleet file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = FLEET_FILE
    )]
    fleet: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a commented fleet file for this host
    Init(init::Arguments),
    /// Show every problem of the fleet file, and how exposed each unit is
    Check(check::Arguments),
    /// Write the files of this host, of another, or of all
    Emit(emit::Arguments),
    /// Bring the clients' files there over your own ssh and make them live: exit status 1 when a client failed
    Push(push::Arguments),
    /// Say in plain words who runs what when, who holds which secret, and what stays for how long
    Explain(explain::Arguments),
    /// Back the fleet up now, and follow it to its end: exit status 0 all is well, 3 some snapshot is partial, 1 not
    Run(run::Arguments),
    /// Stop the run that is at work, cleanly
    Stop,
    /// Say how well each host is: exit status 0 OK, 1 WARNING, 2 ALERT, 3 NEVER or unknown
    Status(status::Arguments),
    /// Ask this host whether it is as the fleet file says: exit status 1 when something failed
    Doctor(doctor::Arguments),
    /// Show the runs so far: how long they took, what they added, and when a version changed
    History(history::Arguments),
    /// Write how well each host is for Prometheus, as the textfile collector of its node exporter reads it
    Metrics(metrics::Arguments),
    /// Print what a fleet file may hold as a JSON schema, by which editors complete it
    Schema(schema::Arguments),
    /// Run a command that checks, restores or copies the repository, and leave a record of how it ended, with its exit
    /// status
    Record(record::Arguments),
    /// Send notifications about what changed since the last call
    Watch(watch::Arguments),
    /// Write one page of HTML with all of it: how well each host is, charts, what stands out, and the last run
    Report(report::Arguments),
    /// List the snapshots, by host and time; on the storage host, as root
    Snapshots(snapshots::Arguments),
    /// Take over snapshots that no run made, after showing what the keep policy would then remove; on the storage host,
    /// as root
    Adopt(adopt::Arguments),
    /// Bring a host's files back into a folder, as they were at a time; on the storage host, as root
    Restore(restore::Arguments),
    /// Keep all snapshots of some hosts, whatever the keep policy is; on the storage host, as root
    Hold(hold::Arguments),
    /// End a hold, or accept the newest snapshot of a host that is held because of it; on the storage host, as root
    Release(release::Arguments),
    /// Decide which hosts forget may touch; for maintain-repository
    #[command(hide = true)]
    Guard(guard::Arguments),
    /// Print what a shell needs to complete this command's words
    Completions(completions::Arguments),
    /// Print this command's manual page, or write a page for it and one for each verb
    Man(man::Arguments),
}

/// Runs one command; what went wrong is said on standard error.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { fleet, verb } = arguments;
    let done = match verb {
        Verb::Init(arguments) => init::run(fleet, arguments),
        Verb::Check(arguments) => check::run(fleet, arguments),
        Verb::Emit(arguments) => emit::run(fleet, arguments),
        Verb::Push(arguments) => push::run(fleet, arguments),
        Verb::Explain(arguments) => explain::run(fleet, arguments),
        Verb::Run(arguments) => run::run(fleet, arguments),
        Verb::Stop => stop::run(),
        Verb::Status(arguments) => Ok(status::run(fleet, arguments)),
        Verb::Doctor(arguments) => doctor::run(fleet, arguments),
        Verb::History(arguments) => history::run(fleet, arguments),
        Verb::Metrics(arguments) => metrics::run(fleet, arguments),
        Verb::Schema(arguments) => schema::run(arguments),
        Verb::Record(arguments) => record::run(arguments),
        Verb::Watch(arguments) => watch::run(fleet, arguments),
        Verb::Report(arguments) => report::run(fleet, arguments),
        Verb::Snapshots(arguments) => snapshots::run(fleet, arguments),
        Verb::Adopt(arguments) => adopt::run(fleet, arguments),
        Verb::Restore(arguments) => restore::run(fleet, arguments),
        Verb::Hold(arguments) => hold::run(fleet, arguments),
        Verb::Release(arguments) => release::run(fleet, arguments),
        Verb::Guard(arguments) => guard::run(arguments),
        Verb::Completions(arguments) => completions::run(arguments),
        Verb::Man(arguments) => man::run(arguments),
    };
    done.unwrap_or_else(|error| {
        let (what, hint) = match format!("{error:#}").split_once("\n\nhint: ") {
            Some((what, hint)) => (what.to_owned(), format!("\n\nhint: {hint}")),
            None => (format!("{error:#}"), String::new()),
        };
        terminal::complain(format_args!("error: {what}{hint}"));
        // What restic has an exit status for keeps it.
        match error.downcast_ref::<restic::Failed>() {
            Some(failed) => ExitCode::from(failed.status),
            None => ExitCode::FAILURE,
        }
    })
}

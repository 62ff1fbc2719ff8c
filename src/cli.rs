//! The command line: parses the arguments, runs a verb, returns the exit status. Each verb has its own module.

mod adopt;
mod check;
mod completions;
mod coordinate;
mod doctor;
mod emit;
mod explain;
mod history;
mod hold;
mod holds;
mod init;
mod init_repository;
mod load;
mod maintain;
mod man;
mod metrics;
mod offsite;
mod push;
mod record;
mod records;
mod reference;
mod release;
mod report;
mod restore;
mod run;
mod schema;
mod serve_repository;
mod settle;
mod snapshots;
mod status;
mod stop;
mod terminal;
mod unit;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::FLEET_FILE;
use crate::error::describe;
use crate::repository::restic;

/// Back up a fleet of hosts with restic, by systemd units written from one TOML file
#[derive(Debug, Parser)]
#[command(name = "genbackup", version, max_term_width = 100)]
pub struct Arguments {
    /// Read the fleet from this file
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
    /// Write a commented fleet file, and ask for its settings on a terminal
    Init(init::Arguments),
    /// Show every problem in the fleet file, and the exposure of each unit
    Check(check::Arguments),
    /// Write the units, scripts and configuration of this host, of another host, or of all hosts
    Emit(emit::Arguments),
    /// Write the files of clients over your own ssh, and apply them; exit status: 1 if a client failed
    Push(push::Arguments),
    /// Explain what runs when and with which rights, what reads which secret, and which snapshots stay for how long
    Explain(explain::Arguments),
    /// Back up the fleet now, and follow the run; exit status: 0 succeeded, 3 a snapshot is partial, 1 failed
    Run(run::Arguments),
    /// Stop the run that is in progress, cleanly
    Stop,
    /// Show the age and state of each host's last backup; exit status: 0 OK, 1 WARNING, 2 ALERT, 3 NEVER or unknown
    Status(status::Arguments),
    /// Compare this host with the fleet file; exit status: 1 if a check failed
    Doctor(doctor::Arguments),
    /// Show the past runs: how long they took, what they added, and when a version changed
    History(history::Arguments),
    /// Write the state of each host as metrics for Prometheus, for the textfile collector of its node exporter
    Metrics(metrics::Arguments),
    /// Print the JSON schema of the fleet file, with which editors complete and check it
    Schema(schema::Arguments),
    /// Run a command that checks, restores or copies the repository, and record its result; exit with its status
    Record(record::Arguments),
    /// Send notifications about what changed since the last call
    Watch(watch::Arguments),
    /// Write one HTML page with the state of each host, charts, anomalies and the last run
    Report(report::Arguments),
    /// List the snapshots, by host and time; on the storage host, as root
    Snapshots(snapshots::Arguments),
    /// Adopt snapshots that no run made, after showing what the keep policy would then remove; on the storage host,
    /// as root
    Adopt(adopt::Arguments),
    /// Restore files of a host into a directory, as they were at a given time; on the storage host, as root
    Restore(restore::Arguments),
    /// Keep all snapshots of some hosts, whatever the keep policy is; on the storage host, as root
    Hold(hold::Arguments),
    /// End a hold, or accept the newest snapshot of a host that is held because of it; on the storage host, as root
    Release(release::Arguments),
    /// Show which files of a client failed when they were verified, and accept that they are gone; on the storage host,
    /// as root
    // Hidden until a fleet file can ask for append-only access: before that, nothing is settled.
    #[command(hide = true)]
    Settle(settle::Arguments),
    /// Make a copy of the repository now, and follow it; on the storage host, as root
    Offsite(offsite::Arguments),
    /// Back up the hosts of a run; for the script run-backups
    #[command(hide = true)]
    Coordinate(coordinate::Arguments),
    /// Forget and prune; for the script maintain-repository
    #[command(hide = true)]
    Maintain(maintain::Arguments),
    /// Create the repository once; for genbackup-init.service
    #[command(hide = true)]
    InitRepository(init_repository::Arguments),
    /// Settle what a host added to its repository in one turn; for the unit that runs after the turn
    #[command(hide = true)]
    SettleTurn(settle::turn::Arguments),
    /// Make one copy of the repository; for the unit of that copy
    #[command(hide = true)]
    CopyOffsite(offsite::copy::Arguments),
    /// Serve the repository to one client, which can add to it; for a socket unit
    #[command(hide = true)]
    ServeRepository(serve_repository::Arguments),
    /// Print the completion script of a shell
    Completions(completions::Arguments),
    /// Print the manual page of this command, or write a page for it, for each verb and for the fleet file
    Man(man::Arguments),
    /// Write the chapters of the book that are made from the code
    #[command(hide = true)]
    Reference(reference::Arguments),
}

/// Runs one verb. Prints an error on standard error.
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
        Verb::Settle(arguments) => settle::run(fleet, arguments),
        Verb::Offsite(arguments) => offsite::run(fleet, arguments),
        Verb::Coordinate(arguments) => coordinate::run(arguments),
        Verb::Maintain(arguments) => maintain::run(arguments),
        Verb::InitRepository(arguments) => init_repository::run(arguments),
        Verb::SettleTurn(arguments) => settle::turn::run(arguments),
        Verb::CopyOffsite(arguments) => offsite::copy::run(fleet, arguments),
        Verb::ServeRepository(arguments) => serve_repository::run(arguments),
        Verb::Completions(arguments) => completions::run(arguments),
        Verb::Man(arguments) => man::run(arguments),
        Verb::Reference(arguments) => reference::run(arguments),
    };
    done.unwrap_or_else(|error| {
        terminal::complain(format_args!("error: {}", describe(&error)));
        // An error of restic keeps restic's exit status.
        match error.downcast_ref::<restic::Failed>() {
            Some(failed) => ExitCode::from(failed.status),
            None => ExitCode::FAILURE,
        }
    })
}

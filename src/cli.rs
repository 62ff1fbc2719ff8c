//! The command line: arguments in, exit status out, one verb a module.

mod check;
mod emit;
mod init;
mod load;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Backups of a fleet with restic, as plain systemd units written from one TOML file
#[derive(Debug, Parser)]
#[command(name = "genbackup", version, max_term_width = 100)]
pub struct Arguments {
    /// The fleet file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/genbackup/fleet.toml"
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
}

/// Runs one command; what went wrong is said on standard error.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { fleet, verb } = arguments;
    let done = match verb {
        Verb::Init(arguments) => init::run(fleet, arguments),
        Verb::Check(arguments) => check::run(fleet, arguments),
        Verb::Emit(arguments) => emit::run(fleet, arguments),
    };
    done.unwrap_or_else(|error| {
        let (what, hint) = match format!("{error:#}").split_once("\n\nhint: ") {
            Some((what, hint)) => (what.to_owned(), format!("\n\nhint: {hint}")),
            None => (format!("{error:#}"), String::new()),
        };
        eprintln!("error: {what}{hint}");
        ExitCode::FAILURE
    })
}

//! The commands for developers: `cargo xtask test`, `cargo xtask demo`, `cargo xtask setup`.

mod demo;
mod licences;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// genbackup's commands for developers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every check: format, lint, unit tests, docs, stories on virtual machines.
    Test(test::Options),
    /// Backs up a small fleet for real, on three virtual machines.
    Demo,
    /// Installs the Debian packages that the other commands need. They do it themselves, too.
    Setup,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(options) => return test::run(&options),
        Command::Demo => demo::run(),
        Command::Setup => setup::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

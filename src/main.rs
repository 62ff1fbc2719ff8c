//! The `genbackup` command: see the library for what it does.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    genbackup::cli::run(&genbackup::cli::Arguments::parse())
}

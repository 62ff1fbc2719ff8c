//! The commands for developers: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask nix`, `cargo xtask demo`,
//! `cargo xtask bench`, `cargo xtask scale`, `cargo xtask setup`.

mod bench;
mod demo;
mod fuzz;
mod licences;
mod nix;
mod scale;
mod setup;
mod test;
mod tools;

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
    /// Runs every check: format, lint, unit tests, docs, stories on containers and virtual machines.
    Test(test::Options),
    /// Feeds the readers of the fleet file and of records with odd input, for a bounded time.
    Fuzz(fuzz::Seconds),
    /// Runs the checks that are about Nix, with a whole nixpkgs where NIXPKGS says where one is.
    Nix,
    /// Backs up a small fleet for real, on three machines: containers, or virtual machines.
    Demo(demo::Options),
    /// Measures genbackup beside other tools, in containers and on this machine, and writes BENCHMARKS.md.
    Bench(bench::Options),
    /// Backs up a large fleet for one night, in containers, and prints what that takes.
    Scale(scale::Options),
    /// Installs the Debian packages and the tools that the other commands need. They do it themselves, too.
    Setup,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(options) => return test::run(&options),
        Command::Fuzz(options) => setup::run().and_then(|()| fuzz::run(&options)),
        Command::Nix => nix::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Scale(options) => scale::run(&options),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_fits_together() {
        Arguments::command().debug_assert();
    }
}

//! The commands for developers: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask nix`, `cargo xtask demo`,
//! `cargo xtask bench`, `cargo xtask scale`, `cargo xtask mutants`, `cargo xtask docs`, `cargo xtask picture`,
//! `cargo xtask dist`, `cargo xtask release`, `cargo xtask setup`.

#[cfg(test)]
mod architecture;
mod bench;
mod cargo;
mod demo;
mod dist;
mod docs;
mod fuzz;
mod licences;
mod mutants;
mod nix;
mod picture;
mod process;
mod project;
mod release;
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
    /// Runs the checks that are about Nix, with a whole nixpkgs if NIXPKGS names one.
    Nix,
    /// Backs up a small fleet for real, on three machines: containers, or virtual machines.
    Demo(demo::Options),
    /// Measures genbackup and other tools, in containers and on this machine, and writes BENCHMARKS.md.
    Bench(bench::Options),
    /// Backs up a large fleet for one night, in containers, and prints what that takes.
    Scale(scale::Options),
    /// Breaks a copy of the project on purpose, and runs the stories in containers that have to notice.
    Mutants(mutants::Options),
    /// Writes the generated chapters of the book, and the book where mdbook is installed.
    Docs,
    /// Writes the picture of README.md: the terminal of a run and of `status`, in containers.
    Picture,
    /// Makes what is published: the Debian package, the static binary, checksums and the SBOM.
    Dist(dist::Options),
    /// Checks that all files of the project agree on a version that is released.
    Release(release::Options),
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
        Command::Mutants(options) => mutants::run(&options),
        Command::Docs => docs::run(),
        Command::Picture => picture::run(),
        Command::Dist(options) => dist::run(&options),
        Command::Release(options) => release::run(&options),
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
    use crate::project;

    /// The words after `cargo xtask` in a text, such as `test`.
    fn verbs_in(text: &str) -> Vec<&str> {
        let after = text.split("cargo xtask ").skip(1);
        let verbs = after.map(|rest| {
            let end = rest.find(|character: char| !character.is_ascii_lowercase());
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
        });
        verbs.filter(|verb| !verb.is_empty()).collect()
    }

    #[test]
    fn files_name_only_verbs_that_exist() {
        let arguments = Arguments::command();
        let known: Vec<_> = arguments.get_subcommands().map(clap::Command::get_name).collect();
        let mut named = 0;
        for path in project::files(&["*.md", "*.yml", ".ci/*", "packaging/*", "docs/*"]).unwrap() {
            let text = project::read(&path).unwrap();
            for verb in verbs_in(&text) {
                assert!(known.contains(&verb), "{path}: cargo xtask {verb}");
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    }

    #[test]
    fn verbs_end_where_their_words_end() {
        assert_eq!(
            verbs_in("`cargo xtask docs` and cargo xtask test --fast; cargo xtask VERB"),
            ["docs", "test"]
        );
    }

    #[test]
    fn the_command_line_fits_together() {
        Arguments::command().debug_assert();
    }
}

//! The verbs and their options, as the command itself reads them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use clap::CommandFactory;
use genbackup::cli::Arguments;

use crate::command::{genbackup, run};

/// Each verb with its long options.
pub(crate) fn verbs() -> BTreeMap<String, Vec<String>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let verb = |verb: &clap::Command| {
        let options = verb.get_arguments().filter_map(clap::Arg::get_long);
        let options = options.map(|option| format!("--{option}")).collect();
        (verb.get_name().to_owned(), options)
    };
    command.get_subcommands().map(verb).collect()
}

/// Whether an option of a verb is hidden: it is for tests.
pub(crate) fn is_hidden(verb: &str, option: &str) -> bool {
    let command = Arguments::command();
    let mut arguments = command
        .find_subcommand(verb)
        .into_iter()
        .flat_map(clap::Command::get_arguments);
    arguments.any(|argument| argument.is_hide_set() && argument.get_long() == option.strip_prefix("--"))
}

/// What `genbackup ARGUMENTS` prints. No fleet file is there, since none is needed.
pub(crate) fn printed(arguments: &[&str]) -> Result<String> {
    let said = run(genbackup()
        .args(["--fleet", "/dev/null/fleet.toml"])
        .args(arguments))?;
    ensure!(said.status.success() && said.stderr.is_empty(), "{}", said.stderr);
    Ok(said.stdout)
}

#[test]
fn what_cannot_be_printed_to_its_end_is_a_failure() -> Result<()> {
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let full = std::fs::File::options().write(true).open("/dev/full")?;
        let said = genbackup().args(arguments).stdout(full).output()?;
        let told = String::from_utf8(said.stderr)?;
        assert_eq!(said.status.code(), Some(1), "{told}");
        assert!(
            told.starts_with("error: can't write to standard output: "),
            "{told}"
        );
    }
    Ok(())
}

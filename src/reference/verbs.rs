//! The chapter of the commands: each verb with the help that it prints.

use anyhow::{Result, bail};
use clap::Command;
use clap::error::ErrorKind;

use super::{document, head};

/// The columns of each help.
const WIDTH: usize = 80;

pub(super) fn chapter(command: &Command) -> Result<String> {
    let command = command.clone().term_width(WIDTH);
    let mut blocks = head("Commands");
    blocks.push(
        "This page lists all commands, each with the text that `--help` prints. `genbackup man` prints the same as a manual \
         page. [Exit statuses](exit-statuses.md) lists what each command returns."
            .to_owned(),
    );
    blocks.push("## `genbackup`".to_owned());
    blocks.push(block(&help(&command, None)?));
    // Hidden verbs are for our own scripts.
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        blocks.push(format!("## `genbackup {}`", verb.get_name()));
        blocks.push(block(&help(&command, Some(verb.get_name()))?));
    }
    Ok(document(&blocks))
}

/// What `genbackup VERB --help` prints.
fn help(command: &Command, verb: Option<&str>) -> Result<String> {
    let words = ["genbackup"].into_iter().chain(verb).chain(["--help"]);
    match command.clone().try_get_matches_from(words) {
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(error.render().to_string()),
        _ => bail!(
            "{} has no help: this is a bug in genbackup",
            verb.unwrap_or("genbackup")
        ),
    }
}

/// A text as it is.
fn block(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    format!("```text\n{}\n```", lines.join("\n"))
}

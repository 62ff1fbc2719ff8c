//! `genbackup man`: writes manual pages: those of the commands from the same texts as `--help`, and that of the fleet file
//! from its schema.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::terminal;
use crate::apply;
use crate::reference;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write a page for the command, one for each verb and one for the fleet file into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    // The verb `help` needs no page.
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &arguments.out else {
        terminal::hand_over(page(&command)?.1)?;
        return Ok(ExitCode::SUCCESS);
    };
    // Hidden verbs are for our own scripts.
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut pages = std::iter::once(&command)
        .chain(verbs)
        .map(page)
        .collect::<Result<Vec<_>>>()?;
    let fleet_file = reference::manual_page();
    pages.push((fleet_file.name.to_owned(), fleet_file.text.into_bytes()));
    apply::make_directory(directory)?;
    for (name, text) in &pages {
        apply::replace(&directory.join(name), text)?;
    }
    let written = format!("{}: {} pages written\n", directory.display(), pages.len());
    terminal::print(&written)?;
    Ok(ExitCode::SUCCESS)
}

/// A page's file name, and its text.
fn page(command: &Command) -> Result<(String, Vec<u8>)> {
    let source = concat!("genbackup ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(" ").source(source);
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), text))
}

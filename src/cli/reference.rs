//! `genbackup reference`: writes the chapters of the book and the Nix file that are made from the code, for
//! `cargo xtask docs`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory};

use super::terminal;
use crate::apply;
use crate::reference;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write the chapters into this directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write what the NixOS module takes from the code into this file
    #[arg(long, value_name = "FILE")]
    nix: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let directory = &arguments.out;
    let chapters = reference::chapters(&super::Arguments::command())?;
    apply::make_directory(directory)?;
    for chapter in &chapters {
        apply::replace(&directory.join(chapter.name), chapter.text.as_bytes())?;
    }
    if let Some(file) = &arguments.nix {
        apply::replace(file, reference::nix_defaults()?.as_bytes())?;
    }
    let written = format!("{}: {} chapters written\n", directory.display(), chapters.len());
    terminal::print(&written)?;
    Ok(ExitCode::SUCCESS)
}

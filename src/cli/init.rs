//! `genbackup init`: a commented fleet file to start from.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use askama::Template;
use clap::Args;

use crate::model::HostName;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The storage host's name; this machine's by default
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

#[derive(Template)]
#[template(path = "fleet.toml", escape = "none")]
struct FleetTemplate<'h> {
    host: &'h HostName,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let host = if let Some(name) = &arguments.host {
        name.clone()
    } else {
        let name = nix::unistd::gethostname().context("can't ask for this machine's host name")?;
        // restic's locks compare names byte for byte, so the fleet's are in lower case.
        name.to_string_lossy().to_ascii_lowercase()
    };
    let host = HostName::try_from(host)?;
    let text = FleetTemplate { host: &host }.render()? + "\n";
    write::create_new(file, &text)?;
    println!("{}: written; change it, then `genbackup check`", file.display());
    Ok(ExitCode::SUCCESS)
}

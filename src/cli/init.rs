//! `genbackup init`: writes a commented fleet file to start from.

mod interview;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use inquire::{Confirm, InquireError};
use nix::unistd::AccessFlags;

use super::terminal::Steps;
use crate::apply;
use crate::config::schema;
use crate::error::{fail, hinted};
use crate::init::answers::{self, Answers};
use crate::init::clients::Named;
use crate::init::next;
use crate::model::{HostName, Refusal};
use crate::system::host;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name the storage host; by default, this machine
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Add this client, as `NAME=ADDRESS` if its address differs from its name, with the host key that it shows. Can be
    /// given more than once
    #[arg(long = "client", value_name = "NAME")]
    clients: Vec<String>,
    /// Ask no questions, even on a terminal
    #[arg(long)]
    no_questions: bool,
    /// Make the password file, and the key pair for the clients, where they are missing; without `--no-questions`, a
    /// question offers it
    #[arg(long, requires = "no_questions")]
    make_secrets: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    if file.symlink_metadata().is_ok() {
        // Before the questions, so that no answers are lost.
        fail!(
            what("{} already exists", file.display()),
            hint("name another file with `--fleet FILE`, or move this one away")
        );
    }
    refuse_unwritable(file)?;
    let host = if let Some(name) = &arguments.host {
        name.clone()
    } else {
        host::name()?
    };
    let is_on_a_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let clients = arguments
        .clients
        .iter()
        .map(|client| Named::try_from(client.as_str()));
    let clients = clients.collect::<Result<Vec<Named>, Refusal>>()?;
    let mut steps = Steps::default();
    if arguments.no_questions || !is_on_a_terminal {
        let host = HostName::try_from(host)?;
        if arguments.make_secrets {
            refuse_elsewhere(&host)?;
        }
        let answers = Answers::usual(host, &clients, arguments.make_secrets)?;
        make_secrets(&answers, &mut steps, false)?;
        return write_down(file, &answers, steps);
    }
    match interview::ask(&host, &clients) {
        Ok(answers) => {
            make_secrets(&answers, &mut steps, true)?;
            write_down(file, &answers, steps)
        }
        Err(error) => match error.downcast_ref() {
            Some(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
                bail!("stopped; nothing was written")
            }
            _ => Err(error),
        },
    }
}

/// Makes the key pair and the password file, if they were asked for. `may_ask` lets it ask whether to show the password.
fn make_secrets(answers: &Answers, steps: &mut Steps, may_ask: bool) -> Result<()> {
    if let Some(file) = answers.make_key_pair()? {
        steps.print(format_args!("{file}: a key pair for the clients"));
    }
    let Some(password) = answers.password_file.make_password()? else {
        return Ok(());
    };
    steps.print(format_args!(
        "{}: a random password, readable by its owner only",
        answers.password_file.path()
    ));
    steps
        .print("keep a copy of it on another machine or on paper: without it, nobody can read the snapshots");
    // The file is made, so Ctrl-C here means no.
    if may_ask
        && Confirm::new("show the password now?")
            .with_default(false)
            .prompt()
            .unwrap_or(false)
    {
        steps.print(password);
    }
    Ok(())
}

fn write_down(file: &Path, answers: &Answers, mut steps: Steps) -> Result<ExitCode> {
    let schema_file = schema_path(file);
    let schema_name = schema_file.file_name().unwrap_or_default().to_string_lossy();
    apply::create_new(file, &answers.fleet_file(&schema_name)?)?;
    if schema_file.symlink_metadata().is_err() {
        apply::create_new(&schema_file, &schema::text()?)?;
    }
    steps.print(format_args!("{}: the fleet file", file.display()));
    steps.print(format_args!(
        "{}: its schema, with which editors complete and check it",
        schema_file.display()
    ));
    for line in next::steps(file, answers)? {
        steps.print(line);
    }
    steps.end()?;
    Ok(ExitCode::SUCCESS)
}

/// Checks that the secrets are made on the host that needs them.
fn refuse_elsewhere(host: &HostName) -> Result<()> {
    if !answers::is_this_machine(host) {
        fail!(
            what("`--make-secrets` makes the secrets of the storage host, and {host} is another machine"),
            hint(
                "run this on {host}, \
             or leave out `--make-secrets`"
            )
        );
    }
    Ok(())
}

/// Checks before the questions that the file can be written, so that no answers are lost.
fn refuse_unwritable(file: &Path) -> Result<()> {
    let directory = file.ancestors().skip(1).find(|directory| directory.is_dir());
    let directory = directory.unwrap_or(Path::new("."));
    nix::unistd::access(directory, AccessFlags::W_OK).map_err(|error| {
        hinted!(
            what(
                "cannot write {}: {}: {}",
                file.display(),
                directory.display(),
                error.desc()
            ),
            hint("run `sudo genbackup init`, or name another file with `--fleet FILE`")
        )
    })
}

/// `fleet.schema.json` in the directory of `fleet.toml`: editors accept relative paths, and both files can be copied.
fn schema_path(file: &Path) -> PathBuf {
    file.with_extension("schema.json")
}

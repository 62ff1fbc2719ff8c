//! `genbackup offsite`: makes a copy of the repository now.

pub(super) mod copy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::copy::How;
use super::load;
use crate::emit;
use crate::emit::plan::HostPlan;
use crate::repository::offsite::by_hand;
use crate::repository::offsite::find;
use crate::repository::open::{Words, ensure_root_of_storage};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Make the copy of this name, as in `[offsite.NAME]`
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { name, how } = arguments;
    let How {
        dry_run,
        tamper_test,
        accept,
    } = how;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let (name, _) = find(&fleet, name)?;
    let words: Vec<String> = accept
        .iter()
        .filter_map(|what| Some(what.to_possible_value()?.get_name().to_owned()))
        .collect();
    let command = Words::of("offsite", file)
        .word(name.as_str())
        .flag("--dry-run", *dry_run)
        .flag("--tamper-test", *tamper_test);
    let command = words
        .iter()
        .fold(command, |command, what| command.option("--accept", Some(what)));
    ensure_root_of_storage(
        &fleet,
        &command,
        "the repository and the credential of the copy are",
    )?;
    let Some(plan) = HostPlan::of(&fleet, &fleet.storage.name) else {
        bail!("the fleet has no storage host");
    };
    let path = format!("{}/{}.service", emit::UNIT_DIRECTORY, name.copy_unit());
    let unit = emit::emit(&plan)?
        .into_iter()
        .find(|artifact| artifact.path == path);
    let Some(unit) = unit else {
        bail!("the copy `{name}` has no unit");
    };
    let mut arguments = Vec::new();
    if *dry_run {
        arguments.push("--dry-run".to_owned());
    }
    if *tamper_test {
        arguments.push("--tamper-test".to_owned());
    }
    arguments.extend(words.into_iter().flat_map(|what| ["--accept".to_owned(), what]));
    let ended = by_hand::run(name.as_str(), &unit.content, &arguments)?;
    let status = ended.code().and_then(|code| u8::try_from(code).ok());
    Ok(status.map_or(ExitCode::FAILURE, ExitCode::from))
}

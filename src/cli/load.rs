//! Reads a fleet file. Returns the fleet, or all problems of the file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use anyhow::Result;

use super::terminal;
use crate::config::file::{self, Reading};
use crate::config::problem::Problem;
use crate::config::resolve::resolve;
use crate::error::{fail, hinted};
use crate::model::{Fleet, HostName};
use crate::system::{analyze, host};

/// Reads and resolves the fleet file.
///
/// # Errors
/// When the file cannot be read. Problems in the file are the inner `Err`.
pub(super) fn load(path: &Path) -> Result<Result<Fleet, Vec<Problem>>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        hinted!(
            what("cannot read the fleet file {name}: {error}"),
            hint("run `genbackup init` to write one, or name another with `--fleet FILE`")
        )
    })?;
    let mut reading = file::read(&name, &text);
    refuse_calendars(&mut reading)?;
    Ok(resolve(reading))
}

/// Only systemd knows which calendar expressions are valid. It is asked once about each expression.
fn refuse_calendars(reading: &mut Reading<'_>) -> Result<()> {
    let mut taken = BTreeMap::new();
    for (span, expression) in reading.file.calendars() {
        let is_taken = match taken.entry(expression) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(analyze::takes_calendar(expression)?),
        };
        if !is_taken {
            reading.problems.push(
                span,
                format!("systemd refuses the calendar expression `{expression}`"),
                "write it as in systemd.time(7), such as `*-*-* 04:00:00`; `systemd-analyze calendar` tests it",
            );
        }
    }
    Ok(())
}

/// The fleet; `None`, without a message, if the file cannot be read or has problems.
pub(super) fn if_valid(path: &Path) -> Option<Fleet> {
    let text = std::fs::read_to_string(path).ok()?;
    resolve(file::read("fleet", &text)).ok()
}

/// The fleet; `None` if the file has problems, which are then shown.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn load_or_show(path: &Path) -> Result<Option<Fleet>> {
    Ok(load(path)?.map_err(|problems| show(&problems, "")).ok())
}

/// The same for a command that writes files. With problems, it also reports that nothing was written.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn load_to_write(path: &Path) -> Result<Option<Fleet>> {
    let show_all = |problems: Vec<Problem>| show(&problems, "; nothing was written");
    Ok(load(path)?.map_err(show_all).ok())
}

/// Shows problems on standard error, separated by empty lines, and their number at the end.
fn show(problems: &[Problem], outcome: &str) {
    for problem in problems {
        terminal::complain(problem);
    }
    terminal::complain(terminal::counted(problems.len(), "problem") + outcome);
}

/// The host with this name, or this machine if there is no name.
///
/// # Errors
/// When the fleet has no such host. The message lists its hosts.
pub(super) fn host<'f>(fleet: &'f Fleet, name: Option<&str>) -> Result<&'f HostName> {
    let (wanted, source) = if let Some(name) = name {
        (name.to_owned(), "")
    } else {
        (host::name()?, ", the host name of this machine")
    };
    let short = wanted.split('.').next().unwrap_or(&wanted);
    let by_name = |name: &str| fleet.host_names().find(|host| host.as_str() == name);
    match by_name(&wanted).or_else(|| by_name(short)) {
        Some(host) => Ok(host),
        None => fail!(
            what("no host of the fleet is named `{wanted}`{source}"),
            hint(
                "name one with `--host`: {}; if it left the fleet, run `genbackup push --remove root@{wanted}` on the storage host",
                fleet
                    .host_names()
                    .map(HostName::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        ),
    }
}

//! From the path of a fleet file to a fleet, or to all its problems.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::terminal;
use crate::fleet::{self, Reading};
use crate::model::{Fleet, HostName};
use crate::problem::Problem;
use crate::resolve::resolve;
use crate::verify;

/// Reads and resolves the fleet file.
///
/// # Errors
/// When the file can't be read. Its problems are not an error of ours: they are the inner `Err`.
pub(super) fn load(path: &Path) -> Result<Result<Fleet, Vec<Problem>>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("can't read the fleet file {name}: `genbackup init` writes one, `--fleet` names another")
    })?;
    let mut reading = fleet::read(&name, &text);
    refuse_calendars(&mut reading)?;
    Ok(resolve(reading))
}

/// systemd alone knows which calendar expressions it takes. It is asked once about each, however many hosts have it.
fn refuse_calendars(reading: &mut Reading<'_>) -> Result<()> {
    let mut taken = BTreeMap::new();
    for (span, expression) in reading.file.calendars() {
        let is_taken = match taken.entry(expression) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(verify::takes_calendar(expression)?),
        };
        if !is_taken {
            reading.problems.push(
                span,
                format!("systemd refuses the calendar expression `{expression}`"),
                "write it as in systemd.time(7), such as `*-*-* 04:00:00`; `systemd-analyze calendar` tries one out",
            );
        }
    }
    Ok(())
}

/// The fleet, where it can be read and has no problem; nothing is said where it has.
pub(super) fn if_well(path: &Path) -> Option<Fleet> {
    let text = std::fs::read_to_string(path).ok()?;
    resolve(fleet::read("fleet", &text)).ok()
}

/// The same, but with its problems shown, and nothing in the fleet's place when there are any.
///
/// # Errors
/// When the file can't be read.
pub(super) fn load_or_show(path: &Path) -> Result<Option<Fleet>> {
    Ok(load(path)?.map_err(|problems| show(&problems)).ok())
}

/// Shows problems on standard error, with an empty line between them and their number at the end.
fn show(problems: &[Problem]) {
    for problem in problems {
        terminal::complain(problem);
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    terminal::complain(format_args!(
        "{} problem{plural}; nothing was written",
        problems.len()
    ));
}

/// The host of that name, or this machine when none is named.
///
/// # Errors
/// When the fleet has no such host; the message lists those it has.
pub(super) fn host<'f>(fleet: &'f Fleet, name: Option<&str>) -> Result<&'f HostName> {
    let (wanted, source) = if let Some(name) = name {
        (name.to_owned(), "")
    } else {
        (this_machine()?, ", as this machine is")
    };
    let short = wanted.split('.').next().unwrap_or(&wanted);
    let by_name = |name: &str| fleet.host_names().find(|host| host.as_str() == name);
    match by_name(&wanted).or_else(|| by_name(short)) {
        Some(host) => Ok(host),
        None => bail!(
            "no host of the fleet is named `{wanted}`{source}\n\nhint: name one with `--host`: {}; on a host that left the fleet, `genbackup emit --remove` removes its files",
            fleet
                .host_names()
                .map(HostName::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// What is missing on this host, and the command that installs it.
pub(super) fn packages_to_install(packages: &[&str]) -> String {
    format!(
        "this host lacks {}, whose programs the units start\n\nhint: `apt install {}`",
        packages.join(", "),
        packages.join(" ")
    )
}

/// The name that this machine has, in lower case, as a fleet has its hosts: restic's locks compare names byte for byte.
///
/// # Errors
/// When it can't be asked for.
pub(super) fn this_machine() -> Result<String> {
    let name = nix::unistd::gethostname().context("can't ask for this machine's host name")?;
    Ok(name.to_string_lossy().to_ascii_lowercase())
}

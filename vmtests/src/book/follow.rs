//! Does what a chapter has its reader do, on the machines of the lab.

use anyhow::{Context, ensure};

use super::fleet_file::merged;
use super::needs::see_to;
use super::page;
use super::steps::{Act, Command, Run, Step, steps};
use crate::lab::Lab;
use crate::machine::{Machine, quoted};
use crate::runbook::carry_out;

/// The fleet file of the storage host.
pub(super) const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";

/// Follows a chapter: runs each command as it is printed, writes the files, and changes the fleet file. `chapter` is a
/// path in the repository, such as `docs/src/how-to/hooks.md`.
///
/// # Errors
/// When the chapter has nothing to do, a command fails, or it prints something else than the chapter shows.
pub fn follow(lab: &Lab, chapter: &str) -> anyhow::Result<()> {
    let steps = steps(&page(chapter)?).with_context(|| chapter.to_owned())?;
    ensure!(!steps.is_empty(), "{chapter} has nothing to do");
    for Step { line, act } in &steps {
        go(lab, act).with_context(|| format!("{chapter}:{line}"))?;
    }
    Ok(())
}

fn go(lab: &Lab, act: &Act) -> anyhow::Result<()> {
    match act {
        Act::Run(run) => run_all(lab, run),
        Act::Write { place, path, text } => {
            for machine in place.machines(lab)? {
                machine.write_file(path, text.as_bytes(), 0o644)?;
            }
            Ok(())
        }
        Act::FleetFile(text) => lab.jak.write_file(FLEET_FILE, text.as_bytes(), 0o644),
        Act::Merge(excerpt) => {
            let fleet = merged(&fleet_file(lab)?, excerpt)?;
            lab.jak.write_file(FLEET_FILE, fleet.as_bytes(), 0o644)
        }
    }
}

/// The fleet file that the storage host has now.
pub(super) fn fleet_file(lab: &Lab) -> anyhow::Result<String> {
    Ok(String::from_utf8(lab.jak.read_file(FLEET_FILE)?)?)
}

fn run_all(lab: &Lab, run: &Run) -> anyhow::Result<()> {
    let Run {
        place,
        user,
        needs,
        commands,
    } = run;
    if let Some(needs) = needs {
        see_to(lab, needs)?;
    }
    let machines = place.machines(lab)?;
    for command in commands {
        for machine in &machines {
            run_one(machine, user.as_deref(), command)?;
        }
    }
    Ok(())
}

fn run_one(machine: &Machine, user: Option<&str>, command: &Command) -> anyhow::Result<()> {
    let Command { text, prints } = command;
    let line = match user {
        Some(user) => format!("runuser --user={user} -- bash -c {}", quoted(text)),
        None => text.clone(),
    };
    // A reader answers apt's question whether to go on.
    let typed = if text.starts_with("apt ") { "y\n" } else { "" };
    let output = carry_out(machine, &line, typed)?;
    let printed = format!("{}\n{}", output.text(), output.error_text());
    for line in prints {
        ensure!(
            printed.contains(line.as_str()),
            "{}: `{text}` does not print `{line}`:\n{printed}",
            machine.name()
        );
    }
    Ok(())
}

//! Keeps what helps to find the reason of a failed story.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache;
use crate::machine::Machine;

/// What is asked of each machine: the file it goes to, and the command.
const QUESTIONS: [(&str, &str); 4] = [
    (
        "journal.log",
        "journalctl --boot --no-pager --output=short-precise",
    ),
    ("failed-units.txt", "systemctl --failed --no-pager"),
    ("network.txt", "ip address; ip route; ss --tcp --all --numeric"),
    (
        "var-lib-genbackup.tar",
        "cd /var/lib; if [ -e genbackup ]; then tar --create genbackup; fi",
    ),
];
const LIMIT: Duration = Duration::from_secs(120);

/// Collects what helps to find the reason for the failure of `name`. Returns in words where it is, or why it
/// is missing.
#[must_use]
pub fn leave_behind(machines: &[&Machine], name: &str) -> String {
    match directory_for(name).and_then(|directory| collect(machines, &directory).map(|()| directory)) {
        Ok(directory) => format!("journals and consoles are in `{}`", directory.display()),
        Err(error) => format!("no journals: {error:#}"),
    }
}

/// Writes journals, consoles, failed units and genbackup's files of all machines into `directory`.
///
/// A machine that does not answer does not stop the others: its file then holds the reason.
///
/// # Errors
/// When the directory cannot be written.
fn collect(machines: &[&Machine], directory: &Path) -> anyhow::Result<()> {
    for machine in machines {
        let place = directory.join(machine.name());
        fs::create_dir_all(&place)?;
        for log in machine.logs().iter().filter(|log| log.exists()) {
            let name = log
                .file_name()
                .map_or_else(|| "console.log".into(), ToOwned::to_owned);
            fs::copy(log, place.join(name))?;
        }
        ask(machine, &place)?;
    }
    Ok(())
}

fn ask(machine: &Machine, place: &Path) -> anyhow::Result<()> {
    if let Err(error) = machine.wake() {
        fs::write(place.join("no-answer.txt"), format!("{error:#}\n"))?;
        return Ok(());
    }
    for (name, command) in QUESTIONS {
        let bytes = match machine.run_within(command, b"", LIMIT) {
            Ok(output) => [output.stdout, output.stderr].concat(),
            Err(error) => format!("{error:#}\n").into_bytes(),
        };
        fs::write(place.join(name), bytes)?;
    }
    Ok(())
}

/// A directory for what is left of the story `name`, emptied of what an earlier failure left.
///
/// # Errors
/// When it cannot be made.
fn directory_for(name: &str) -> anyhow::Result<PathBuf> {
    let directory = cache::directory()?.join("failed").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

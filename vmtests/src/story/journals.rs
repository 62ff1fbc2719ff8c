//! What no journal may hold after a story: a message that systemd skipped something that a unit asked for. A
//! missing sandbox would let every story about it pass.

use anyhow::ensure;

use crate::machine::Machine;

/// As systemd words them: a namespace that could not be made, and a line of a unit that it does not know.
const COMPLAINTS: &str =
    "proceeding without|Unknown (key|section|lvalue)|ignoring unknown|Failed to parse .*, ignoring";

/// Nothing of the kind, on any of the machines.
///
/// # Errors
/// When there is: the lines. When a machine does not let its journal be read.
pub fn no_complaints(machines: &[&Machine]) -> anyhow::Result<()> {
    let complaints = complaints(machines)?;
    ensure!(
        complaints.is_empty(),
        "systemd did not do all that a unit asked for:\n{}",
        complaints.join("\n")
    );
    Ok(())
}

/// The lines of all machines that have power, each after its machine's name.
///
/// # Errors
/// When a machine does not let its journal be read.
pub fn complaints(machines: &[&Machine]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for machine in machines {
        // A story may end with a machine without power.
        if machine.wake().is_err() {
            continue;
        }
        // journalctl exits with 1 where it finds no line.
        let output = machine.run(&format!(
            "journalctl --no-pager --quiet --output=short-monotonic --grep='{COMPLAINTS}'"
        ))?;
        ensure!(
            output.status == 0 || output.error_text().is_empty(),
            "{}: {}",
            machine.name(),
            output.error_text()
        );
        found.extend(
            output
                .text()
                .lines()
                .map(|line| format!("{}: {line}", machine.name())),
        );
    }
    Ok(found)
}

//! What the machines have to lose: files with everything that a backup can get wrong. `steps/functions.bash` makes them.

use crate::machine::{Machine, quoted};
use crate::steps::FUNCTIONS;

/// The folders that are backed up, and what is left out of them.
pub const INCLUDE: [&str; 2] = ["/srv/data", "/srv/my files"];

/// Puts the files onto a machine.
///
/// # Errors
/// When it refuses.
pub fn put_onto(machine: &Machine) -> anyhow::Result<()> {
    machine
        .succeeds(&format!("{FUNCTIONS}\nmake_belongings"))
        .map(drop)
}

/// One line for each file below `root` + [`INCLUDE`]: type, mode, owner, modification time in nanoseconds, link
/// target, size, path, then the content's hashes and the extended attributes. Two trees are equal when these are.
///
/// # Errors
/// When the machine refuses.
pub fn describe(machine: &Machine, root: &str) -> anyhow::Result<Vec<String>> {
    let script = format!("{FUNCTIONS}\ndescribe {}", quoted(root));
    Ok(machine.succeeds(&script)?.lines().map(str::to_owned).collect())
}

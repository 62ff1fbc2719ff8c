//! What the machines have to lose: files with everything that a backup can get wrong.

use crate::machine::{Machine, quoted};

/// The directories that are backed up, and what is excluded in them.
pub const INCLUDE: [&str; 2] = ["/srv/data", "/srv/my files"];

/// Shell functions that make and describe them.
const FUNCTIONS: &str = include_str!("belongings.bash");

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
    lines(machine, &format!("describe {}", quoted(root)))
}

/// The same for what a backup takes of a machine.
///
/// # Errors
/// When the machine refuses.
pub fn describe_what_is_backed_up(machine: &Machine) -> anyhow::Result<Vec<String>> {
    lines(machine, "describe_what_is_backed_up")
}

fn lines(machine: &Machine, command: &str) -> anyhow::Result<Vec<String>> {
    let text = machine.succeeds(&format!("{FUNCTIONS}\n{command}"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use crate::cache::workspace;
    use crate::process::{command, output_of};

    #[test]
    fn the_functions_are_sound_bash() {
        let file = workspace().join("vmtests/src/belongings.bash");
        assert_eq!(output_of(command("shellcheck").arg(file)).unwrap(), "");
    }
}

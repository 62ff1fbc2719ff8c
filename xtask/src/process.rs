//! Programs that look for something.

use std::process::Command;

use anyhow::{Context, ensure};

/// Runs a program that prints what it finds, and fails then.
///
/// # Errors
/// When it cannot be started, or finds something: all that it printed.
pub(crate) fn finds_nothing(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot start `{program}`"))?;
    ensure!(
        output.status.success(),
        "`{program}` failed: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use vmtests::process::command;

    use super::*;

    #[test]
    fn what_is_found_is_in_the_error() {
        let shell = |script: &str| finds_nothing(command("sh").args(["-c", script]));
        assert!(shell("echo nothing").is_ok());
        let error = shell("echo an error; echo its reason >&2; exit 1").unwrap_err();
        assert!(error.to_string().ends_with("\nan error\nits reason\n"), "{error}");
    }
}

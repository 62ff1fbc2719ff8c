//! Makes a copy by hand, in a transient unit that has the rights of the copy's own unit and the terminal of this process.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts systemd-run"
)]

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

/// Keys of a unit that a transient one does not have: systemd-run sets them, or they are about switches of a system.
const OMITTED: [&str; 3] = ["Type=", "ExecStart=", "X-"];

/// Runs the command of a unit, of which this is the text, with more arguments. Nothing of the unit's file is changed.
///
/// # Errors
/// When systemd-run cannot be started.
pub(crate) fn run(name: &str, unit: &str, arguments: &[String]) -> Result<ExitStatus> {
    let mut command = Command::new("systemd-run");
    command
        .args(["--quiet", "--pipe", "--wait", "--collect", "--service-type=exec"])
        .arg(format!("--unit=genbackup-offsite-{name}-by-hand"))
        .arg(format!("--description=Copy the repository to {name}, by hand"));
    for setting in settings(unit) {
        command.arg(format!("--property={setting}"));
    }
    command.arg("--").args(program(unit)).args(arguments);
    command
        .status()
        .context("cannot start `systemd-run`; the package `systemd` contains it")
}

/// The settings of the service.
fn settings(unit: &str) -> impl Iterator<Item = &str> {
    let lines = unit.lines().skip_while(|line| *line != "[Service]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let settings = lines.filter(|line| {
        !line.is_empty() && !line.starts_with('#') && !OMITTED.iter().any(|key| line.starts_with(key))
    });
    settings.map(|line| match line {
        // systemd-run does not accept `none`; without a network, the sockets of the file system are left.
        "RestrictAddressFamilies=none" => "RestrictAddressFamilies=AF_UNIX",
        line => line,
    })
}

/// The words of its command: none has a space in it, and none is a specifier, which systemd-run would not replace.
fn program(unit: &str) -> Vec<&str> {
    let mut lines = unit.lines();
    let line = lines.find_map(|line| line.strip_prefix("ExecStart="));
    line.unwrap_or_default().split_ascii_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transient_unit_has_what_the_unit_has() {
        let unit = "[Unit]\nDescription=x\n\n[Service]\nType=oneshot\nExecStart=genbackup copy-offsite cloud\n\
                    # Why.\nUser=restic\nX-StopOnRemoval=false\n\nRestrictAddressFamilies=none\nProtectHome=yes\n\n[Install]\nWantedBy=x\n";
        let found: Vec<&str> = settings(unit).collect();
        assert_eq!(
            found,
            [
                "User=restic",
                "RestrictAddressFamilies=AF_UNIX",
                "ProtectHome=yes"
            ]
        );
        assert_eq!(program(unit), ["genbackup", "copy-offsite", "cloud"]);
    }
}

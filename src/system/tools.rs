//! Runs systemd-sysusers, systemd-tmpfiles and exportfs on the emitted files. The first two get only our own files, so
//! that they do not apply the files of others.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts systemd-sysusers, systemd-tmpfiles and exportfs"
)]

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow};

use crate::error::fail;
use crate::text::bounded;

/// The time limit of each program in seconds. exportfs resolves host names, which can take time.
const PATIENCE: &str = "60";
/// The number of characters of a line that are kept.
const LONGEST_LINE: usize = 300;
/// The number of lines that are kept.
const MOST: usize = 20;

/// Makes the users and groups of some files (sysusers.d(5)). Returns the messages of systemd-sysusers.
///
/// # Errors
/// When one cannot be made.
pub(crate) fn make_users(files: &[&str]) -> Result<Vec<String>> {
    run("systemd-sysusers", files, "")
}

/// Makes the directories of some files (tmpfiles.d(5)). Returns the messages of systemd-tmpfiles.
///
/// # Errors
/// When one cannot be made.
pub(crate) fn make_directories(files: &[&str]) -> Result<Vec<String>> {
    run("systemd-tmpfiles", &[&["--create"], files].concat(), "")
}

/// Exports exactly what the files of exports(5) list. Returns the messages of exportfs.
///
/// # Errors
/// When something cannot be exported.
pub(crate) fn export() -> Result<Vec<String>> {
    let hint = "; it comes with nfs-kernel-server";
    run("exportfs", &["-ra"], hint)
}

fn run(program: &str, arguments: &[&str], origin: &str) -> Result<Vec<String>> {
    let command = [&[program], arguments].concat().join(" ");
    let output = Command::new("timeout")
        .args(["--kill-after=2", PATIENCE, program])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fail!(
                what("the program timeout is missing"),
                hint("install GNU coreutils")
            )
        }
        output => output.map_err(|error| anyhow!("cannot start {program}: {error}"))?,
    };
    let messages = String::from_utf8_lossy(&output.stderr);
    let lines = messages.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.take(MOST).map(|line| bounded(line, LONGEST_LINE)).collect();
    match output.status.code() {
        Some(0) => Ok(lines),
        Some(127) => {
            fail!(
                what("the program {program} is missing{origin}"),
                hint("install it, then run `{command}`")
            )
        }
        Some(124 | 137) => {
            fail!(
                what("{program} did not end within {PATIENCE} s"),
                hint("run `{command}` to see where it hangs")
            )
        }
        _ => fail!(
            what("{program} failed: {}", lines.join("; ")),
            hint("run `{command}` again")
        ),
    }
}

//! Starts systemd's neighbours, which make what our files say: users, folders, exports. Each is handed our own files, where
//! it takes one: what others asked for is none of ours.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts systemd-sysusers, systemd-tmpfiles and exportfs"
)]

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Result, anyhow, bail};

use crate::text::bounded;

/// Seconds that one of them may take: exportfs asks for the addresses of names.
const PATIENCE: &str = "60";
/// Characters of a line of theirs that are handed on.
const LONGEST_LINE: usize = 300;
/// Lines of theirs that are handed on.
const MOST: usize = 20;

/// Makes the users and groups of some files (sysusers.d(5)); what was said.
///
/// # Errors
/// When one can't be made.
pub fn make_users(files: &[&str]) -> Result<Vec<String>> {
    run("systemd-sysusers", files, "")
}

/// Makes the folders of some files (tmpfiles.d(5)); what was said.
///
/// # Errors
/// When one can't be made.
pub fn make_folders(files: &[&str]) -> Result<Vec<String>> {
    run("systemd-tmpfiles", &[&["--create"], files].concat(), "")
}

/// Exports what the files of exports(5) say, and nothing else; what was said.
///
/// # Errors
/// When something can't be exported.
pub fn export() -> Result<Vec<String>> {
    let hint = ", which comes with nfs-kernel-server";
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
            bail!("there is no program timeout\n\nhint: it comes with GNU coreutils")
        }
        output => output.map_err(|error| anyhow!("can't start {program}: {error}"))?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.take(MOST).map(|line| bounded(line, LONGEST_LINE)).collect();
    match output.status.code() {
        Some(0) => Ok(lines),
        Some(127) => bail!("there is no program {program}{origin}\n\nhint: install it, then `{command}`"),
        Some(124 | 137) => {
            bail!("{program} did not end in {PATIENCE} s\n\nhint: `{command}` by hand shows where it stands")
        }
        _ => bail!(
            "{program} failed: {}\n\nhint: `{command}` tries it again",
            lines.join("; ")
        ),
    }
}

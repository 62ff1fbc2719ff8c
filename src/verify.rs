//! Asks systemd what it thinks: of a calendar expression, of a unit's exposure.
//!
//! The only module that starts a process.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts systemd-analyze"
)]

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use crate::model::Calendar;

/// True when systemd takes a calendar expression. It gives no reason when it does not.
///
/// # Errors
/// When `systemd-analyze` can't be started.
pub fn takes_calendar(calendar: &Calendar) -> Result<bool> {
    Ok(analyze(&["calendar", calendar.as_str()])?.status.success())
}

/// The exposure of one unit file in tenths, from 0 (nothing) to 100 (everything), as
/// `systemd-analyze security` (systemd-analyze(1)) computes it; the lower, the less the unit could do.
///
/// # Errors
/// When `systemd-analyze` can't be started, or gives no exposure for this file.
pub fn exposure(unit_file: &Path) -> Result<u32> {
    let file = unit_file.to_str().context("the unit's path is not UTF-8")?;
    let output = analyze(&["security", "--offline=true", "--no-pager", file])?;
    let report = String::from_utf8_lossy(&output.stdout);
    let tenths = report
        .lines()
        .find_map(|line| {
            line.split_once("Overall exposure level for ")?
                .1
                .rsplit_once(": ")
        })
        .and_then(|(_, level)| level.split_whitespace().next())
        .and_then(|level| level.replace('.', "").parse().ok());
    match tenths {
        Some(tenths) => Ok(tenths),
        None => bail!(
            "systemd-analyze gives no exposure for {file}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}

fn analyze(arguments: &[&str]) -> Result<Output> {
    Command::new("systemd-analyze")
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .output()
        .context("can't start `systemd-analyze`, which knows what systemd takes; it comes with systemd")
}

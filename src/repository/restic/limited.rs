//! A question to restic that may not take long.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Failed, Restic, Snapshot};

/// What timeout(1) exits with when the time is over.
const TOO_LATE: u8 = 124;

impl Restic<'_> {
    /// All snapshots, the oldest first, where restic lists them within this number of seconds.
    ///
    /// # Errors
    /// When restic fails, takes longer, or prints what is no list of snapshots.
    pub(crate) fn snapshots_within(&self, seconds: u32) -> Result<Vec<Snapshot>> {
        match self.listed(limited(&self.reading(&["snapshots", "--json"])?, seconds)) {
            Err(error) if is_too_late(&error) => bail!("restic did not answer within {seconds} s"),
            listed => listed,
        }
    }
}

fn is_too_late(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failed>()
        .is_some_and(|failed| failed.status == TOO_LATE)
}

/// The same command, ended when its time is over.
fn limited(command: &Command, seconds: u32) -> Command {
    let mut limited = Command::new("timeout");
    limited
        .args(["--kill-after=2", &seconds.to_string()])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    limited
}

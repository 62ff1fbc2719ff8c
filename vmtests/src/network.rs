//! The guests' private network: a switch in a separate process. It has no address of this machine and no way
//! out.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::deadline::poll;
use crate::process::{Ended, command_ending_with_us, start};

/// A running switch.
#[derive(Debug)]
pub struct Switch {
    directory: PathBuf,
    // Dropped first: the switch ends at the end of its standard input, also when this process is killed.
    _input: Option<ChildStdin>,
    _process: Ended,
}

impl Switch {
    /// Starts a switch that guests reach through `directory`, which it makes.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(directory: &Path) -> anyhow::Result<Self> {
        let mut command = command_ending_with_us("vde_switch");
        command.arg("--sock").arg(directory).args(["--dirmode", "0700"]);
        let mut child = start(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let input = child.stdin.take();
        let mut process = Ended(child);
        let control = directory.join("ctl");
        let ready = poll(Duration::from_secs(10), || {
            if let Some(status) = process.0.try_wait().context("cannot watch the switch")? {
                bail!(
                    "`vde_switch` ended at once: {status}\n\nhint: `cargo xtask setup` installs what the VM tests need"
                );
            }
            Ok(control.exists().then_some(()))
        })?;
        ready.context("`vde_switch` is not ready after 10 s")?;
        Ok(Self {
            directory: directory.to_path_buf(),
            _input: input,
            _process: process,
        })
    }

    /// What guests connect to.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

//! QEMU's monitor: what is done to a guest from outside.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// QEMU answers at once, but for saving and loading snapshots.
const LIMIT: Duration = Duration::from_secs(300);

/// A connection to one QEMU's monitor.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects to the monitor at `socket`.
    ///
    /// # Errors
    /// When nothing there speaks QMP.
    pub fn connect(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut qmp = Self {
            reader: BufReader::new(stream),
        };
        let greeting = qmp.message()?;
        ensure!(
            greeting.get("QMP").is_some(),
            "no greeting of QEMU's monitor: {greeting}"
        );
        drop(qmp.execute("qmp_capabilities", &json!({}))?);
        Ok(qmp)
    }

    /// Carries out one command and hands back its answer.
    ///
    /// # Errors
    /// The message of QEMU when it cannot.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> anyhow::Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.reader
            .get_mut()
            .write_all(format!("{request}\n").as_bytes())
            .context("cannot reach QEMU's monitor")?;
        loop {
            let mut message = self.message()?;
            if let Some(error) = message.get("error") {
                bail!(
                    "QEMU refuses `{command}` {arguments}: {}",
                    error["desc"].as_str().unwrap_or_default()
                );
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            // Anything else is an event, which nobody waits for.
        }
    }

    /// Carries out a command of the human monitor that prints nothing when it succeeds, such as those about
    /// snapshots.
    ///
    /// # Errors
    /// The message of QEMU.
    pub fn human(&mut self, command_line: &str) -> anyhow::Result<()> {
        let answer = self.execute("human-monitor-command", &json!({ "command-line": command_line }))?;
        let text = answer.as_str().unwrap_or_default().trim();
        ensure!(text.is_empty(), "QEMU answers `{command_line}` with: {text}");
        Ok(())
    }

    /// QEMU's word for what the guest does: `running`, `paused`, `shutdown`…
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn status(&mut self) -> anyhow::Result<String> {
        let answer = self.execute("query-status", &json!({}))?;
        Ok(answer["status"].as_str().unwrap_or_default().to_owned())
    }

    fn message(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        let length = self
            .reader
            .read_line(&mut line)
            .context("no answer from QEMU's monitor")?;
        ensure!(length > 0, "QEMU has ended");
        serde_json::from_str(&line).with_context(|| format!("QEMU's monitor sent `{}`", line.trim()))
    }
}

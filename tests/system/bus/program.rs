//! The program under test, and what it has printed so far.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::manager::{Bus, Manager};

/// For a machine with much else to do.
const LIMIT: Duration = Duration::from_secs(60);

/// A storage host: a bus, a manager, and the directories of a run.
pub(crate) struct Storage {
    pub(crate) bus: Bus,
    pub(crate) manager: Manager,
    directory: TempDir,
}

impl Storage {
    pub(crate) fn new() -> Result<Self> {
        let bus = Bus::new()?;
        let manager = Manager::on(&bus)?;
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("runs"))?;
        fs::create_dir_all(directory.path().join("answers/genbackup-run"))?;
        Ok(Self {
            bus,
            manager,
            directory,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the record of the run that the stand-in starts, whole.
    pub(crate) fn record(&self, events: &[&str]) -> Result<()> {
        self.record_of("20270115T080001Z", events)
    }

    pub(crate) fn record_of(&self, run: &str, events: &[&str]) -> Result<()> {
        let time = r#""time":"2027-01-15T08:00:02Z""#;
        let lines = events.iter().map(|event| format!("{{{time},{event}}}\n"));
        let lines: Vec<String> = lines.collect();
        Ok(fs::write(
            self.path(&format!("runs/{run}.jsonl")),
            lines.concat(),
        )?)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genbackup"));
        command
            .args(words)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus.address)
            .env("TERM", "xterm")
            .env("TZ", "UTC")
            .env_remove("SYSTEMD_BUS_TIMEOUT")
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        if words.first() == Some(&"run") {
            command.arg("--runs").arg(self.path("runs"));
            command.args(["--now", "2027-01-15T09:00:00Z"]);
            command.arg("--answers").arg(self.path("answers"));
        }
        command
    }

    /// Starts the program with pipes where a person has a terminal.
    pub(crate) fn start(&self, words: &[&str]) -> Result<Program> {
        Self::piped(self.command(words))
    }

    pub(crate) fn piped(mut command: Command) -> Result<Program> {
        let (reader, writer) = std::io::pipe()?;
        let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        Ok(Program::new(child, reader))
    }
}

pub(crate) struct Program {
    child: Child,
    chunks: Receiver<Vec<u8>>,
    printed: Vec<u8>,
}

impl Program {
    pub(crate) fn new(child: Child, mut reader: impl Read + Send + 'static) -> Self {
        let (sender, chunks) = mpsc::channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // A terminal that nobody else has open is an error to read (EIO), and the end.
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk.iter().copied().take(read).collect()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            chunks,
            printed: Vec::new(),
        }
    }

    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed).into_owned()
    }

    /// Waits until it has printed a text.
    pub(crate) fn until(&mut self, text: &str) -> Result<()> {
        let until = Instant::now() + LIMIT;
        while !self.printed().contains(text) {
            match self
                .chunks
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.printed.extend(chunk),
                Err(RecvTimeoutError::Timeout) => bail!("it did not print `{text}`: {}", self.printed()),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without `{text}`: {}", self.printed()),
            }
        }
        Ok(())
    }

    pub(crate) fn interrupt(&self) -> Result<()> {
        Ok(kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGINT,
        )?)
    }

    /// Waits for its end: exit status and all that it printed.
    pub(crate) fn ended(mut self) -> Result<(Option<i32>, String)> {
        let until = Instant::now() + LIMIT;
        loop {
            match self
                .chunks
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.printed.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill().context("it cannot be ended")?;
                    bail!("it did not end: {}", self.printed());
                }
            }
        }
        Ok((self.child.wait()?.code(), self.printed()))
    }
}

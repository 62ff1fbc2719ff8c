//! One machine of the lab, in the words that stories are told in.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use shell_quote::{Bash, QuoteRefExt};

use crate::agent::{Agent, Output};
use crate::deadline::poll;
use crate::process::{command, output_of};
use crate::qemu::{Hardware, Qemu, Surroundings};

/// For a command whose caller names no deadline. An emulated guest on a busy machine is slow.
const COMMAND_LIMIT: Duration = Duration::from_secs(180);
/// From the power switch to a system that has started everything.
const BOOT_LIMIT: Duration = Duration::from_secs(400);
/// From a loaded snapshot to the first answer.
const WAKE_LIMIT: Duration = Duration::from_secs(60);

/// One machine of the lab. Its verbs take the machine as shared, so that several threads can use several machines.
#[derive(Debug)]
pub struct Machine {
    name: String,
    address: String,
    qemu: Qemu,
    agent: Mutex<Agent>,
}

impl Machine {
    /// Switches a new machine on. Call it from the thread that owns the lab: see [`Qemu::start`].
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn switch_on(hardware: &Hardware, at: Surroundings<'_>) -> anyhow::Result<Self> {
        let qemu = Qemu::start(hardware, at)?;
        let agent = Mutex::new(Agent::new(&hardware.name, qemu.agent_socket(), qemu.inbox()));
        let address = format!("10.77.0.{}", hardware.number);
        Ok(Self {
            name: hardware.name.clone(),
            address,
            qemu,
            agent,
        })
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the private network.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its network's length of prefix included, for example `10.77.0.1/24`.
    #[must_use]
    pub fn address_with_prefix(&self) -> String {
        format!("{}/24", self.address)
    }

    /// The file with everything it said on its console.
    #[must_use]
    pub fn console(&self) -> &Path {
        self.qemu.console()
    }

    /// Runs a shell command as root, with `errexit`, `nounset` and `pipefail`.
    ///
    /// # Errors
    /// When the machine does not answer, or the command takes more than three minutes. A failed command is no error.
    pub fn run(&self, command: &str) -> anyhow::Result<Output> {
        self.run_within(command, b"", COMMAND_LIMIT)
    }

    /// Like [`run`](Self::run), with a standard input and a deadline.
    ///
    /// # Errors
    /// When the machine does not answer, or the command takes longer than `limit`: then it has been ended.
    pub fn run_within(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        self.agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .run(command, input, limit)
    }

    /// Runs a command that has to succeed, and hands back what it printed, without the white space at its end.
    ///
    /// # Errors
    /// When it fails: the error has everything that it said.
    pub fn succeeds(&self, command: &str) -> anyhow::Result<String> {
        self.succeeds_with(command, b"")
    }

    /// Like [`succeeds`](Self::succeeds), with a standard input.
    ///
    /// # Errors
    /// When it fails.
    pub fn succeeds_with(&self, command: &str, input: &[u8]) -> anyhow::Result<String> {
        let output = self.run_within(command, input, COMMAND_LIMIT)?;
        if output.status != 0 {
            bail!("{}: `{command}` failed: {}", self.name, told(&output));
        }
        Ok(output.text())
    }

    /// Runs a command that has to fail, and hands back how it did: look at that, a failure alone proves little.
    ///
    /// # Errors
    /// When it succeeds.
    pub fn fails(&self, command: &str) -> anyhow::Result<Output> {
        let output = self.run(command)?;
        ensure!(
            output.status != 0,
            "{}: `{command}` succeeded: {}",
            self.name,
            told(&output)
        );
        Ok(output)
    }

    /// Runs a command again and again until it succeeds, and hands back what it printed then.
    ///
    /// # Errors
    /// When it still fails after `deadline`.
    pub fn wait_until_succeeds(&self, command: &str, deadline: Duration) -> anyhow::Result<String> {
        let mut last = String::new();
        let found = poll(deadline, || {
            let output = self.run(command)?;
            last = told(&output);
            Ok((output.status == 0).then(|| output.text()))
        })?;
        found.with_context(|| {
            format!(
                "{}: `{command}` still fails after {} s: {last}",
                self.name,
                deadline.as_secs()
            )
        })
    }

    /// Waits until a unit is active.
    ///
    /// # Errors
    /// At once when it has failed, and after `deadline`; the error has the end of its journal.
    pub fn wait_for_unit(&self, unit: &str, deadline: Duration) -> anyhow::Result<()> {
        let mut state = String::new();
        let show = format!("systemctl show --property=ActiveState --value {}", quoted(unit));
        let active = poll(deadline, || {
            state = self.succeeds(&show)?;
            ensure!(
                state != "failed",
                "{}: `{unit}` has failed\n{}",
                self.name,
                self.journal_of(unit)?
            );
            Ok((state == "active").then_some(()))
        })?;
        match active {
            Some(()) => Ok(()),
            None => bail!(
                "{}: `{unit}` is {state} after {} s\n{}",
                self.name,
                deadline.as_secs(),
                self.journal_of(unit)?
            ),
        }
    }

    fn journal_of(&self, unit: &str) -> anyhow::Result<String> {
        self.succeeds(&format!(
            "journalctl --boot --no-pager --lines=30 --unit={}",
            quoted(unit)
        ))
    }

    /// Writes a file, with the folders above it; owner and group are root. `mode` is for example `0o644`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_file(&self, path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        self.succeeds_with(
            &format!("install -D --mode={mode:04o} /dev/stdin {}", quoted(path)),
            bytes,
        )
        .map(drop)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_file(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let output = self.run(&format!("cat -- {}", quoted(path)))?;
        ensure!(
            output.status == 0,
            "{}: cannot read `{path}`: {}",
            self.name,
            output.error_text()
        );
        Ok(output.stdout)
    }

    /// Copies what is under `folder` on this machine to the guest's `/`, with modes and links; root owns it all.
    /// Folders that are there already keep their modes.
    ///
    /// # Errors
    /// When it cannot be packed here or unpacked there.
    pub fn install_tree(&self, folder: &Path) -> anyhow::Result<()> {
        let archive = tempfile::NamedTempFile::new()?;
        output_of(
            command("tar")
                .args([
                    "--create",
                    "--gzip",
                    "--owner=0",
                    "--group=0",
                    "--numeric-owner",
                    "--sort=name",
                ])
                .arg("--file")
                .arg(archive.path())
                .arg("--directory")
                .arg(folder)
                .arg("."),
        )?;
        let bytes = std::fs::read(archive.path())?;
        let unpack = "tar --extract --gzip --directory=/ --preserve-permissions --numeric-owner \
                      --no-overwrite-dir --keep-directory-symlink";
        self.succeeds_with(unpack, &bytes).map(drop)
    }

    /// Its public ed25519 host key, as in `known_hosts`: `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// When it has none yet.
    pub fn host_key(&self) -> anyhow::Result<String> {
        self.succeeds("cut --delimiter=' ' --fields=1,2 /etc/ssh/ssh_host_ed25519_key.pub")
    }

    /// Takes its power away, between two instructions. What was not on its disk is lost.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn power_off_hard(&self) -> anyhow::Result<()> {
        self.qemu.freeze()
    }

    /// Shuts it down in order, and waits until that is done.
    ///
    /// # Errors
    /// When it is not done in time.
    pub fn power_off(&self) -> anyhow::Result<()> {
        self.qemu.press_power_button()?;
        let done = poll(BOOT_LIMIT, || Ok(self.qemu.has_shut_down()?.then_some(())))?;
        done.with_context(|| format!("{}: not shut down after {} s", self.name, BOOT_LIMIT.as_secs()))
    }

    /// Boots it, whatever it was doing, and waits until it has started everything.
    ///
    /// # Errors
    /// When it does not come up, or a unit fails while it does.
    pub fn boot_again(&self) -> anyhow::Result<()> {
        self.qemu.boot()?;
        self.wait_until_booted()
    }

    /// Waits until it has started everything.
    ///
    /// # Errors
    /// When it does not come up, or a unit fails while it does.
    pub fn wait_until_booted(&self) -> anyhow::Result<()> {
        self.agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .synchronize(BOOT_LIMIT)
            .with_context(|| {
                let console = std::fs::read(self.console()).unwrap_or_default();
                let text = String::from_utf8_lossy(&console).into_owned();
                let lines = text.lines().rev().take(20).collect::<Vec<_>>();
                format!(
                    "the end of its console:\n{}",
                    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
            })?;
        let output = self.run_within("systemctl is-system-running --wait", b"", BOOT_LIMIT)?;
        if output.text() != "running" {
            let failed = self.succeeds("systemctl --failed --no-pager --plain")?;
            bail!(
                "{}: the system is {} after its boot\n{failed}",
                self.name,
                output.text()
            );
        }
        Ok(())
    }

    /// Pulls its network cable.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn cut_network(&self) -> anyhow::Result<()> {
        self.qemu.plug_network(false)
    }

    /// Puts its network cable back, and waits until it has its address again.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn restore_network(&self) -> anyhow::Result<()> {
        self.qemu.plug_network(true)?;
        self.wait_for_address()
    }

    /// Waits until its network card has its address.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn wait_for_address(&self) -> anyhow::Result<()> {
        let look = format!(
            "ip -brief -4 address show up | grep --fixed-strings ' {}'",
            self.address_with_prefix()
        );
        self.wait_until_succeeds(&look, WAKE_LIMIT).map(drop)
    }

    /// Sets its clock.
    ///
    /// # Errors
    /// When `when` is before 1970.
    pub fn set_clock(&self, when: SystemTime) -> anyhow::Result<()> {
        let time = when
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("a time before 1970")?;
        self.succeeds(&format!("date --utc --set=@{:.6}", time.as_secs_f64()))
            .map(drop)
    }

    /// Everything it does stops here until [`go_on`](Self::go_on).
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.qemu.freeze()
    }

    pub(crate) fn save(&self, snapshot: &str) -> anyhow::Result<()> {
        self.qemu.save(snapshot)
    }

    pub(crate) fn load(&self, snapshot: &str) -> anyhow::Result<()> {
        self.qemu.plug_network(true)?;
        self.qemu.load(snapshot)
    }

    /// Goes on after a freeze, at the present time.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.qemu.go_on()?;
        self.agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .synchronize(WAKE_LIMIT)?;
        self.set_clock(SystemTime::now())
    }

    /// Makes it answer again after a story that went wrong: it may be without power, or in the middle of a command.
    pub(crate) fn wake(&self) -> anyhow::Result<()> {
        self.qemu.go_on()?;
        self.agent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .synchronize(WAKE_LIMIT)
    }

    /// Where its console and QEMU's own complaints are.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        [
            self.console().to_path_buf(),
            self.console().with_file_name(format!("{}-qemu.log", self.name)),
        ]
    }
}

/// A word of a shell command, whatever is in it.
#[must_use]
pub fn quoted(word: &str) -> String {
    word.quoted(Bash)
}

fn told(output: &Output) -> String {
    format!(
        "exit status {}\n{}\n{}",
        output.status,
        output.text(),
        output.error_text()
    )
}

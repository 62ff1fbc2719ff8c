//! Whether guests run on the processor itself (KVM) or are emulated (TCG).

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::cache;
use crate::deadline::poll;
use crate::image::Image;
use crate::process::{Ended, command, command_ending_with_us, output_of, start};

/// What runs the guests' code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor, through `/dev/kvm`.
    Kvm,
    /// QEMU's emulation: some ten times slower, and works everywhere.
    Tcg,
}

/// The kernel prints this when the probe's only program has succeeded.
const MARKER: &str = "Attempted to kill init! exitcode=0x00000000";
/// A processor that works gets there in a second or two.
const PROBE_LIMIT: Duration = Duration::from_secs(15);
/// Older versions have a bug in `cmpxchg16b` that kills a 6.12 kernel.
pub const OLDEST_QEMU_FOR_TCG: u32 = 8;

impl Accelerator {
    /// `GENBACKUP_VM_ACCEL` (`kvm` or `tcg`), or what works here. The answer is remembered until the next boot.
    ///
    /// # Errors
    /// When only emulation is left and QEMU is too old for it.
    pub fn choose(image: &Image) -> anyhow::Result<Self> {
        let accelerator = match std::env::var("GENBACKUP_VM_ACCEL").ok().as_deref() {
            Some("kvm") => Self::Kvm,
            Some("tcg") => Self::Tcg,
            Some(other) => bail!("GENBACKUP_VM_ACCEL is `{other}`: it takes `kvm` or `tcg`"),
            None => remembered_probe(image)?,
        };
        if accelerator == Self::Tcg {
            let version = qemu_version(&output_of(command("qemu-system-x86_64").arg("--version"))?)?;
            ensure!(
                version >= OLDEST_QEMU_FOR_TCG,
                "QEMU {version} cannot emulate the guest's kernel without errors: it takes {OLDEST_QEMU_FOR_TCG} or newer\n\n\
                 hint: `cargo xtask setup` installs one; on Debian 12 it comes from backports"
            );
        }
        Ok(accelerator)
    }

    /// A QEMU that runs on it and boots `image`, with nothing plugged in. It ends with the thread that starts it.
    #[must_use]
    pub fn bare_machine(self, image: &Image) -> Command {
        let mut command = command_ending_with_us("qemu-system-x86_64");
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-machine", "q35,smm=off"])
            .args(self.arguments())
            .arg("-kernel")
            .arg(image.kernel())
            .arg("-initrd")
            .arg(image.initial_file_system());
        command
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // The oldest processor is the fastest to emulate, but for instructions that QEMU has done by the processor
            // itself, or that do the work of many: restic's ciphers and hashes take three fifths of the time with them.
            Self::Tcg => [
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq,+sha-ni",
            ],
        }
    }

    /// How many times longer than on the processor itself things may take; for deadlines.
    #[must_use]
    pub fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 6,
        }
    }
}

impl std::fmt::Display for Accelerator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// Probes once for each boot of this machine: the answer is the machine's, not the tests'.
fn remembered_probe(image: &Image) -> anyhow::Result<Accelerator> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("cannot read this boot's id")?;
    let note = cache::directory()?.join("kvm-works");
    if let Ok(text) = fs::read_to_string(&note)
        && let Some(works) = text.strip_prefix(&boot)
    {
        return Ok(if works == "yes" {
            Accelerator::Kvm
        } else {
            Accelerator::Tcg
        });
    }
    let works = kvm_works(image)?;
    fs::write(&note, format!("{boot}{}", if works { "yes" } else { "no" }))?;
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}

/// Boots a kernel up to a first program. `/dev/kvm` may open and even make a machine, and still be of no use.
fn kvm_works(image: &Image) -> anyhow::Result<bool> {
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(false);
    }
    let mut command = Accelerator::Kvm.bare_machine(image);
    command
        .args(["-m", "256", "-no-reboot", "-serial", "stdio"])
        .args(["-append", "console=ttyS0 panic=-1 rdinit=/usr/bin/true"]);
    let console = tempfile::NamedTempFile::new()?;
    command
        .stdout(Stdio::from(console.reopen()?))
        .stderr(Stdio::null());
    let mut process = Ended(start(&mut command)?);
    let found = poll(PROBE_LIMIT, || {
        // Asked first: what it wrote before it ended is then all there.
        let ended = process.0.try_wait()?.is_some();
        let mut text = Vec::new();
        console.reopen()?.read_to_end(&mut text)?;
        let works = String::from_utf8_lossy(&text).contains(MARKER);
        Ok((ended || works).then_some(works))
    })?;
    Ok(found.unwrap_or(false))
}

/// The first number of `QEMU emulator version 10.0.2 (…)`.
///
/// # Errors
/// When there is none.
pub fn qemu_version(text: &str) -> anyhow::Result<u32> {
    let version = text
        .split_whitespace()
        .skip_while(|&word| word != "version")
        .nth(1);
    let major = version
        .and_then(|version| version.split('.').next())
        .and_then(|major| major.parse().ok());
    major.with_context(|| format!("QEMU does not print its version: `{}`", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_prints_its_version() {
        assert_eq!(
            qemu_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright").unwrap(),
            10
        );
        assert_eq!(qemu_version("QEMU emulator version 7.2.17").unwrap(), 7);
        assert!(qemu_version("no idea").is_err());
    }
}

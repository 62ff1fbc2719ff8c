//! The machine that the figures are of.

use std::fs;
use std::thread;

use anyhow::Context;
use vmtests::process::{command, output_of};

/// One line: processors, memory, kernel, system, date. No name of the machine, nor of anything on it.
///
/// # Errors
/// When the kernel does not report it.
pub(crate) fn described() -> anyhow::Result<String> {
    let cores = thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let system = fs::read_to_string("/etc/os-release")?;
    let system = value_of(&system, "PRETTY_NAME=").context("/etc/os-release has no PRETTY_NAME")?;
    let date = output_of(command("date").args(["--utc", "+%Y-%m-%d"]))?;
    Ok(format!(
        "{cores} cores, {} GiB of memory, Linux {}, {}, {}",
        memory()?,
        kernel.trim(),
        system.trim_matches('"'),
        date.trim()
    ))
}

fn memory() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let total = value_of(&text, "MemTotal:").context("/proc/meminfo has no MemTotal")?;
    let kibibytes = total
        .trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .context("MemTotal")?;
    Ok((kibibytes >> 10).div_ceil(1 << 10))
}

/// The processes that wanted a processor in the last minute, on average.
///
/// # Errors
/// When the kernel does not report it.
pub(crate) fn load() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().with_context(|| text.clone())
}

fn value_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_described_without_its_name() {
        let line = described().unwrap();
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert!(line.contains(" cores, ") && line.contains("Linux "), "{line}");
        assert!(!line.split([' ', ',']).any(|word| word == name.trim()), "{line}");
    }
}

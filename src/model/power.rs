//! What a backup may use of its host: processor, disk and memory, and whether it keeps the host awake.

use std::fmt;

use serde::Deserialize;

use super::words::{listed, words};
use super::{Rate, Refusal};

/// What a backup, forget and prune may use of their host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// How much processor time they leave to other programs, as in nice(1): from 0 (none) to 19 (most).
    pub nice: u8,
    /// Their share of the disk.
    pub disk: DiskShare,
    /// Their share of the processor while others need it too (`CPUWeight=`, systemd.resource-control(5)). Other
    /// services have 100.
    pub cpu_weight: Option<u16>,
    /// The most memory that they may use.
    pub memory_limit: Option<MemorySize>,
    /// How fast restic may write to the repository.
    pub upload_limit: Option<Rate>,
    /// How fast restic may read from the repository.
    pub download_limit: Option<Rate>,
    /// Whether the host may go to sleep meanwhile.
    pub sleep: Sleep,
    /// What happens to a backup while the host runs on battery.
    pub on_battery: OnBattery,
}

impl Power {
    /// True if no backup is made while the host runs on battery.
    #[must_use]
    pub(crate) fn skips_on_battery(&self) -> bool {
        self.on_battery == OnBattery::Skip
    }
}

/// The share of the disk that a backup gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskShare {
    /// The same as other programs.
    Usual,
    /// Only what no other program uses.
    Idle,
}

/// Whether a host may go to sleep while a backup is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// A lock of logind keeps it awake.
    Inhibited,
    /// The backup does not prevent sleep.
    Allowed,
}

words! {
    /// What happens to a backup while its host runs on battery.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    OnBattery, word {
        /// It is made.
        BackUp = "back-up",
        /// It is skipped.
        Skip = "skip",
    }
}

impl TryFrom<String> for OnBattery {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::of_word(&text).ok_or_else(|| {
            let hint = format!("write {}", listed(Self::ALL.map(Self::word)));
            Refusal::new(format!("unknown value `{text}`"), hint)
        })
    }
}

/// An amount of memory in MiB, at least as much as restic needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct MemorySize {
    mebibytes: u64,
}

/// restic uses about 100 MiB before it has read a file.
const LEAST: u64 = 256;
/// 16 TiB.
const MOST: u64 = 16 << 20;

impl MemorySize {
    /// The size in MiB.
    #[must_use]
    pub(crate) const fn mebibytes(self) -> u64 {
        self.mebibytes
    }

    /// The limit for restic itself (Go's `GOMEMLIMIT`), in MiB: restic collects garbage before it reaches the limit of
    /// the unit, where it would be killed. The rest is for the script around it, and for files in the cache.
    #[must_use]
    pub(crate) const fn for_restic(self) -> u64 {
        self.mebibytes / 10 * 8
    }
}

impl TryFrom<String> for MemorySize {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let units = [("MiB", 1), ("GiB", 1 << 10), ("TiB", 1 << 20)];
        let size = units.into_iter().find_map(|(unit, factor)| {
            let number = text.strip_suffix(unit)?.trim_end();
            let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            number
                .parse::<u64>()
                .ok()
                .filter(|_| is_plain)?
                .checked_mul(factor)
        });
        let Some(mebibytes) = size else {
            return Err(Refusal::new(
                format!("`{text}` is not a memory size"),
                "write a whole number and a unit, such as `512 MiB` or `2 GiB`",
            ));
        };
        if !(LEAST..=MOST).contains(&mebibytes) {
            return Err(Refusal::new(
                format!("`{text}` is out of range"),
                format!("write a size from {LEAST} MiB to 16 TiB; a repository with many files needs more"),
            ));
        }
        Ok(Self { mebibytes })
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} MiB", self.mebibytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_memory_is_a_whole_number_with_a_unit_within_bounds() {
        let size = |text: &str| {
            MemorySize::try_from(text.to_owned())
                .map(MemorySize::mebibytes)
                .ok()
        };
        assert_eq!(size("256 MiB"), Some(256));
        assert_eq!(size("2GiB"), Some(2048));
        assert_eq!(size("16 TiB"), Some(16 << 20));
        for text in [
            "",
            "1",
            "MiB",
            "1.5 GiB",
            "-1 GiB",
            "+1 GiB",
            "1 GB",
            "1G",
            "255 MiB",
            "0 GiB",
            "17 TiB",
            "99999999999999999999 GiB",
            "18446744073709551615 TiB",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn restic_keeps_to_less_than_the_limit() {
        let size = MemorySize { mebibytes: 1024 };
        assert_eq!(size.for_restic(), 816);
    }
}

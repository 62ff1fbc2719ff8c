//! Versions of the programs that hosts bring along, and what those can do.

use std::fmt;

use serde::Deserialize;

use super::Refusal;

/// The oldest restic that a host may have.
const OLDEST_RESTIC: ResticVersion = ResticVersion {
    major: 0,
    minor: 14,
    patch: 0,
};
/// The oldest systemd that a host may have.
const OLDEST_SYSTEMD: u16 = 252;

/// The oldest versions that a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumVersions {
    /// Its restic.
    pub restic: ResticVersion,
    /// Its systemd.
    pub systemd: SystemdVersion,
}

/// A version of restic, such as `0.18` or `0.17.1`; not older than 0.14, which Debian 12 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ResticVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

impl ResticVersion {
    /// The oldest that is supported.
    pub const OLDEST: Self = OLDEST_RESTIC;

    /// True if it has the feature.
    #[must_use]
    pub fn has(&self, feature: ResticFeature) -> bool {
        *self >= feature.since()
    }

    /// True when forget keeps the oldest snapshot while a rule has some left, since 0.16 (its `ApplyPolicy`).
    #[must_use]
    pub(crate) fn keeps_the_oldest(self) -> bool {
        (self.major, self.minor) >= (0, 16)
    }

    /// True when forget reads `unlimited`, since 0.16 (its `ForgetPolicyCount`).
    #[must_use]
    pub(crate) fn knows_unlimited(self) -> bool {
        (self.major, self.minor) >= (0, 16)
    }

    /// The features that it lacks.
    pub fn lacks(&self) -> impl Iterator<Item = ResticFeature> {
        ResticFeature::ALL
            .into_iter()
            .filter(|feature| !self.has(*feature))
    }
}

/// What is used of restic, and came after the oldest version that is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResticFeature {
    /// It waits for a lock by itself.
    RetryLock,
    /// `backup` has an option for the snapshots to compare with.
    GroupBy,
    /// `restore` leaves holes where a file has zeros.
    RestoreSparse,
    /// `restore` reports its progress in JSON.
    RestoreProgress,
    /// `restore` can keep existing files, and follows no existing link.
    RestoreOverwrite,
    /// `rewrite` can change the host of a snapshot.
    RewriteHost,
}

impl ResticFeature {
    /// What backups make use of. What only `genbackup restore` does, it asks the restic that is there.
    const ALL: [Self; 2] = [Self::RetryLock, Self::GroupBy];

    /// Its option.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::RetryLock => "--retry-lock",
            Self::GroupBy => "backup --group-by",
            Self::RestoreSparse => "restore --sparse",
            Self::RestoreProgress => "restore --json",
            Self::RestoreOverwrite => "restore --overwrite",
            Self::RewriteHost => "rewrite --new-host",
        }
    }

    /// The first version that has it, by restic's changelog.
    #[must_use]
    pub const fn since(self) -> ResticVersion {
        let minor = match self {
            Self::RestoreSparse => 15,
            Self::RetryLock | Self::GroupBy | Self::RestoreProgress => 16,
            Self::RestoreOverwrite | Self::RewriteHost => 17,
        };
        ResticVersion {
            major: 0,
            minor,
            patch: 0,
        }
    }

    /// What happens without it.
    #[must_use]
    pub const fn without(self) -> &'static str {
        match self {
            Self::RetryLock => "the script waits for locks itself, and checks every 10 s",
            Self::GroupBy => "after a change of `include`, restic reads every file again",
            Self::RestoreSparse => "`genbackup restore` writes zeros into the holes of a sparse file",
            Self::RestoreProgress => "`genbackup restore` does not show its progress",
            Self::RewriteHost => "`genbackup adopt` cannot change the host of snapshots",
            Self::RestoreOverwrite => {
                "`genbackup restore` refuses `--overwrite`: restic would follow existing links"
            }
        }
    }
}

impl TryFrom<String> for ResticVersion {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let numbers: Option<Vec<u16>> = text.split('.').map(number).collect();
        let version = match numbers.as_deref() {
            Some(&[major, minor]) => Self {
                major,
                minor,
                patch: 0,
            },
            Some(&[major, minor, patch]) => Self { major, minor, patch },
            _ => {
                return Err(Refusal::new(
                    format!("`{text}` is not a restic version"),
                    "write the version that `restic version` prints, such as `0.18` or `0.17.1`",
                ));
            }
        };
        if version < OLDEST_RESTIC {
            return Err(Refusal::new(
                format!("restic {text} is too old"),
                format!("genbackup needs restic {OLDEST_RESTIC} or later; Debian 12 has it"),
            ));
        }
        Ok(version)
    }
}

impl fmt::Display for ResticVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(formatter, "{major}.{minor}")?;
        if *patch > 0 {
            write!(formatter, ".{patch}")?;
        }
        Ok(())
    }
}

/// A version of systemd, such as `257`; not older than 252, which Debian 12 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SystemdVersion(u16);

impl SystemdVersion {
    /// The oldest that is supported: every unit is written for it.
    pub const OLDEST: Self = Self(OLDEST_SYSTEMD);

    /// True if it has the feature.
    #[must_use]
    pub fn has(self, feature: SystemdFeature) -> bool {
        self >= feature.since()
    }
}

/// A setting of systemd that came after the oldest version that is supported. Older versions log it as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemdFeature {
    /// `PollLimitIntervalSec=` of a socket. Without it, a socket answers no client for some seconds after 150
    /// connections in 2 s.
    PollLimit,
}

impl SystemdFeature {
    /// The first version that has it, by systemd.socket(5).
    #[must_use]
    pub const fn since(self) -> SystemdVersion {
        SystemdVersion(match self {
            Self::PollLimit => 255,
        })
    }
}

impl TryFrom<String> for SystemdVersion {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // Updates within a release, such as 252.39, bring no settings.
        let release = text.split_once('.').map_or(text.as_str(), |(release, _)| release);
        let Some(version) = number(release) else {
            return Err(Refusal::new(
                format!("`{text}` is not a systemd version"),
                "write the first number that `systemctl --version` prints, such as `257`",
            ));
        };
        if version < OLDEST_SYSTEMD {
            return Err(Refusal::new(
                format!("systemd {text} is too old"),
                format!("genbackup needs systemd {OLDEST_SYSTEMD} or later; Debian 12 has it"),
            ));
        }
        Ok(Self(version))
    }
}

impl fmt::Display for SystemdVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Digits alone: `u16::from_str` also accepts a sign.
fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

//! The phases: what is done in addition to the backups of hosts.

use serde::{Serialize, Serializer};

/// What is done in addition to the backups, in the order in which it makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Snapshots that the keep policy lets go are forgotten.
    Forget,
    /// What no snapshot needs is removed.
    Prune,
    /// The repository is checked.
    Check,
    /// A snapshot is restored, to prove that it can be.
    Drill,
    /// The repository is copied elsewhere.
    Offsite,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Forget, Self::Prune, Self::Check, Self::Drill, Self::Offsite];
    /// Those that are not part of a run: an administrator starts them, or a separate unit.
    pub const AD_HOC: [Self; 3] = [Self::Check, Self::Drill, Self::Offsite];

    /// True if it is not part of a run.
    #[must_use]
    pub fn is_ad_hoc(self) -> bool {
        Self::AD_HOC.contains(&self)
    }

    /// Its word in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Prune => "prune",
            Self::Check => "check",
            Self::Drill => "drill",
            Self::Offsite => "offsite",
        }
    }

    /// `forget-started` is forget, and `started`.
    pub(crate) fn of_event(name: &str) -> Option<(Self, &str)> {
        let (word, step) = name.rsplit_once('-')?;
        let phase = Self::ALL.into_iter().find(|phase| phase.name() == word)?;
        Some((phase, step))
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_is_known_by_its_word_and_no_other() {
        for phase in Phase::ALL {
            for step in ["started", "finished", "paused"] {
                let name = format!("{}-{step}", phase.name());
                assert_eq!(Phase::of_event(&name), Some((phase, step)));
            }
        }
        for name in [
            "forget",
            "-started",
            "rehearsal-finished",
            "forget-now-started",
            "",
        ] {
            assert_eq!(Phase::of_event(name), None, "{name}");
        }
    }
}

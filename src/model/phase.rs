//! The phases: what is done in addition to the backups of hosts.

use serde::{Serialize, Serializer};

use super::words::words;

words! {
    /// What is done in addition to the backups, in the order in which it makes sense, with its word in the record.
    Phase, name {
        /// Snapshots that the keep policy lets go are forgotten.
        Forget = "forget",
        /// What no snapshot needs is removed.
        Prune = "prune",
        /// The repository is checked.
        Check = "check",
        /// A snapshot is restored, to prove that it can be.
        Drill = "drill",
        /// The repository is copied elsewhere.
        Offsite = "offsite",
    }
}

impl Phase {
    /// Those that are not part of a run: an administrator starts them, or a separate unit.
    pub const AD_HOC: [Self; 3] = [Self::Check, Self::Drill, Self::Offsite];

    /// True if it is not part of a run.
    #[must_use]
    pub fn is_ad_hoc(self) -> bool {
        Self::AD_HOC.contains(&self)
    }

    /// `forget-started` is forget, and `started`.
    pub(crate) fn of_event(name: &str) -> Option<(Self, &str)> {
        let (word, step) = name.rsplit_once('-')?;
        let phase = Self::of_word(word)?;
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

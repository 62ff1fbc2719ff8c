//! Why nothing is copied and nothing is deleted.

use std::fmt;

use super::name::{Name, Part};
use crate::text::counted;

/// How many names of files a message spells out.
const SPELLED_OUT: usize = 3;

/// Why a copy is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A part of the repository that every repository has is missing or empty: its file system may not be mounted.
    NoRepository(Part),
    /// The copy's `config` is another one: it is the copy of another repository.
    Foreign,
    /// The remote has files, and is no repository.
    Occupied(Vec<String>),
    /// The repository has no snapshot, but the copy has.
    Empty {
        /// How many snapshots the copy has.
        copied: usize,
    },
    /// The repository lost more snapshots than it may lose at once.
    Loss {
        /// How many went since the last time.
        lost: usize,
        /// How many there were.
        of: usize,
        /// How many may go.
        allowed: usize,
    },
    /// The keep policy of the copy would remove more of its snapshots than may go at once.
    Forget {
        /// How many it would remove.
        removed: usize,
        /// How many there are.
        of: usize,
        /// How many may go.
        allowed: usize,
    },
    /// Files of the copy have another size than in the repository, and no upload of ours was cut off.
    Damaged(Vec<Name>),
}

impl Refusal {
    /// What to do about it; `copy` is the name of the copy in the fleet file.
    #[must_use]
    pub(crate) fn hint(&self, copy: &str) -> String {
        match self {
            Self::NoRepository(_) => {
                "mount the file system of the repository, then start the copy again".to_owned()
            }
            Self::Foreign => format!(
                "name another place for this repository in `[offsite.{copy}]`; after `restic migrate`, which writes a new \
                 config, run `genbackup offsite {copy} --accept config`"
            ),
            Self::Occupied(_) => format!("name an empty or new place in `[offsite.{copy}]`"),
            Self::Empty { .. } | Self::Loss { .. } => format!(
                "run `genbackup snapshots` and `genbackup snapshots --from {copy}` to see what is missing; if it was \
                 removed on purpose, run `genbackup offsite {copy} --accept loss`"
            ),
            Self::Forget { .. } => format!(
                "run `genbackup snapshots --from {copy}` to see what is there; if `keep` was changed on purpose, run \
                 `genbackup offsite {copy} --accept loss`"
            ),
            Self::Damaged(_) => format!(
                "run `restic check --read-data` on the repository; if it is whole, run `genbackup offsite {copy} --accept \
                 repair`, which replaces these files of the copy"
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRepository(part @ Part::Config) => {
                write!(formatter, "the repository has no file `{}`", part.directory())
            }
            Self::NoRepository(part) => write!(
                formatter,
                "the directory `{}` of the repository has no file",
                part.directory()
            ),
            Self::Foreign => {
                formatter.write_str("the copy is that of another repository: its `config` differs")
            }
            Self::Occupied(paths) => write!(
                formatter,
                "the remote has files and is no repository: {}",
                listed(paths)
            ),
            Self::Empty { copied } => write!(
                formatter,
                "the repository has no snapshot, but the copy has {}",
                counted(*copied as u64, "snapshot")
            ),
            Self::Loss { lost, of, allowed } => write!(
                formatter,
                "{lost} of {} are missing in the repository since the last copy; `max-loss` allows {allowed}",
                counted(*of as u64, "snapshot")
            ),
            Self::Forget { removed, of, allowed } => write!(
                formatter,
                "`keep` of the copy would remove {removed} of {}; `max-loss` allows {allowed}",
                counted(*of as u64, "snapshot")
            ),
            Self::Damaged(names) => write!(
                formatter,
                "{} of the copy {} another size than in the repository: {}",
                counted(names.len() as u64, "file"),
                if names.len() == 1 { "has" } else { "have" },
                listed(names)
            ),
        }
    }
}

impl std::error::Error for Refusal {}

fn listed(items: &[impl fmt::Display]) -> String {
    let mut words: Vec<String> = items.iter().take(SPELLED_OUT).map(ToString::to_string).collect();
    if let Some(more) = items.len().checked_sub(SPELLED_OUT).filter(|more| *more > 0) {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

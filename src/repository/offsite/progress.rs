//! How far a copy is.

use std::fmt;

use bytesize::ByteSize;

use crate::text::counted;

/// How much of a copy is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Bytes of files.
    Bytes {
        /// How many are there.
        done: u64,
        /// How many are to be there.
        of: u64,
    },
    /// Snapshots.
    Snapshots {
        /// How many are there.
        done: u64,
        /// How many are to be there.
        of: u64,
    },
    /// The number of files that leave the copy, because the repository no longer has them.
    Deleting(u64),
    /// The copy waits for forget and prune.
    Waiting,
}

/// The function that gets the progress of a copy.
pub(crate) type Watcher<'w> = &'w (dyn Fn(Progress) + Sync);

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Bytes { done, of } => {
                write!(formatter, "{} of {}", ByteSize(done.min(of)), ByteSize(of))
            }
            Self::Snapshots { done, of } => write!(formatter, "{done} of {}", counted(of, "snapshot")),
            Self::Deleting(files) => write!(formatter, "deleting {}", counted(files, "file")),
            Self::Waiting => formatter.write_str("waiting for forget and prune"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_few_words() {
        for (progress, words) in [
            (
                Progress::Bytes {
                    done: 5 << 20,
                    of: 1 << 30,
                },
                "5.0 MiB of 1.0 GiB",
            ),
            // rclone counts what it sends a second time.
            (
                Progress::Bytes {
                    done: 2 << 30,
                    of: 1 << 30,
                },
                "1.0 GiB of 1.0 GiB",
            ),
            (Progress::Snapshots { done: 1, of: 12 }, "1 of 12 snapshots"),
            (Progress::Deleting(1), "deleting 1 file"),
        ] {
            assert_eq!(progress.to_string(), words);
        }
    }
}

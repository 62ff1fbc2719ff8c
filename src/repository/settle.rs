//! Settles what a client added to its own repository in one turn: verifies it, and takes it over or moves it away.
//!
//! A client can add files to its repository, and it has the password. So it can add files that lie, such as an index
//! with which `restic prune` would delete good data. After each turn, while the host is not served:
//!
//! 1. Find the files that no earlier turn settled. Move away what restic never makes, such as links.
//! 2. Rebuild the index of the new packs from their own headers, and verify each blob against its hash, in a shadow
//!    repository of hard links. Move damaged packs away.
//! 3. Put the rebuilt index into the repository, then move the client's index files away.
//! 4. Check the host, tag, time and completeness of the new snapshot. Move it away if it fails.
//! 5. Remove locks that a crash left, and record what is settled.
//!
//! Nothing is deleted: what fails goes to the quarantine with a reason. Each step can be repeated after a power cut at
//! any point, because the state is recorded last. What no state covers is verified again.
//!
//! | module | its one job |
//! | --- | --- |
//! | `turn` | one turn of one host, and the times that a snapshot of it may have |
//! | `found` | the files of the repository |
//! | `state` | which of them are settled |
//! | `shadow` | the shadow repository |
//! | `contents` | what index files claim |
//! | `verify` | separates sound packs from damaged ones, and adds their index |
//! | `indexes` | judges the client's index files |
//! | `snapshots` | judges new snapshots |
//! | `quarantine` | moves files away, with the reasons |
//! | `fleet` | the quarantines of all repositories |
//! | `guard` | whether forget and prune may run |
//! | `restic` | starts restic, and separates its verdict from trouble of this host |
//! | `disk` | directories, moves and locks |
//! | `verdict` | the result, for the record |

mod contents;
mod disk;
mod fleet;
mod found;
mod guard;
mod indexes;
mod quarantine;
mod restic;
mod shadow;
mod snapshots;
mod state;
mod turn;
mod verdict;
mod verify;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use self::found::Found;
use self::quarantine::Quarantine;
use self::state::State;
use self::verify::Verified;
use super::maintain::{remove_all, remove_stale};
use crate::system::journal;

pub(crate) use self::fleet::{find, quarantined};

pub use self::disk::Before;
pub use self::guard::{begin_maintenance, objection, record_all, unsettled};
pub use self::quarantine::{Entry, Finding, accept, entries};
pub use self::restic::Restic;
pub use self::state::Unsettled;
pub use self::turn::Turn;
pub use self::verdict::Verdict;

/// What one settling needs.
#[derive(Clone)]
pub struct Settle<'s> {
    /// The directory of the repository. No client adds files to it meanwhile.
    pub repository: PathBuf,
    /// The file that names what is settled. Its directory exists.
    pub state: PathBuf,
    /// restic, with the password of this repository.
    pub restic: Restic,
    /// The turn.
    pub turn: Turn,
    /// True if no process uses the repository. Then all locks are removed, not only stale ones.
    pub is_alone: bool,
    /// Called before each change on the disk. If it fails, nothing more is changed.
    pub before: Before<'s>,
}

impl Settle<'_> {
    /// Settles the turn. The verdict names what was moved away.
    ///
    /// # Errors
    /// When this host cannot tell: restic is missing or was killed, the password is wrong, the disk is full. Then
    /// nothing is known against the client, and what is not settled yet stays so.
    pub fn run(&self) -> Result<Verdict> {
        let clock = Instant::now();
        let _lock = disk::lock(&self.repository)?;
        let quarantine = Quarantine::of(&self.repository, &self.turn, self.before);
        quarantine.resume()?;
        let mut state = State::read(&self.state)?;
        let found = Found::read(&self.repository)?;
        let Unsettled {
            mut packs,
            indexes,
            snapshots,
        } = state.unsettled(&found);
        quarantine.note_missing(&state.missing_packs(&found))?;
        quarantine.put(found.strange.iter().cloned())?;
        quarantine.put(found::oversized(&mut packs, &found.packs))?;

        let Verified { groups, digests, bad } = self.verify(&packs)?;
        let verdict = Verdict::of(&self.turn, &groups, &found.packs);
        quarantine.put(
            bad.into_iter()
                .map(|(pack, why)| (found::path_of_pack(&pack), why)),
        )?;
        self.judge_indexes(&indexes, &found.indexes, &state, &digests, &quarantine)?;
        state.add(groups, &found);
        (self.before)()?;
        state.put(&self.state)?;

        let settled = self.judge_snapshots(&snapshots, &found.snapshots, state.is_lost, &quarantine)?;
        state.snapshots.extend(settled.iter().cloned());
        state.is_lost = false;
        state.maintaining = false;
        (self.before)()?;
        state.put(&self.state)?;
        shadow::remove(&self.repository, self.before)?;
        self.remove_locks()?;
        let reasons = quarantine.reasons()?;
        Ok(verdict.finished(settled, reasons, clock.elapsed()))
    }

    fn remove_locks(&self) -> Result<()> {
        (self.before)()?;
        let removed = if self.is_alone {
            remove_all(&self.repository)
        } else {
            remove_stale(&self.repository, std::time::SystemTime::now())
        };
        removed.iter().for_each(journal::warn);
        Ok(())
    }
}

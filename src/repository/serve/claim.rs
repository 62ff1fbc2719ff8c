//! What uploads claim of the budget and of the memory, while their bytes arrive.

use std::sync::atomic::{AtomicU64, Ordering};

use super::limits::BUFFERED;
use super::refusal::Refusal;

/// What all uploads of a connection have claimed.
#[derive(Debug)]
pub(super) struct Room {
    budget: u64,
    /// Bytes claimed by uploads, finished or in progress.
    claimed: AtomicU64,
    /// Bytes of bodies that are in memory.
    buffered: AtomicU64,
}

impl Room {
    /// Nothing is claimed of this budget yet.
    pub(super) fn new(budget: Option<u64>) -> Self {
        Self {
            budget: budget.unwrap_or(u64::MAX),
            claimed: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
        }
    }
}

/// Adds to a number if the sum is not above a limit.
fn add_up_to(number: &AtomicU64, more: u64, limit: u64) -> bool {
    number
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(more).filter(|sum| *sum <= limit)
        })
        .is_ok()
}

/// What one upload has claimed of the budget and of the memory. Dropped, it gives both back.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    room: &'a Room,
    bytes: u64,
    buffered: u64,
}

impl<'a> Claim<'a> {
    /// A claim of nothing yet.
    pub(super) fn new(room: &'a Room) -> Self {
        Self {
            room,
            bytes: 0,
            buffered: 0,
        }
    }

    /// Bytes of the body that have arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Claims bytes that have just arrived.
    ///
    /// # Errors
    /// When the budget or the memory has no more.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Refusal> {
        if !add_up_to(&self.room.claimed, bytes, self.room.budget) {
            return Err(Refusal::Budget);
        }
        self.bytes += bytes;
        if !add_up_to(&self.room.buffered, bytes, BUFFERED) {
            return Err(Refusal::Busy);
        }
        self.buffered += bytes;
        Ok(())
    }

    /// Bytes were written, and are no longer in memory.
    pub(super) fn written(&mut self, bytes: u64) {
        self.buffered -= bytes;
        self.room.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The bytes are in the repository: they stay claimed.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.room.claimed.fetch_sub(self.bytes, Ordering::Relaxed);
        self.room.buffered.fetch_sub(self.buffered, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_upload_gives_its_budget_back() {
        let room = Room::new(Some(100));
        let mut claim = Claim::new(&room);
        claim.take(60).unwrap();
        assert_eq!(Claim::new(&room).take(60), Err(Refusal::Budget));
        drop(claim);
        let mut claim = Claim::new(&room);
        claim.take(100).unwrap();
        claim.keep();
        assert_eq!(Claim::new(&room).take(1), Err(Refusal::Budget));
    }

    #[test]
    fn bodies_in_memory_are_bounded() {
        let room = Room::new(None);
        let mut first = Claim::new(&room);
        first.take(BUFFERED).unwrap();
        assert_eq!(Claim::new(&room).take(1), Err(Refusal::Busy));
        first.written(BUFFERED);
        Claim::new(&room).take(BUFFERED).unwrap();
        assert_eq!(room.buffered.load(Ordering::Relaxed), 0);
    }
}

//! How many snapshots may go at once.

use jiff::{SignedDuration, Timestamp};

/// How many snapshots the fleet file lets go at once, and whether an administrator accepts more this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many of a hundred.
    pub max_loss: u32,
    /// How many hosts are backed up: forget removes about one snapshot of each in a night.
    pub hosts: usize,
    /// Whether more may go this time.
    pub accepts_loss: bool,
}

/// A night, for a copy that is made after some of them.
const NIGHT: SignedDuration = SignedDuration::from_hours(24);

impl Limits {
    /// How many of `of` snapshots may go of a copy that was `complete` at that time. This is a share of them,
    /// or one of each host for each night since then, whichever is more.
    #[must_use]
    pub(crate) fn allowed(&self, of: usize, complete: Option<Timestamp>, now: Timestamp) -> usize {
        let share = (of as u64 * u64::from(self.max_loss)).div_ceil(100);
        let since = complete.map_or(SignedDuration::ZERO, |complete| now.duration_since(complete));
        // One night more, because runs differ in length. At least one, even if the clock was set back.
        let nights = usize::try_from(since.as_hours() / NIGHT.as_hours()).unwrap_or(0) + 1;
        let of_nights = self.hosts.saturating_mul(nights);
        usize::try_from(share).unwrap_or(usize::MAX).max(of_nights)
    }

    /// How many may go, if `lost` are more than that and the administrator does not accept it.
    #[must_use]
    pub(crate) fn exceeded_by(
        &self,
        lost: usize,
        of: usize,
        complete: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<usize> {
        let allowed = self.allowed(of, complete, now);
        (!self.accepts_loss && lost > allowed).then_some(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_loss: 10,
        hosts: 3,
        accepts_loss: false,
    };

    #[test]
    fn a_share_or_one_of_each_host_for_each_night_may_go() {
        let complete = Timestamp::UNIX_EPOCH;
        let after = |hours| complete + SignedDuration::from_hours(hours);
        for (of, hours, allowed) in [
            (100, 23, 10),
            (12, 23, 3),
            (12, 24, 6),
            (12, 7 * 24, 24),
            (12, -48, 3),
        ] {
            assert_eq!(
                LIMITS.allowed(of, Some(complete), after(hours)),
                allowed,
                "{of} {hours}"
            );
        }
        assert_eq!(LIMITS.allowed(12, None, after(0)), 3);
    }

    #[test]
    fn what_is_accepted_exceeds_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(LIMITS.exceeded_by(3, 12, None, now), None);
        assert_eq!(LIMITS.exceeded_by(4, 12, None, now), Some(3));
        let accepted = Limits {
            accepts_loss: true,
            ..LIMITS
        };
        assert_eq!(accepted.exceeded_by(12, 12, None, now), None);
    }
}

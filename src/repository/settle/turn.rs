//! One turn of one host, and the times that a snapshot of it may have.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The clocks of a client and of this host may differ by this.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// One turn of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The host.
    pub host: String,
    /// The tag that each of its snapshots has.
    pub tag: String,
    /// When this host began to serve it.
    pub begin: Timestamp,
    /// When this host stopped serving it.
    pub end: Timestamp,
    /// The longest time of a backup.
    pub time_limit: Duration,
}

impl Turn {
    /// True of a file that was written in this turn; false of one from an earlier turn that was not settled.
    pub(super) fn has(&self, written: Timestamp) -> bool {
        written.duration_until(self.begin) <= SLACK
    }

    /// What is wrong with the time of a snapshot, whose file was written at another; both by this host's clock, if the
    /// client's is right.
    pub(super) fn problem(&self, time: Timestamp, written: Timestamp) -> Option<String> {
        let limit = SignedDuration::try_from(self.time_limit).unwrap_or(SignedDuration::MAX);
        let (time_text, written_text) = (shown(time), shown(written));
        if written.duration_until(time) > SLACK {
            Some(format!(
                "its time {time_text} is after its upload at {written_text}"
            ))
        } else if time.duration_until(written) > limit {
            Some(format!(
                "its time {time_text} is more than the time limit before its upload at {written_text}"
            ))
        } else if self.has(written) && time.duration_until(self.begin) > SLACK {
            let begin = shown(self.begin);
            Some(format!(
                "its time {time_text} is before the turn, which began at {begin}"
            ))
        } else if self.end.duration_until(written) > SLACK {
            let end = shown(self.end);
            Some(format!(
                "it was uploaded at {written_text}, after the turn ended at {end}"
            ))
        } else {
            None
        }
    }
}

/// A time, as messages have it.
pub(super) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-30T{time}Z").parse().unwrap()
    }

    fn problem(time: &str, written: &str) -> Option<String> {
        let turn = Turn {
            host: "kai".to_owned(),
            tag: "genbackup".to_owned(),
            begin: at("04:00:00"),
            end: at("05:00:00"),
            time_limit: Duration::from_secs(7200),
        };
        turn.problem(at(time), at(written))
    }

    #[test]
    fn a_snapshot_of_the_turn_has_a_time_of_the_turn() {
        for (time, written) in [
            ("04:00:01", "04:59:00"),
            // The client's clock is a little wrong.
            ("03:56:00", "04:59:00"),
            ("04:14:00", "04:10:00"),
            // It is of an earlier turn that was not settled.
            ("02:00:00", "03:00:00"),
        ] {
            assert_eq!(problem(time, written), None, "{time} {written}");
        }
    }

    #[test]
    fn a_time_that_the_turn_did_not_have_is_named() {
        for (time, written, expected) in [
            ("23:59:00", "04:10:00", "is after its upload"),
            ("02:00:00", "04:10:00", "is more than the time limit before"),
            ("03:54:00", "04:10:00", "is before the turn"),
            ("00:30:00", "03:00:00", "is more than the time limit before"),
            ("05:00:00", "05:06:00", "after the turn ended"),
        ] {
            let problem = problem(time, written).unwrap();
            assert!(problem.contains(expected), "{time} {written}: {problem}");
        }
    }
}

//! Checks whether a stolen credential could destroy a copy of the repository.

use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use crate::model::{CopyName, SyncCopy};
use crate::repository::offsite::{Lock, Locks, Memory, Rclone, S3, Tampered, Tampering};
use crate::status::span;

/// The time limit for all questions.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is known of a bucket.
struct Bucket {
    /// Whether it keeps what is overwritten or deleted; `None` if it does not report that.
    has_versions: Option<bool>,
    locks: Locks,
}

/// `None` of a remote that is no bucket: a directory on a disk or a server has neither versions nor locks.
pub(super) fn check(name: &CopyName, sync: &SyncCopy, memory: &Memory) -> Option<Finding> {
    let config = sync.config_file.as_ref().map(|file| file.as_str().as_ref());
    let patience = Instant::now() + PATIENCE;
    let stop = || (Instant::now() > patience).then(|| "no answer in time".to_owned());
    let rclone = Rclone::of(&sync.remote, config, &stop);
    let ask = |s3: &S3| -> Result<Bucket> {
        Ok(Bucket {
            has_versions: rclone.keeps_versions()?,
            locks: s3.locks()?,
        })
    };
    let bucket = match rclone.s3() {
        Ok(None) => return None,
        Ok(Some(s3)) => ask(&s3),
        Err(error) => Err(error),
    };
    Some(match bucket {
        Ok(bucket) => judge(name, &bucket, memory.tampered.as_ref(), Timestamp::now()),
        Err(error) => Finding::of_error(title(name), &error),
    })
}

fn judge(name: &CopyName, bucket: &Bucket, tampered: Option<&Tampered>, now: Timestamp) -> Finding {
    let versions = match bucket.has_versions {
        Some(true) => "it keeps versions",
        Some(false) => "it keeps no versions",
        None => "it does not report whether it keeps versions",
    };
    let locks = match &bucket.locks {
        Locks::Default(Lock { mode, days }) => format!("locks each object for {days} days ({mode})"),
        Locks::None => "locks no object".to_owned(),
        Locks::Unknown => "does not report whether it locks objects".to_owned(),
    };
    let tried = tampered.map(|Tampered { time, result }| {
        let age = now.duration_since(*time).max(SignedDuration::ZERO);
        format!("; a tamper test {} ago was {result}", span(age))
    });
    let text = format!("{versions} and {locks}{}", tried.unwrap_or_default());
    let was_accepted = tampered.is_some_and(|tampered| tampered.result == Tampering::Accepted);
    let has_neither = bucket.has_versions == Some(false) && bucket.locks == Locks::None;
    if has_neither || was_accepted {
        let hint =
            "create a bucket with object lock for the copy; the chapter on offsite copies has the settings";
        return Finding::warning(
            title(name),
            format!("the credential of this host can destroy the copy: {text}"),
            hint,
        );
    }
    Finding::ok(title(name), text)
}

fn title(name: &CopyName) -> String {
    format!("bucket of copy {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn a_bucket_without_protection_is_a_warning() {
        let name = CopyName::try_from("cloud".to_owned()).unwrap();
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000);
        let lock = Lock {
            mode: "COMPLIANCE".to_owned(),
            days: 30,
        };
        let tampered = |result| Tampered {
            time: now - SignedDuration::from_hours(48),
            result,
        };
        for (has_versions, locks, tampered, state, expected) in [
            (
                Some(true),
                Locks::Default(lock),
                Some(tampered(Tampering::Refused)),
                State::Ok,
                "it keeps versions and locks each object for 30 days (COMPLIANCE); a tamper test 2d ago was refused",
            ),
            (
                Some(false),
                Locks::None,
                None,
                State::Warning,
                "it keeps no versions and locks no object",
            ),
            (
                Some(true),
                Locks::None,
                Some(tampered(Tampering::Accepted)),
                State::Warning,
                "a tamper test 2d ago was accepted",
            ),
            (None, Locks::Unknown, None, State::Ok, "does not report"),
        ] {
            let bucket = Bucket { has_versions, locks };
            let finding = judge(&name, &bucket, tampered.as_ref(), now);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.what.contains(expected), "{finding:?}");
        }
    }
}

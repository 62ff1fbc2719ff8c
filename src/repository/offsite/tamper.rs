//! Tries whether the credential at hand can destroy what is in a copy.
//!
//! A small file, the canary, is uploaded, overwritten and deleted, with all its versions. Only if its first content can
//! still be read at the end, a copy of the repository would have survived the same.

use std::fmt;

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::process::Stopped;
use super::rclone::{Failed, Rclone};

/// The directory of the canaries. restic ignores it.
pub(super) const CANARIES: &str = "genbackup-canary";

/// The result of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tampering {
    /// The first content can still be read: this credential cannot destroy it.
    Refused,
    /// It is gone.
    Accepted,
    /// The attempt itself failed.
    Inconclusive,
}

impl fmt::Display for Tampering {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "refused",
            Self::Accepted => "accepted",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// The result of the attempt, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The result.
    pub tampering: Tampering,
    /// How it went, for people.
    pub why: String,
}

/// Two contents that differ, and a name that was never used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Canary<'c> {
    /// Its name.
    pub name: &'c str,
    /// What is uploaded first.
    pub first: &'c str,
    /// The content that replaces it.
    pub second: &'c str,
}

/// Tries it.
///
/// # Errors
/// [`Stopped`] alone: after another failure, the result is inconclusive.
pub(crate) fn attempt(rclone: &Rclone<'_>, canary: Canary<'_>) -> Result<Attempt> {
    match try_it(rclone, canary) {
        Ok(attempt) => Ok(attempt),
        Err(error) if error.is::<Stopped>() => Err(error),
        Err(error) => Ok(Attempt {
            tampering: Tampering::Inconclusive,
            why: format!("{error:#}"),
        }),
    }
}

/// rclone distinguishes the versions of a file by their times, and stores have times of whole seconds.
fn next_second() {
    #[expect(
        clippy::disallowed_methods,
        reason = "no event shows that a second has passed there"
    )]
    std::thread::sleep(Duration::from_millis(1100));
}

fn try_it(rclone: &Rclone<'_>, canary: Canary<'_>) -> Result<Attempt> {
    let Canary { name, first, second } = canary;
    let path = format!("{CANARIES}/{name}");
    rclone.write(&path, first)?;
    next_second();
    let mut steps = Vec::new();
    let mut note = |what: &str, done: Result<()>| match done {
        Ok(()) => {
            steps.push(format!("{what} was accepted"));
            Ok(())
        }
        Err(error) if error.is::<Failed>() => {
            steps.push(format!("{what} was refused"));
            Ok(())
        }
        Err(error) => Err(error),
    };
    note("to overwrite it", rclone.write(&path, second))?;
    next_second();
    note("to delete it", rclone.remove(&path))?;
    // With versions, what was overwritten or deleted still exists, under other names.
    for version in rclone.versions(CANARIES, name)? {
        note(
            "to delete a version of it",
            rclone.remove_version(CANARIES, &version),
        )?;
    }
    let mut is_left = rclone.content(&path)?.as_deref() == Some(first);
    for version in rclone.versions(CANARIES, name)? {
        is_left |= rclone.content_of_version(CANARIES, &version)?.as_deref() == Some(first);
    }
    let (tampering, end) = if is_left {
        (Tampering::Refused, "its first content can still be read")
    } else {
        (Tampering::Accepted, "its first content is gone")
    };
    steps.dedup();
    Ok(Attempt {
        tampering,
        why: format!("a canary was uploaded; {}; {end}", steps.join("; ")),
    })
}

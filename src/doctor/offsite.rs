//! Checks each copy of the repository in another place, by looking at that place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, State};
use super::immutable;
use crate::model::{CopyKind, CopyName, Fleet, Offsite, ResticCopy, SyncCopy};
use crate::repository::offsite::{Failed, Id, Memory, Part, Rclone, Store};
use crate::repository::restic::Restic;
use crate::status::{Report, span};
use crate::text::counted;

/// The time limit for a place far away, in seconds.
const PATIENCE: u32 = 120;

/// Where each copy has its state.
const STATE: &str = "/var/lib/genbackup-offsite";

/// The snapshots of the repository, each with the time at which it was written.
type Snapshots = BTreeMap<Id, Timestamp>;

pub(super) fn check(fleet: &Fleet, report: Option<&Result<Report>>) -> Vec<Finding> {
    let here = snapshots_of(Path::new(fleet.repository.path.as_str()));
    let report = report.and_then(|report| report.as_ref().ok());
    let warn_after = |name: &CopyName| {
        let item = report?.copies.iter().find(|item| item.name == name.as_str())?;
        Some(item.verdict.thresholds.warn_after)
    };
    let now = Timestamp::now();
    let check = |(name, copy): (&CopyName, &Offsite)| match &copy.kind {
        CopyKind::Sync(sync) => {
            let found = check_sync(name, sync, &here, warn_after(name), now);
            let bucket = (found.state != State::Failed).then(|| immutable::check(name, sync, &memory(name)));
            std::iter::once(found).chain(bucket.flatten()).collect()
        }
        CopyKind::Restic(restic) => {
            vec![check_restic(
                fleet,
                name,
                &copy.kind,
                restic,
                warn_after(name),
                now,
            )]
        }
    };
    fleet.offsite.iter().flat_map(check).collect()
}

/// What is remembered of a copy. Without it, less is known.
fn memory(name: &CopyName) -> Memory {
    Store::in_directory(&Path::new(STATE).join(name.as_str()))
        .get()
        .unwrap_or_default()
}

fn snapshots_of(repository: &Path) -> Snapshots {
    let entries = fs::read_dir(repository.join(Part::Snapshots.directory()))
        .into_iter()
        .flatten();
    let found = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let id = Id::parse(entry.file_name().to_str()?)?;
        let written = Timestamp::try_from(entry.metadata().ok()?.modified().ok()?).ok()?;
        Some((id, written))
    });
    found.collect()
}

fn check_sync(
    name: &CopyName,
    sync: &SyncCopy,
    here: &Snapshots,
    warn_after: Option<SignedDuration>,
    now: Timestamp,
) -> Finding {
    let patience = Instant::now() + Duration::from_secs(PATIENCE.into());
    let stop = || (Instant::now() > patience).then(|| format!("no answer within {PATIENCE} s"));
    let config = sync.config_file.as_ref().map(|file| file.as_str().as_ref());
    match Rclone::of(&sync.remote, config, &stop).snapshots() {
        Ok(there) => judge(name, here, &there, warn_after, now),
        Err(error) => {
            let hint = error.downcast_ref::<Failed>().and_then(Failed::hint);
            Finding::failed(
                title(name),
                format!("cannot look at {}: {error:#}", sync.remote),
                hint.unwrap_or("start the copy with `genbackup offsite`, which shows more")
                    .to_owned(),
            )
        }
    }
}

fn judge(
    name: &CopyName,
    here: &Snapshots,
    there: &[Id],
    warn_after: Option<SignedDuration>,
    now: Timestamp,
) -> Finding {
    let newest = there.iter().filter_map(|id| here.get(id)).max().copied();
    let lacks = here.keys().filter(|id| !there.contains(id)).count();
    let Some(newest) = newest else {
        return without_snapshot(name, "the copy has no snapshot of this repository");
    };
    let lacks = format!("; it lacks {lacks} of {} in the repository", here.len());
    judge_age(name, newest, there.len(), &lacks, warn_after, now)
}

fn without_snapshot(name: &CopyName, what: &str) -> Finding {
    let hint = format!("run `systemctl start {}.service`", name.copy_unit());
    Finding::failed(title(name), what, hint)
}

/// Judges a copy by the age of its newest snapshot; `of` is the number of its snapshots, `more` is added to
/// the text.
fn judge_age(
    name: &CopyName,
    newest: Timestamp,
    of: usize,
    more: &str,
    warn_after: Option<SignedDuration>,
    now: Timestamp,
) -> Finding {
    let age = now.duration_since(newest).max(SignedDuration::ZERO);
    let text = format!(
        "the newest of {} there is {} old{more}",
        counted(of as u64, "snapshot"),
        span(age)
    );
    if warn_after.is_some_and(|warn_after| age > warn_after) {
        let unit = name.copy_unit();
        let hint = format!("see `genbackup history --copy {name}` and `systemctl status {unit}.service`");
        return Finding::warning(title(name), text, hint);
    }
    Finding::ok(title(name), text)
}

/// restic lists what is there, in a unit without a right on this host but to read its credentials.
fn check_restic(
    fleet: &Fleet,
    name: &CopyName,
    kind: &CopyKind,
    copy: &ResticCopy,
    warn_after: Option<SignedDuration>,
    now: Timestamp,
) -> Finding {
    if !nix::unistd::geteuid().is_root() {
        return Finding::unknown(title(name), "only root can read its password");
    }
    let restic = Restic::of_copy(&fleet.repository, name, kind);
    match restic.snapshots_within(PATIENCE) {
        Ok(there) => {
            let newest = there.iter().map(|snapshot| snapshot.time).max();
            match newest {
                None => without_snapshot(name, "the copy has no snapshot"),
                Some(newest) => judge_age(name, newest, there.len(), "", warn_after, now),
            }
        }
        Err(error) => Finding::failed(
            title(name),
            format!("cannot look at {}: {error:#}", copy.repository),
            format!("run `genbackup snapshots --from {name}`, which shows more"),
        ),
    }
}

fn title(name: &CopyName) -> String {
    format!("copy {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id::parse(&format!("{number:064x}")).unwrap()
    }

    #[test]
    fn age_of_a_copy_is_that_of_its_newest_snapshot() {
        let name = CopyName::try_from("cloud".to_owned()).unwrap();
        let hours = SignedDuration::from_hours;
        let now = Timestamp::UNIX_EPOCH + hours(1000);
        let here: Snapshots = (0..5)
            .map(|number| (id(number), now - hours(24 * i64::try_from(number).unwrap())))
            .collect();
        for (there, state, expected) in [
            (vec![id(0), id(1)], State::Ok, "lacks 3 of 5"),
            (vec![id(2), id(9)], State::Warning, "2d old"),
            (vec![id(9)], State::Failed, "no snapshot"),
            (vec![], State::Failed, "no snapshot"),
        ] {
            let finding = judge(&name, &here, &there, Some(hours(25)), now);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.what.contains(expected), "{finding:?}");
        }
    }
}

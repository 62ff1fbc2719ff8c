//! Honest clients, and this host's own forget and prune.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use genbackup::repository::settle::{begin_maintenance, objection, record_all, unsettled};

use super::site::Site;

#[test]
fn honest_backup_settles_and_restores() -> Result<()> {
    let site = Site::new()?;
    for number in 1..=2 {
        site.write("three", 3 + number, 50_000)?;
        site.back_up()?;
        let packs = site.names("data")?;
        let verdict = site.settle()?;
        assert_eq!(verdict.reasons, [""; 0]);
        assert_eq!(verdict.snapshots.len(), 1);
        assert!(verdict.packs >= 1 && verdict.bytes > 50_000, "{verdict:?}");
        assert_eq!(site.names("data")?, packs);
        assert!(unsettled(&site.repository(), &site.state())?.is_empty());
        assert_eq!(objection(&site.repository(), &site.state())?, None);
        // The client's index is kept elsewhere, and its place is ours.
        let replaced = site.names(".genbackup/replaced")?;
        assert_eq!(u64::try_from(replaced.len())?, number);
        assert!(site.restores(&verdict.snapshots[0])?);
    }
    site.restic(&["check", "--read-data"])?;
    Ok(())
}

#[test]
fn turn_that_adds_nothing_settles_nothing() -> Result<()> {
    let site = Site::new()?;
    let verdict = site.settle()?;
    assert_eq!((verdict.packs, verdict.snapshots.len()), (0, 0));
    assert!(verdict.is_settled());
    Ok(())
}

#[test]
fn interrupted_turn_leaves_data_for_the_next() -> Result<()> {
    let site = Site::new()?;
    site.back_up()?;
    site.clear("index")?;
    site.clear("snapshots")?;
    let verdict = site.settle()?;
    assert!(verdict.is_settled() && verdict.packs >= 1, "{verdict:?}");
    let before = site.names("data")?;
    site.back_up()?;
    let after = site.names("data")?;
    // The times of files differ at most, which are in trees.
    assert!(after.len() <= before.len() + 1, "{before:?} {after:?}");
    assert!(site.settle()?.is_settled());
    Ok(())
}

#[test]
fn lost_state_verifies_again_and_drops_nothing() -> Result<()> {
    let site = Site::new()?;
    for number in 1..=2 {
        site.write("three", 3 + number, 50_000)?;
        site.back_up()?;
        assert!(site.settle()?.is_settled());
    }
    let (packs, snapshots) = (site.names("data")?, site.names("snapshots")?);
    // Their turns were long ago.
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for snapshot in &snapshots {
        let file = fs::File::options()
            .append(true)
            .open(site.repository().join("snapshots").join(snapshot));
        let times = fs::FileTimes::new().set_modified(old);
        file?.set_times(times)?;
    }
    for lost in [None, Some("{\"groups\":")] {
        match lost {
            None => fs::remove_file(site.state())?,
            Some(text) => fs::write(site.state(), text)?,
        }
        assert!(objection(&site.repository(), &site.state())?.is_some());
        let verdict = site.settle()?;
        assert_eq!(verdict.reasons, [""; 0]);
        assert_eq!((verdict.packs, verdict.snapshots.len()), (packs.len(), 2));
        assert_eq!(site.names("data")?, packs);
        assert_eq!(site.names("snapshots")?, snapshots);
        assert_eq!(objection(&site.repository(), &site.state())?, None);
    }
    Ok(())
}

#[test]
fn forget_and_prune_are_recorded_as_settled() -> Result<()> {
    let site = Site::new()?;
    for number in 1..=3 {
        site.write("three", 3 + number, 50_000)?;
        site.back_up()?;
        assert!(site.settle()?.is_settled());
    }
    begin_maintenance(&site.state())?;
    site.restic(&["forget", "--keep-last", "1", "--prune", "--max-unused", "0"])?;
    let waiting = objection(&site.repository(), &site.state())?;
    assert!(waiting.is_some_and(|why| why.starts_with("not settled: ")));
    record_all(&site.repository(), &site.state())?;
    assert_eq!(objection(&site.repository(), &site.state())?, None);
    site.write("three", 9, 50_000)?;
    site.back_up()?;
    let verdict = site.settle()?;
    assert!(verdict.is_settled(), "{verdict:?}");
    assert!(site.restores(&verdict.snapshots[0])?);
    Ok(())
}

/// Settles a repository after a prune that was cut off, either before or after it removed the old index files and packs.
fn settle_after_cut_off_prune(has_removed: bool) -> Result<()> {
    let mut site = Site::new()?;
    for number in 1..=3 {
        site.write("three", 3 + number, 50_000)?;
        site.back_up()?;
        assert!(site.settle()?.is_settled());
    }
    begin_maintenance(&site.state())?;
    let before = site.copied()?;
    site.restic(&["forget", "--keep-last", "1", "--prune", "--max-unused", "0"])?;
    if !has_removed {
        let known = [before.names("index")?, before.names("data")?].concat();
        for (directory, name) in [("index", site.names("index")?), ("data", site.names("data")?)]
            .into_iter()
            .flat_map(|(directory, names)| names.into_iter().map(move |name| (directory, name)))
        {
            if !known.contains(&name) {
                let from = match directory {
                    "data" => site.pack(&name),
                    other => site.repository().join(other).join(&name),
                };
                before.store(directory, &fs::read(from)?)?;
            }
        }
        site = before;
    }
    // The power is cut here, so nobody records the state.
    site.back_up()?;
    let verdict = site.settle()?;
    assert_eq!(verdict.reasons, [""; 0]);
    assert_eq!(objection(&site.repository(), &site.state())?, None);
    assert!(site.restores("latest")?);
    site.restic(&["check", "--read-data"]).map(drop)
}

#[test]
fn prune_that_was_cut_off_is_not_a_clients_lie() -> Result<()> {
    settle_after_cut_off_prune(false)?;
    settle_after_cut_off_prune(true)
}

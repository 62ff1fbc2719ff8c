//! Snapshots with forged hosts, tags, times and trees.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::site::Site;

fn after(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes)
}

fn settled() -> Result<Site> {
    let site = Site::new()?;
    site.back_up()?;
    assert!(site.settle()?.is_settled());
    Ok(site)
}

/// Settles a turn that added this snapshot; it is moved away, for this reason.
fn is_refused(site: &Site, snapshot: &str, why: &str) -> Result<()> {
    let verdict = site.settle()?;
    assert_eq!(
        (verdict.snapshots.len(), verdict.reasons.len()),
        (0, 1),
        "{verdict:?}"
    );
    let reason = &verdict.reasons[0];
    assert!(reason.starts_with(&format!("snapshots/{snapshot}: ")), "{reason}");
    assert!(reason.contains(why), "{reason}");
    assert!(!site.names("snapshots")?.contains(&snapshot.to_owned()));
    Ok(())
}

#[test]
fn snapshot_from_the_future_is_refused() -> Result<()> {
    let site = settled()?;
    let snapshot = site.forge_snapshot("kai", after(60 * 24), &["genbackup"])?;
    is_refused(&site, &snapshot, "is after its upload")
}

#[test]
fn snapshot_from_the_past_is_refused() -> Result<()> {
    let site = settled()?;
    let snapshot = site.forge_snapshot("kai", after(-60 * 24), &["genbackup"])?;
    is_refused(&site, &snapshot, "is more than the time limit before its upload")?;
    let snapshot = site.forge_snapshot("kai", after(-30), &["genbackup"])?;
    let verdict = site.settle()?;
    let reason = verdict.reasons.last().cloned().unwrap_or_default();
    assert!(
        reason.contains(&snapshot) && reason.contains("is before the turn"),
        "{reason}"
    );
    Ok(())
}

#[test]
fn snapshot_of_another_host_is_refused() -> Result<()> {
    let site = settled()?;
    let snapshot = site.forge_snapshot("ziz", after(0), &["genbackup"])?;
    is_refused(&site, &snapshot, "its host is `ziz`")
}

#[test]
fn snapshot_without_the_tag_is_refused() -> Result<()> {
    let site = settled()?;
    let snapshot = site.forge_snapshot("kai", after(0), &["other"])?;
    is_refused(&site, &snapshot, "it lacks the tag `genbackup`")
}

#[test]
fn two_snapshots_in_one_turn_are_both_refused() -> Result<()> {
    let site = settled()?;
    let known = site.names("snapshots")?;
    site.forge_snapshot("kai", after(0), &["genbackup"])?;
    site.forge_snapshot("kai", after(-1), &["genbackup"])?;
    let verdict = site.settle()?;
    assert_eq!(verdict.reasons.len(), 2, "{verdict:?}");
    assert!(verdict.reasons[0].ends_with("the turn added 2 snapshots, and one is allowed"));
    assert_eq!(site.names("snapshots")?, known);
    Ok(())
}

#[test]
fn snapshot_without_its_data_is_refused() -> Result<()> {
    let site = settled()?;
    let tree = "ab".repeat(32);
    let snapshot = json!({"time": after(0).to_string(), "tree": tree, "paths": ["/"], "hostname": "kai",
                          "tags": ["genbackup"]});
    let snapshot = site.forge("snapshots", &snapshot)?;
    is_refused(&site, &snapshot, "it is not complete: ")
}

#[test]
fn snapshot_of_a_turn_not_settled_yet_is_judged_later() -> Result<()> {
    let site = settled()?;
    site.write("three", 3, 50_000)?;
    site.back_up()?;
    // That turn was never settled. The next one begins now, after its snapshot.
    let mut turn = Site::turn();
    turn.begin = after(30);
    turn.end = after(40);
    let verdict = site.settle_turn(turn, &|| Ok(()))?;
    assert_eq!(
        (verdict.snapshots.len(), verdict.reasons.len()),
        (1, 0),
        "{verdict:?}"
    );
    Ok(())
}

//! Packs and index files that lie, and files that are none of restic's.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use genbackup::repository::settle::{accept, entries, objection};
use jiff::Timestamp;

use super::site::Site;

fn settled() -> Result<Site> {
    let site = Site::new()?;
    site.back_up()?;
    assert!(site.settle()?.is_settled());
    Ok(site)
}

#[test]
fn poisoned_index_makes_prune_delete_nothing() -> Result<()> {
    let site = settled()?;
    let packs = site.names("data")?;
    let (pack, index) = site.poison()?;
    let verdict = site.settle()?;
    let text = verdict.reasons.join("\n");
    assert!(
        text.contains(&pack) && text.contains("verification failed"),
        "{text}"
    );
    assert!(
        text.contains(&format!("index/{index}: it names pack {pack}, which is damaged")),
        "{text}"
    );
    site.restic(&["prune", "--max-unused", "0"])?;
    assert_eq!(site.names("data")?, packs);
    site.restic(&["check", "--read-data"])?;
    assert!(site.restores("latest")?);
    Ok(())
}

#[test]
fn index_of_a_missing_pack_is_never_used() -> Result<()> {
    let site = Site::new()?;
    site.back_up()?;
    site.clear("data")?;
    site.clear("snapshots")?;
    let index = site.names("index")?.remove(0);
    let why = site.settle()?.why().unwrap_or_default();
    assert!(
        why.starts_with(&format!("index/{index}: it names pack ")),
        "{why}"
    );
    assert!(why.contains("which does not exist"), "{why}");
    // The next backup stores everything.
    site.back_up()?;
    let verdict = site.settle()?;
    assert!(verdict.is_settled(), "{verdict:?}");
    assert!(site.restores(&verdict.snapshots[0])?);
    Ok(())
}

#[test]
fn damaged_pack_is_found_and_sound_ones_settle() -> Result<()> {
    let site = settled()?;
    let sound = site.names("data")?;
    site.write("three", 3, 300_000)?;
    site.back_up()?;
    let snapshot = site.names("snapshots")?;
    let added = site.names("data")?;
    let added = added.iter().filter(|pack| !sound.contains(pack));
    // The pack of the file, and not that of its directory.
    let length = |pack: &&String| fs::metadata(site.pack(pack)).map_or(0, |file| file.len());
    let damaged = site.damage(added.max_by_key(length).context("no pack")?)?;
    let verdict = site.settle()?;
    assert_eq!((verdict.packs, verdict.snapshots.len()), (1, 0), "{verdict:?}");
    let text = verdict.reasons.join("\n");
    assert!(
        text.contains(&format!("data/{}/{damaged}: pack", &damaged[..2])),
        "{text}"
    );
    assert!(text.contains("it is not complete: "), "{text}");
    assert_eq!(site.names("snapshots")?.len(), snapshot.len() - 1);
    site.restic(&["check", "--read-data"])?;
    Ok(())
}

#[test]
fn files_that_restic_never_makes_are_moved_away() -> Result<()> {
    let site = settled()?;
    let (repository, packs) = (site.repository(), site.names("data")?);
    let id = "a".repeat(64);
    fs::write(site.at("outside"), "kept")?;
    symlink(site.at("outside"), repository.join("index").join(&id))?;
    symlink(site.at("files"), repository.join("data/link"))?;
    fs::write(repository.join("snapshots/odd name\n"), "")?;
    fs::write(repository.join("data/aa/file"), "")?;
    fs::write(repository.join("data/bb").join(&id), "")?;
    let huge = fs::File::create(repository.join("data/aa").join(&id))?;
    huge.set_len(200 << 20)?;
    let garbage = [0x2A; 1000];
    let index = site.store("index", &garbage)?;
    let snapshot = site.store("snapshots", &garbage)?;
    let header = site.store("data", &garbage)?;
    site.settle()?;
    let findings = site.findings()?.join("\n");
    for expected in [
        format!("index/{id}: it is a link"),
        "data/link: it is no directory of packs".to_owned(),
        "snapshots/odd%20name%0A: restic gives no file such a name".to_owned(),
        "data/aa/file: restic gives no file such a name".to_owned(),
        format!("data/bb/{id}: restic gives no file such a name"),
        format!("data/aa/{id}: it is larger than 160 MiB"),
        format!("index/{index}: restic cannot read it: "),
        format!("snapshots/{snapshot}: restic cannot read it: "),
        format!("data/{}/{header}: its header cannot be read", &header[..2]),
    ] {
        assert!(findings.contains(&expected), "{expected}\n{findings}");
    }
    assert_eq!(site.names("data")?, packs);
    assert_eq!(fs::read_to_string(site.at("outside"))?, "kept");
    site.restic(&["check", "--read-data"])?;
    assert!(site.restores("latest")?);
    Ok(())
}

#[test]
fn nothing_is_pruned_until_a_finding_is_accepted() -> Result<()> {
    let site = settled()?;
    site.poison()?;
    site.settle()?;
    let (repository, state) = (site.repository(), site.state());
    let why = objection(&repository, &state)?.unwrap_or_default();
    assert!(why.contains("of kai wait in the quarantine"), "{why}");
    // A later turn without a fault changes nothing about it.
    site.back_up()?;
    assert!(objection(&repository, &state)?.is_some());
    let name = entries(&repository)?.remove(0).name;
    assert!(accept(&repository, "other", Timestamp::now()).is_err());
    accept(&repository, &name, Timestamp::now())?;
    let why = objection(&repository, &state)?.unwrap_or_default();
    assert!(why.starts_with("not settled: "), "{why}");
    Ok(())
}

#[test]
fn pack_that_vanished_stops_prune() -> Result<()> {
    let site = settled()?;
    site.clear("data")?;
    let why = objection(&site.repository(), &site.state())?.unwrap_or_default();
    assert!(why.contains("is missing, although it was settled"), "{why}");
    let why = site.settle()?.why().unwrap_or_default();
    assert!(why.contains("it is missing, although it was settled"), "{why}");
    Ok(())
}

#[test]
fn locks_of_a_crash_are_removed() -> Result<()> {
    let site = settled()?;
    site.forge(
        "locks",
        &serde_json::json!({"time": "2126-11-30T04:00:00Z", "exclusive": true, "hostname": "kai", "username": "root", "pid": 1}),
    )?;
    assert!(site.restic(&["prune"]).is_err());
    assert!(site.settle()?.is_settled());
    site.restic(&["prune"])?;
    Ok(())
}

#[test]
fn wrong_password_is_no_verdict_about_a_file() -> Result<()> {
    let site = Site::new()?;
    site.back_up()?;
    let before = (
        site.names("data")?,
        site.names("snapshots")?,
        site.names("index")?,
    );
    fs::write(site.at("password"), "wrong")?;
    let error = format!("{:#}", site.settle().unwrap_err());
    assert!(error.starts_with("cannot settle: "), "{error}");
    let after = (
        site.names("data")?,
        site.names("snapshots")?,
        site.names("index")?,
    );
    assert_eq!((after, site.findings()?.len()), (before, 0));
    Ok(())
}

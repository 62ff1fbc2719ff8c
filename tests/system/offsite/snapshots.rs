//! A copy of snapshots: a separate repository, with the snapshots that its own keep policy keeps.

use std::fs;

use anyhow::Result;

use super::site::Site;

fn site(keep: &str) -> Result<Site> {
    Site::with(|site| {
        format!(
            "kind = \"copy\"\nrepository = \"{}\"\npassword-file = \"/etc/copy\"\nkeep = {keep:?}\n",
            site.join("copy").display()
        )
    })
}

#[test]
fn a_copy_has_the_snapshots_that_its_policy_keeps_and_gets_no_other_twice() -> Result<()> {
    let mut site = site("2 last")?;
    for _ in 0..4 {
        site.back_up(10_000)?;
    }
    let printed = site.copied(&[])?;
    assert!(
        printed.contains("2 snapshots copied, 0 removed; 2 snapshots in the copy"),
        "{printed}"
    );
    let printed = site.copied(&[])?;
    assert!(
        printed.contains("0 snapshots copied, 0 removed; 2 snapshots in the copy"),
        "{printed}"
    );
    site.back_up(10_000)?;
    let printed = site.copied(&[])?;
    assert!(
        printed.contains("1 snapshot copied, 1 removed; 2 snapshots in the copy"),
        "{printed}"
    );
    site.restic("copy", &["check", "--read-data"])?;
    let record = site.record()?;
    assert!(record.contains("\"same-file-system\":true"), "{record}");
    // Nothing was written into the repository, not even a lock.
    assert_eq!(fs::read_dir(site.at("repository/locks"))?.count(), 0);
    Ok(())
}

#[test]
fn a_repository_without_a_snapshot_gets_a_copy_without_one() -> Result<()> {
    let site = site("2 last")?;
    for _ in 0..2 {
        let printed = site.copied(&[])?;
        assert!(printed.contains("0 snapshots in the copy"), "{printed}");
    }
    Ok(())
}

#[test]
fn files_are_cut_at_the_same_places_in_both() -> Result<()> {
    let mut site = site("9 last")?;
    site.back_up(5_000_000)?;
    site.copied(&[])?;
    let polynomial = |name: &str| -> Result<_> {
        let config: serde_json::Value =
            serde_json::from_str(&site.restic(name, &["cat", "config", "--no-lock"])?)?;
        Ok(config["chunker_polynomial"].clone())
    };
    assert_eq!(polynomial("copy")?, polynomial("repository")?);
    Ok(())
}

#[test]
fn a_missing_copy_is_reported_and_not_made_anew() -> Result<()> {
    let mut site = site("9 last")?;
    site.back_up(10_000)?;
    site.copied(&[])?;
    fs::remove_dir_all(site.at("copy"))?;
    let failed = site.copy(&[])?;
    assert!(!failed.status.success());
    assert!(failed.stderr.contains("the copy is gone"), "{}", failed.stderr);
    assert!(!site.at("copy").exists());
    Ok(())
}

#[test]
fn a_repository_that_lost_its_snapshots_changes_nothing_in_the_copy() -> Result<()> {
    let mut site = site("9 last")?;
    for _ in 0..4 {
        site.back_up(10_000)?;
    }
    site.copied(&[])?;
    site.restic(
        "repository",
        &["forget", "--keep-last", "1", "--tag", "genbackup"],
    )?;
    let failed = site.copy(&[])?;
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains(
            "3 of 4 snapshots are missing in the repository since the last copy; `max-loss` allows 1"
        ),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("genbackup offsite there --accept loss"),
        "{}",
        failed.stderr
    );
    site.copied(&["--accept", "loss"])?;
    for snapshot in fs::read_dir(site.at("repository/snapshots"))? {
        fs::remove_file(snapshot?.path())?;
    }
    let failed = site.copy(&[])?;
    assert!(
        failed
            .stderr
            .contains("the repository has no snapshot, but the copy has 4 snapshots"),
        "{}",
        failed.stderr
    );
    Ok(())
}

#[test]
fn a_policy_that_would_empty_the_copy_is_refused_until_it_is_accepted() -> Result<()> {
    let mut site = site("9 last")?;
    for _ in 0..4 {
        site.back_up(10_000)?;
    }
    site.copied(&[])?;
    site.replace_in_table("9 last", "1 last");
    let failed = site.copy(&[])?;
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains(
            "nothing was removed: `keep` of the copy would remove 3 of 4 snapshots; `max-loss` allows 1"
        ),
        "{}",
        failed.stderr
    );
    let printed = site.copied(&["--accept", "loss"])?;
    assert!(printed.contains("3 removed; 1 snapshot in the copy"), "{printed}");
    Ok(())
}

#[test]
fn another_repository_is_refused_until_it_is_accepted() -> Result<()> {
    let mut site = site("9 last")?;
    site.back_up(10_000)?;
    site.copied(&[])?;
    fs::remove_dir_all(site.at("repository"))?;
    site.restic("repository", &["init"])?;
    site.back_up(10_000)?;
    let failed = site.copy(&[])?;
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains("the copy is that of another repository"),
        "{}",
        failed.stderr
    );
    // It also lost the snapshot that it had.
    let printed = site.copied(&["--accept", "config", "--accept", "loss"])?;
    assert!(printed.contains("2 snapshots in the copy"), "{printed}");
    site.copied(&[])?;
    Ok(())
}

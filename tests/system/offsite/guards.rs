//! Faults that do not damage a copy.

use std::fs;

use anyhow::{Result, ensure};

use super::site::{Site, empty};

/// Checks that nothing is copied or deleted, for this reason.
fn is_refused(site: &Site, why: &str) -> Result<()> {
    let before = site.files("copy")?;
    let refused = site.copy(&[])?;
    ensure!(!refused.status.success(), "it succeeded");
    ensure!(refused.stderr.contains(why), "{}", refused.stderr);
    ensure!(refused.stderr.contains("\n\nhint: "), "{}", refused.stderr);
    ensure!(site.files("copy")? == before, "the copy is another one");
    Ok(())
}

fn copied(keys: &str) -> Result<Site> {
    let mut site = Site::new(keys)?;
    for _ in 0..3 {
        site.back_up(10_000)?;
    }
    site.copied(&[])?;
    assert_eq!(site.files("copy")?, site.files("repository")?);
    Ok(site)
}

#[test]
fn a_repository_that_is_not_mounted_or_has_lost_its_snapshots_costs_no_copy() -> Result<()> {
    let site = copied("delete = \"at-once\"")?;
    let snapshots = site.at("repository/snapshots");
    fs::rename(&snapshots, site.at("kept"))?;
    fs::create_dir(&snapshots)?;
    is_refused(
        &site,
        "the repository has no snapshot, but the copy has 3 snapshots",
    )?;
    fs::rename(site.at("repository"), site.at("elsewhere"))?;
    fs::create_dir(site.at("repository"))?;
    is_refused(&site, "the repository has no file `config`")
}

#[test]
fn snapshots_that_were_removed_on_purpose_are_accepted_once() -> Result<()> {
    let site = copied("delete = \"at-once\"")?;
    site.restic("repository", &["forget", "--keep-last", "1", "--prune"])?;
    is_refused(&site, "2 of 3 snapshots are missing")?;
    site.copied(&["--accept", "loss"])?;
    assert_eq!(site.files("copy")?, site.files("repository")?);
    site.copy_is_valid()
}

#[test]
fn what_is_pruned_stays_in_the_copy_for_its_time() -> Result<()> {
    let site = copied("delete = \"after 30d\"\nmax-loss = \"100%\"")?;
    let before = site.files("copy")?;
    site.restic("repository", &["forget", "--keep-last", "1", "--prune"])?;
    site.copied(&[])?;
    let after = site.files("copy")?;
    assert!(before.iter().all(|file| after.contains(file)));
    site.copy_is_valid()?;
    assert_eq!(site.snapshots("copy")?.len(), 3);
    Ok(())
}

#[test]
fn the_copy_of_another_repository_is_left_alone() -> Result<()> {
    let site = copied("")?;
    let config = fs::read(site.at("repository/config"))?;
    fs::write(site.at("repository/config"), [&config[..], b"x"].concat())?;
    is_refused(&site, "the copy is that of another repository")?;
    site.copied(&["--accept", "config"])?;
    assert_eq!(
        fs::read(site.at("copy/config"))?,
        fs::read(site.at("repository/config"))?
    );
    Ok(())
}

#[test]
fn a_directory_with_other_files_is_left_alone() -> Result<()> {
    let mut site = Site::new("")?;
    site.back_up(10_000)?;
    fs::create_dir(site.at("copy"))?;
    fs::write(site.at("copy/holiday.jpg"), "x")?;
    is_refused(&site, "the remote has files and is no repository: holiday.jpg")
}

#[test]
fn a_shrunken_file_is_reported_and_replaced_only_on_request() -> Result<()> {
    let site = copied("")?;
    let pack = site
        .files("copy")?
        .into_iter()
        .find(|file| file.starts_with("data"));
    let pack = site.at("copy").join(pack.unwrap_or_default());
    fs::write(&pack, "short")?;
    is_refused(&site, "1 file of the copy has another size")?;
    site.copied(&["--accept", "repair"])?;
    site.copy_is_valid()
}

#[test]
fn a_pack_that_the_copy_lost_is_copied_again_and_reported() -> Result<()> {
    let site = copied("")?;
    empty(&site.at("copy/snapshots"))?;
    let printed = site.copied(&[])?;
    assert!(printed.contains("3 files copied"), "{printed}");
    site.copy_is_valid()
}

#[test]
fn a_directory_above_the_copy_that_is_missing_is_not_made() -> Result<()> {
    let mut site = Site::new("")?;
    site.back_up(10_000)?;
    let fleet = |site: &Site| -> Result<_> {
        let command = site.command(&[])?;
        Ok((site.at("fleet.toml"), command))
    };
    let (fleet, mut command) = fleet(&site)?;
    let text = fs::read_to_string(&fleet)?.replace("/copy\"", "/missing/copy\"");
    fs::write(&fleet, text)?;
    let refused = crate::command::run(&mut command)?;
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("is missing"), "{}", refused.stderr);
    assert!(!site.at("missing").exists());
    Ok(())
}

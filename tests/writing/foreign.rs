//! What somebody else wrote, changed or linked is left alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::emitted::{FLEET, Site, changed, texts};

const TIMER: &str = "etc/systemd/system/genbackup.timer";

/// A second fleet, in which other files of the host change as well.
fn other() -> Result<String> {
    changed("/mnt/storage/restic", "/mnt/storage/other")
}

#[test]
fn a_file_that_was_changed_by_hand_is_refused_and_nothing_is_written() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    fs::write(site.path(TIMER), "mine")?;
    let before = site.tree()?;
    for fleet in [FLEET, &other()?] {
        let message = site.refused(fleet, &["--host=jak"])?;
        assert_eq!(
            message,
            format!(
                "error: changed by hand, or not ours: {}\n\nhint: `--diff` shows the difference; `--force` overwrites\n",
                site.path(TIMER).display()
            )
        );
        assert_eq!(site.tree()?, before);
    }
    Ok(())
}

#[test]
fn force_overwrites_what_was_changed_by_hand() -> Result<()> {
    let (site, fresh) = (Site::new()?, Site::new()?);
    site.emitted(FLEET, &["--host=jak"])?;
    fs::write(site.path(TIMER), "mine")?;
    let diff = site.emit(FLEET, &["--host=jak", "--diff"])?;
    assert!(diff.stdout.contains("\n-mine\n"), "{}", diff.stdout);
    assert_eq!(
        site.emitted(FLEET, &["--host=jak", "--force"])?,
        "1 files written, 0 removed\n"
    );
    fresh.emitted(FLEET, &["--host=jak"])?;
    assert_eq!(texts(&site.tree()?), texts(&fresh.tree()?));
    Ok(())
}

#[test]
fn a_file_that_was_there_before_us_is_refused_and_nothing_is_written() -> Result<()> {
    let site = Site::new()?;
    for path in [
        TIMER,
        "etc/exports.d/genbackup.exports",
        "usr/local/libexec/genbackup/run-backups",
    ] {
        let file = site.path(path);
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        fs::write(&file, "mine")?;
    }
    let before = site.tree()?;
    let message = site.refused(FLEET, &["--host=jak"])?;
    for path in before.keys() {
        assert!(
            message.contains(&site.root.join(path).display().to_string()),
            "{message}"
        );
    }
    assert_eq!(site.tree()?, before);
    Ok(())
}

#[test]
fn a_foreign_file_of_one_host_stops_the_files_of_all() -> Result<()> {
    let site = Site::new()?;
    let file = site.path("ziz/etc/genbackup/sshd_config");
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    fs::write(&file, "mine")?;
    let before = site.tree()?;
    site.refused(FLEET, &["--all"])?;
    assert_eq!(site.tree()?, before);
    assert!(!site.path("jak").exists(), "folders were left behind");
    Ok(())
}

#[test]
fn a_link_in_the_place_of_a_file_is_refused_and_what_it_leads_to_is_untouched() -> Result<()> {
    let (site, target) = (Site::new()?, tempfile::NamedTempFile::new()?);
    site.emitted(FLEET, &["--host=jak"])?;
    // Also when it leads to the very text that belongs there.
    for text in ["mine".to_owned(), fs::read_to_string(site.path(TIMER))?] {
        fs::write(target.path(), &text)?;
        fs::remove_file(site.path(TIMER))?;
        symlink(target.path(), site.path(TIMER))?;
        let before = site.tree()?;
        let message = site.refused(FLEET, &["--host=jak"])?;
        assert!(message.contains("changed by hand, or not ours"), "{message}");
        assert_eq!(site.tree()?, before);
        assert_eq!(fs::read_to_string(target.path())?, text);
    }
    // With `--force` the link is replaced, not followed.
    site.emitted(FLEET, &["--host=jak", "--force"])?;
    assert!(!site.path(TIMER).is_symlink());
    assert!(fs::read_to_string(target.path())?.contains("[Timer]"));
    fs::write(target.path(), "mine")?;
    assert!(fs::read_to_string(site.path(TIMER))?.contains("[Timer]"));
    Ok(())
}

#[test]
fn a_link_beside_a_file_s_place_is_not_followed() -> Result<()> {
    let (site, target) = (Site::new()?, tempfile::NamedTempFile::new()?);
    fs::create_dir_all(site.path("etc/systemd/system"))?;
    symlink(
        target.path(),
        site.path("etc/systemd/system/.genbackup.timer.genbackup-new"),
    )?;
    site.emitted(FLEET, &["--host=jak"])?;
    assert_eq!(fs::read_to_string(target.path())?, "");
    assert!(
        !site
            .path("etc/systemd/system/.genbackup.timer.genbackup-new")
            .is_symlink()
    );
    Ok(())
}

#[test]
fn a_folder_in_the_place_of_a_file_is_refused_even_with_force() -> Result<()> {
    let site = Site::new()?;
    fs::create_dir_all(site.path(TIMER))?;
    fs::write(site.path(TIMER).join("mine"), "mine")?;
    let before = site.tree()?;
    for arguments in [&["--host=jak"][..], &["--host=jak", "--force"]] {
        let message = site.refused(FLEET, arguments)?;
        assert!(message.contains("is a folder, where a file belongs"), "{message}");
        assert_eq!(site.tree()?, before);
    }
    Ok(())
}

#[test]
fn a_file_that_is_no_longer_needed_but_was_changed_by_hand_stays_and_is_mentioned() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let path = "usr/local/libexec/genbackup/make-directory";
    fs::write(site.path(path), "mine")?;
    let fleet = changed("initialize = true\n", "")?;
    for arguments in [&["--host=jak", "--diff"][..], &["--host=jak"]] {
        let emit = site.emit(&fleet, arguments)?;
        assert_eq!(
            emit.stderr,
            format!("note: {path} is no longer needed, but was changed by hand: it stays\n")
        );
    }
    assert_eq!(fs::read_to_string(site.path(path))?, "mine");
    assert!(!site.path("usr/local/libexec/genbackup/init-repository").exists());
    Ok(())
}

#[test]
fn with_a_manifest_that_cannot_be_read_nothing_is_deleted_or_overwritten() -> Result<()> {
    let fleet = changed("initialize = true\n", "")?;
    let manifest = "etc/genbackup/manifest.json";
    for text in ["", "{", "[]", "{\"files\": {}, \"more\": 1}", "\u{0}"] {
        let site = Site::new()?;
        site.emitted(FLEET, &["--host=jak"])?;
        fs::write(site.path(manifest), text)?;
        let before = site.tree()?;
        // genbackup.service would change, and nobody knows any more whether it is ours.
        let message = site.refused(&fleet, &["--host=jak"])?;
        assert!(message.contains("changed by hand, or not ours"), "{message}");
        assert_eq!(site.tree()?, before, "{text}");

        let emit = site.emit(&fleet, &["--host=jak", "--force"])?;
        assert!(emit.status.success(), "{}", emit.stderr);
        let note = format!(
            "note: {} can't be read, so nothing is deleted: ",
            site.path(manifest).display()
        );
        assert!(emit.stderr.starts_with(&note), "{}", emit.stderr);
        let after = site.tree()?;
        let gone: Vec<&PathBuf> = before.keys().filter(|path| !after.contains_key(*path)).collect();
        assert!(gone.is_empty(), "{text}: {gone:?}");
        // From here on there is a manifest again.
        site.emitted(&fleet, &["--host=jak"])?;
    }
    Ok(())
}

#[test]
fn files_that_are_as_wanted_already_become_ours() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    fs::remove_file(site.path("etc/genbackup/manifest.json"))?;
    assert_eq!(
        site.emitted(FLEET, &["--host=jak"])?,
        "0 files written, 0 removed\n"
    );
    site.emitted(&other()?, &["--host=jak"])?;
    Ok(())
}

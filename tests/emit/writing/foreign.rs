//! What somebody else wrote, changed or linked is left alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;

use crate::emitted::{FLEET, Site, changed, texts};

const TIMER: &str = "etc/systemd/system/genbackup.timer";

/// A second fleet, in which other files of the host change, too.
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
        let head = format!(
            "error: modified locally, or not written by genbackup: `{0}`\n\n--- {0}\n+++ {0}\n@@ -1 +1,",
            site.path(TIMER).display()
        );
        assert!(message.starts_with(&head), "{message}");
        assert!(message.contains(" @@\n-mine\n"), "{message}");
        assert!(message.contains("\n+OnCalendar=daily\n"), "{message}");
        let hint = "\n+WantedBy=timers.target\n\nhint: put your changes into the fleet file or, for a unit, into a \
                    drop-in (`systemctl edit`); `--force` overwrites the files\n";
        assert!(message.ends_with(hint), "{message}");
        assert_eq!(site.tree()?, before);
    }
    Ok(())
}

#[test]
fn all_files_that_were_changed_by_hand_are_shown_at_once_and_nothing_else() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--all"])?;
    let hands = [
        "jak/usr/local/libexec/genbackup/run-backups",
        "kai/etc/genbackup/include",
        "ziz/etc/systemd/system/genbackup-sshd.socket",
    ];
    for path in hands {
        let text = fs::read_to_string(site.path(path))?;
        fs::write(site.path(path), format!("{text}# by hand in {path}\n"))?;
    }
    let before = site.tree()?;
    let message = site.refused(&other()?, &["--all"])?;
    let paths = hands.map(|path| site.path(path).display().to_string());
    let head = format!(
        "error: modified locally, or not written by genbackup: `{}`\n",
        paths.join("`, `")
    );
    assert!(message.starts_with(&head), "{message}");
    for path in hands {
        assert!(
            message.contains(&format!("\n-# by hand in {path}\n")),
            "{message}"
        );
    }
    assert_eq!(message.matches("\n--- ").count(), hands.len(), "{message}");
    assert_eq!(site.tree()?, before);
    Ok(())
}

#[test]
fn force_overwrites_what_was_changed_by_hand_and_touches_nothing_else() -> Result<()> {
    let (site, fresh) = (Site::new()?, Site::new()?);
    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    fs::write(site.path(TIMER), "mine")?;
    let diff = site.emit(FLEET, &["--host=jak", "--diff"])?;
    assert!(diff.stdout.contains("\n-mine\n"), "{}", diff.stdout);
    assert_eq!(
        site.emitted(FLEET, &["--host=jak", "--force"])?,
        "1 file written, 0 removed\n"
    );
    fresh.emitted(FLEET, &["--host=jak"])?;
    let after = site.tree()?;
    assert_eq!(texts(&after), texts(&fresh.tree()?));
    for (path, entry) in &before {
        let is_written = path == Path::new(TIMER) || path.ends_with("manifest.json");
        assert!(
            is_written || after.get(path) == Some(entry),
            "{} was touched",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn an_existing_file_of_others_is_refused_and_nothing_is_written() -> Result<()> {
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
    assert!(!site.path("jak").exists(), "directories were left behind");
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
        let leads_to = format!("\n-(a symbolic link to {})\n", target.path().display());
        assert!(message.contains(&leads_to), "{message}");
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
fn a_link_next_to_a_file_s_place_is_not_followed() -> Result<()> {
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
fn a_directory_in_the_place_of_a_file_is_refused_even_with_force() -> Result<()> {
    let site = Site::new()?;
    fs::create_dir_all(site.path(TIMER))?;
    fs::write(site.path(TIMER).join("mine"), "mine")?;
    let before = site.tree()?;
    for arguments in [&["--host=jak"][..], &["--host=jak", "--force"]] {
        let message = site.refused(FLEET, arguments)?;
        assert!(
            message.contains("is a directory, but must be a file"),
            "{message}"
        );
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
            format!(
                "note: `{}` is no longer needed, but was modified locally, so it stays\n",
                site.path(path).display()
            )
        );
    }
    assert_eq!(fs::read_to_string(site.path(path))?, "mine");
    assert!(!site.path("etc/systemd/system/genbackup-init.service").exists());
    Ok(())
}

#[test]
fn a_link_in_the_place_of_a_file_that_is_no_longer_needed_stays() -> Result<()> {
    let (site, target) = (Site::new()?, tempfile::NamedTempFile::new()?);
    site.emitted(FLEET, &["--host=jak"])?;
    let include = site.path("etc/genbackup/include");
    // Also if it leads to exactly the same text.
    fs::copy(&include, target.path())?;
    fs::remove_file(&include)?;
    symlink(target.path(), &include)?;
    let fleet = changed("[hosts.jak]\ninclude = [\"/etc\"]", "[hosts.jak]")?;
    let emit = site.emit(&fleet, &["--host=jak"])?;
    assert!(emit.status.success(), "{}", emit.stderr);
    assert!(include.is_symlink());
    assert_eq!(
        emit.stderr,
        format!(
            "note: `{}` is no longer needed, but was modified locally, so it stays\n",
            include.display()
        )
    );
    assert!(!site.path("etc/genbackup/exclude").exists());
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

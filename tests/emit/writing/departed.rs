//! A host that left the fleet takes its staged tree with it, by the same rules.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::Result;

use crate::emitted::{FLEET, Site};

/// The fleet without `ziz`.
pub(crate) fn without_ziz() -> String {
    FLEET.split("\n[hosts.ziz]").next().unwrap_or_default().to_owned()
}

#[test]
fn a_host_that_left_the_fleet_leaves_no_file_behind() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--all"])?;
    let diff = site.emit(&without_ziz(), &["--all", "--diff"])?;
    assert!(
        diff.stdout
            .contains("ziz/etc/genbackup/sshd_config\n+++ /dev/null\n"),
        "{}",
        diff.stdout
    );
    let before = site.tree()?;
    let printed = site.emitted(&without_ziz(), &["--all"])?;
    let of_ziz = before.keys().filter(|path| path.starts_with("ziz")).count() - 1;
    assert!(printed.ends_with(&format!(" {of_ziz} removed\n")), "{printed}");
    // Only the manifest, which is now empty, shows that there was a host.
    let tree = site.tree()?;
    let left: Vec<_> = tree.keys().filter(|path| path.starts_with("ziz")).collect();
    assert_eq!(left, [std::path::Path::new("ziz/etc/genbackup/manifest.json")]);
    assert_eq!(
        site.emitted(&without_ziz(), &["--all"])?,
        "0 files written, 0 removed\n"
    );
    // And it may come back.
    site.emitted(FLEET, &["--all"])?;
    assert_eq!(site.tree()?.len(), before.len());
    Ok(())
}

#[test]
fn what_is_not_ours_in_the_tree_of_a_host_that_left_stays() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--all"])?;
    fs::write(site.path("ziz/etc/genbackup/mine"), "mine")?;
    fs::write(site.path("ziz/etc/genbackup/include"), "mine")?;
    let emit = site.emit(&without_ziz(), &["--all"])?;
    assert!(emit.status.success(), "{}", emit.stderr);
    assert_eq!(
        emit.stderr,
        format!(
            "note: `{}` is no longer needed, but was modified locally, so it stays\n",
            site.path("ziz/etc/genbackup/include").display()
        )
    );
    assert_eq!(fs::read_to_string(site.path("ziz/etc/genbackup/mine"))?, "mine");
    assert_eq!(
        fs::read_to_string(site.path("ziz/etc/genbackup/include"))?,
        "mine"
    );
    assert!(!site.path("ziz/etc/genbackup/sshd_config").exists());
    Ok(())
}

#[test]
fn a_directory_that_is_no_tree_of_ours_is_not_looked_into() -> Result<()> {
    let (site, elsewhere) = (Site::new()?, Site::new()?);
    elsewhere.emitted(FLEET, &["--host=kai"])?;
    let before = elsewhere.tree()?;
    fs::create_dir_all(site.path("notes/etc/genbackup"))?;
    fs::write(site.path("notes/etc/genbackup/include"), "mine")?;
    // A link to a system in use, such as `/`.
    symlink(&elsewhere.root, site.path("live"))?;
    site.emitted(FLEET, &["--all"])?;
    assert_eq!(elsewhere.tree()?, before);
    assert_eq!(
        fs::read_to_string(site.path("notes/etc/genbackup/include"))?,
        "mine"
    );
    Ok(())
}

#[test]
fn emitting_one_host_leaves_the_others_alone() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--all"])?;
    let before = site.tree()?;
    site.emitted(&without_ziz(), &["--host=kai"])?;
    for (path, entry) in &before {
        assert_eq!(site.tree()?.get(path), Some(entry), "{}", path.display());
    }
    Ok(())
}

#[test]
fn a_host_that_left_the_fleet_can_remove_its_files_itself_and_nothing_else() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=ziz"])?;
    let ours = site.tree()?;
    for mine in ["etc/genbackup/mine", "etc/systemd/system/mine.service"] {
        fs::write(site.path(mine), "mine")?;
    }
    let before = site.tree()?;
    // It reads no fleet file: who left may have none any more.
    let no_fleet = "this is none";
    let diff = site.emit(no_fleet, &["--remove", "--diff"])?;
    assert_eq!(diff.status.code(), Some(1));
    assert_eq!(diff.stdout.matches("\n+++ /dev/null\n").count(), ours.len() - 1);
    assert_eq!(site.tree()?, before);
    assert_eq!(
        site.emitted(no_fleet, &["--remove"])?,
        format!("0 files written, {} removed\n", ours.len() - 1)
    );
    let tree = site.tree()?;
    assert_eq!(
        tree.keys().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        [
            "etc/genbackup/manifest.json",
            "etc/genbackup/mine",
            "etc/systemd/system/mine.service"
        ]
    );
    assert_eq!(
        site.emitted(no_fleet, &["--remove"])?,
        "0 files written, 0 removed\n"
    );
    Ok(())
}

#[test]
fn where_genbackup_wrote_nothing_there_is_nothing_to_remove() -> Result<()> {
    let site = Site::new()?;
    let message = site.refused(FLEET, &["--remove"])?;
    assert_eq!(
        message,
        format!(
            "error: nothing to remove: genbackup wrote nothing below {}, or its manifest is missing\n\nhint: name another directory with `--root DIR`\n",
            site.root.display()
        )
    );
    assert!(!site.root.exists());
    Ok(())
}

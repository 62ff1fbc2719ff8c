//! A disk that refuses: nothing has changed, and the message names the place.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::emitted::{FLEET, Site, changed, texts};

/// A small file system in memory, mounted at a directory until it is dropped.
struct Memory<'p> {
    directory: &'p Path,
}

impl<'p> Memory<'p> {
    fn mount(directory: &'p Path, options: &str) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let mounted = run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(directory))?;
        ensure!(
            mounted.status.success(),
            "this test mounts a small file system, and so it needs to be root with CAP_SYS_ADMIN: {}",
            mounted.stderr
        );
        Ok(Self { directory })
    }

    fn remount(&self, options: &str) -> Result<()> {
        let mounted = run(Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.directory))?;
        ensure!(mounted.status.success(), "{}", mounted.stderr);
        Ok(())
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        // A failure would show as a directory that cannot be removed.
        drop(Command::new("umount").arg("--lazy").arg(self.directory).status());
    }
}

#[test]
fn a_root_that_is_a_file_is_named() -> Result<()> {
    let site = Site::new()?;
    fs::write(&site.root, "mine")?;
    let message = site.refused(FLEET, &["--host=jak"])?;
    assert!(
        message.starts_with(&format!("error: cannot write `{}", site.root.display())),
        "{message}"
    );
    assert!(message.contains("nothing was changed"), "{message}");
    assert_eq!(fs::read_to_string(&site.root)?, "mine");
    Ok(())
}

#[test]
fn a_directory_that_is_a_file_is_named_and_nothing_is_left_behind() -> Result<()> {
    let site = Site::new()?;
    fs::create_dir_all(site.path("usr"))?;
    fs::write(site.path("usr/local"), "mine")?;
    let before = site.tree()?;
    let message = site.refused(FLEET, &["--host=jak"])?;
    assert!(
        message.contains(&site.path("usr/local").display().to_string()),
        "{message}"
    );
    assert_eq!(site.tree()?, before);
    assert!(!site.path("etc").exists(), "directories were left behind");
    Ok(())
}

#[test]
fn a_disk_that_is_read_only_is_named_and_nothing_has_changed() -> Result<()> {
    let site = Site::new()?;
    let disk = Memory::mount(&site.root, "size=4m")?;
    site.emitted(FLEET, &["--host=jak"])?;
    disk.remount("ro")?;
    let before = site.tree()?;
    let message = site.refused(&changed("\"daily\"", "\"weekly\"")?, &["--host=jak"])?;
    assert!(message.contains(&site.root.display().to_string()), "{message}");
    assert!(message.contains("Read-only file system"), "{message}");
    assert_eq!(site.tree()?, before);
    // What is as it should be needs no writing.
    assert_eq!(
        site.emitted(FLEET, &["--host=jak"])?,
        "0 files written, 0 removed\n"
    );
    Ok(())
}

#[test]
fn a_disk_that_fills_up_half_way_changes_nothing_and_room_is_all_it_takes() -> Result<()> {
    let (site, fresh) = (Site::new()?, Site::new()?);
    let _disk = Memory::mount(&site.root, "size=1m")?;
    let fleet = changed("/mnt/storage", "/mnt/elsewhere")?;
    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    fresh.emitted(&fleet, &["--host=jak"])?;

    let filler = site.path("filler");
    let mut refused = 0;
    // One page more at a time, until it is enough.
    for pages in 0..200 {
        fill(&filler, pages)?;
        let emit = site.emit(&fleet, &["--host=jak"])?;
        fs::remove_file(&filler)?;
        if emit.status.success() {
            break;
        }
        assert_eq!(emit.status.code(), Some(1));
        assert!(emit.stderr.contains("No space left on device"), "{}", emit.stderr);
        assert!(
            emit.stderr
                .contains("\n\nhint: free some space, and run this again\n"),
            "{}",
            emit.stderr
        );
        assert_eq!(site.tree()?, before, "{pages} pages: {}", emit.stderr);
        refused += 1;
    }
    assert!(refused > 5, "it was refused only {refused} times");
    assert_eq!(texts(&site.tree()?), texts(&fresh.tree()?));
    Ok(())
}

/// Fills the disk until this number of pages is free.
fn fill(filler: &Path, pages: u64) -> Result<()> {
    let free = nix::sys::statvfs::statvfs(filler.parent().context("a directory")?)?;
    let wanted = free.blocks_free().saturating_sub(pages) * free.fragment_size();
    fs::write(filler, vec![0; usize::try_from(wanted)?])?;
    Ok(())
}

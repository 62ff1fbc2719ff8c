//! The script that copies the repository elsewhere never costs the copy.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::block;
use crate::command::{Outcome, run};
use crate::executable::executable;
use crate::repository;

const CHAPTER: &str = "offsite.md";
const TURN: &str = "/var/lib/genbackup";

/// A repository of restic, a place for its copy, and the script of the chapter.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Result<Self> {
        let site = Self {
            folder: tempfile::tempdir()?,
        };
        for folder in ["turn", "files", "programs"] {
            fs::create_dir(site.at(folder))?;
        }
        let script = block(CHAPTER, "# /usr/local/sbin/copy-offsite REPOSITORY REMOTE")?;
        ensure!(script.matches(TURN).count() == 1, "{script}");
        let turn = site.at("turn").display().to_string();
        fs::write(site.at("copy-offsite"), script.replace(TURN, &turn))?;
        repository::make(&site.at("repository"), "secret")?;
        for number in 0..20 {
            fs::write(
                site.at("files").join(number.to_string()),
                number.to_string().repeat(1000),
            )?;
            let files = site.at("files").display().to_string();
            site.restic(&["backup", &files])?;
        }
        Ok(site)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn restic(&self, arguments: &[&str]) -> Result<()> {
        let done = run(Command::new("restic")
            .args(["--quiet", "--no-cache", "--repo"])
            .arg(self.at("repository"))
            .args(arguments)
            .env("RESTIC_PASSWORD", "secret"))?;
        ensure!(done.status.success(), "{}", done.stderr);
        Ok(())
    }

    /// Runs the script.
    fn copy(&self) -> Result<Outcome> {
        let path = std::env::var("PATH").context("no PATH")?;
        run(Command::new("bash")
            .arg(self.at("copy-offsite"))
            .args([self.at("repository"), self.at("copy")])
            .env("PATH", format!("{}:{path}", self.at("programs").display()))
            .env("RCLONE_CONFIG", self.at("rclone.conf")))
    }

    /// The files of the repository or of its copy, with their bytes.
    fn files(&self, name: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let root = self.at(name);
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.strip_prefix(&root)?.to_owned(), fs::read(&path)?));
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// That a copy of the repository, as it is now, is refused for this reason and leaves the copy as it was.
    fn is_refused(&self, why: &str) -> Result<()> {
        let before = self.files("copy")?;
        let refused = self.copy()?;
        ensure!(!refused.status.success(), "it went well");
        ensure!(refused.stderr.contains(why), "{}", refused.stderr);
        ensure!(self.files("copy")? == before, "the copy is another one");
        Ok(())
    }
}

fn copied() -> Result<Site> {
    let site = Site::new()?;
    let done = site.copy()?;
    ensure!(done.status.success(), "{}", done.stderr);
    Ok(site)
}

fn empty(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder)?;
    Ok(fs::create_dir(folder)?)
}

#[test]
fn a_sound_repository_is_copied_without_its_locks() -> Result<()> {
    let site = Site::new()?;
    fs::write(site.at("repository/locks/a"), "a lock")?;
    let done = site.copy()?;
    assert!(done.status.success(), "{}", done.stderr);
    let repository = site.files("repository")?.into_iter();
    let expected: Vec<_> = repository
        .filter(|(path, _)| !path.starts_with("locks"))
        .collect();
    assert!(site.files("copy")? == expected);
    Ok(())
}

#[test]
fn what_a_prune_removed_goes_from_the_copy() -> Result<()> {
    let site = copied()?;
    let snapshots = site.files("repository/snapshots")?;
    let (oldest, _) = snapshots.first().context("there are snapshots")?;
    fs::remove_file(site.at("repository/snapshots").join(oldest))?;
    let done = site.copy()?;
    assert!(done.status.success(), "{}", done.stderr);
    assert!(site.files("copy")? == site.files("repository")?);
    Ok(())
}

#[test]
fn an_empty_directory_costs_no_copy() -> Result<()> {
    let site = copied()?;
    empty(&site.at("repository"))?;
    site.is_refused("config is missing")
}

#[test]
fn a_repository_without_its_config_costs_no_copy() -> Result<()> {
    let site = copied()?;
    fs::remove_file(site.at("repository/config"))?;
    site.is_refused("config is missing")
}

#[test]
fn a_repository_without_snapshots_costs_no_copy() -> Result<()> {
    let site = copied()?;
    empty(&site.at("repository/snapshots"))?;
    site.is_refused("snapshots holds no file")
}

#[test]
fn a_repository_that_lost_half_of_its_files_costs_no_copy() -> Result<()> {
    let site = copied()?;
    let files = site.files("repository")?.into_iter();
    let of_data = files.filter(|(path, _)| path.starts_with("data") || path.starts_with("index"));
    for (path, _) in of_data.step_by(2) {
        fs::remove_file(site.at("repository").join(path))?;
    }
    site.is_refused("files are missing in")
}

#[test]
fn a_file_that_was_cut_off_replaces_no_whole_one() -> Result<()> {
    let site = copied()?;
    let (index, _) = site
        .files("repository/index")?
        .pop()
        .context("there is an index")?;
    let index = site.at("repository/index").join(index);
    fs::set_permissions(&index, fs::Permissions::from_mode(0o600))?;
    fs::write(&index, "cut off")?;
    site.is_refused("immutable")
}

#[test]
fn runs_and_prune_wait_while_it_copies() -> Result<()> {
    let site = Site::new()?;
    // In rclone's place: whether somebody else could take the turn.
    let program = site.at("programs/rclone");
    let turn = site.at("turn");
    let text = format!(
        "#!/bin/sh\nflock --nonblock {} true && touch {}\n",
        turn.display(),
        site.at("free").display()
    );
    executable(&program, &text)?;
    site.copy()?;
    assert!(!site.at("free").exists());
    // The stand-in does see a turn that is free.
    run(&mut Command::new(&program))?;
    assert!(site.at("free").exists());
    Ok(())
}

#[test]
fn the_unit_records_what_the_script_does() -> Result<()> {
    let unit = block(CHAPTER, "# /etc/systemd/system/offsite.service")?;
    let command = "ExecStart=genbackup record offsite -- \\\n    \
                   /usr/local/sbin/copy-offsite /mnt/storage/restic elsewhere:restic\n";
    assert!(unit.contains(command), "{unit}");
    Ok(())
}

//! A repository of one host, what the host backs up, and its turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use genbackup::repository::settle::{Before, Restic, Settle, Turn, Verdict, entries};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::command::run;
use crate::repository;

pub(super) const PASSWORD: &str = "secret";

pub(super) struct Site {
    directory: TempDir,
}

impl Site {
    /// An empty repository, and two files to back up.
    pub(super) fn new() -> Result<Self> {
        // In memory: bringing files to a disk takes its time, and shows nothing here.
        let site = Self {
            directory: tempfile::tempdir_in("/dev/shm")?,
        };
        repository::make(&site.repository(), PASSWORD)?;
        fs::write(site.at("password"), PASSWORD)?;
        fs::create_dir(site.at("files"))?;
        site.write("one", 1, 700_000)?;
        site.write("two", 2, 700_000)?;
        Ok(site)
    }

    /// The same with everything in it, times included.
    pub(super) fn copied(&self) -> Result<Self> {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let copy = run(Command::new("cp")
            .arg("--archive")
            .arg(self.at("."))
            .arg(directory.path()))?;
        ensure!(copy.status.success(), "{}", copy.stderr);
        Ok(Self { directory })
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.at("repository")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.at("state.json")
    }

    /// Writes a file that cannot be compressed, different for each number.
    pub(super) fn write(&self, name: &str, number: u64, length: usize) -> Result<()> {
        let mut value = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let next = |_| {
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
            value.to_le_bytes()
        };
        let bytes: Vec<u8> = (0..length / 8).flat_map(next).collect();
        Ok(fs::write(self.at("files").join(name), bytes)?)
    }

    /// restic with the password of the repository.
    pub(super) fn restic(&self, arguments: &[&str]) -> Result<String> {
        let outcome = run(Command::new("restic")
            .args(["--no-cache", "--quiet", "--repo"])
            .arg(self.repository())
            .args(arguments)
            .env("RESTIC_PASSWORD_FILE", self.at("password")))?;
        ensure!(outcome.status.success(), "{arguments:?}: {}", outcome.stderr);
        Ok(outcome.stdout)
    }

    /// Backs the files up, as the client does.
    pub(super) fn back_up(&self) -> Result<()> {
        let files = self.at("files").display().to_string();
        self.restic(&["backup", "--host", "kai", "--tag", "genbackup", &files])
            .map(drop)
    }

    /// A turn that began a minute ago, and ends now.
    pub(super) fn turn() -> Turn {
        Turn {
            host: "kai".to_owned(),
            tag: "genbackup".to_owned(),
            begin: Timestamp::now() - SignedDuration::from_mins(1),
            end: Timestamp::now(),
            time_limit: Duration::from_secs(3600),
        }
    }

    /// Settles a turn.
    pub(super) fn settle(&self) -> Result<Verdict> {
        self.settle_turn(Self::turn(), &|| Ok(()))
    }

    pub(super) fn settle_turn(&self, turn: Turn, before: Before<'_>) -> Result<Verdict> {
        let settle = Settle {
            repository: self.repository(),
            state: self.state(),
            restic: Restic {
                program: "restic".into(),
                password_file: self.at("password"),
                key_hint: None,
            },
            turn,
            is_alone: true,
            before,
        };
        settle.run()
    }

    /// The names of the files below a directory of the repository, sorted.
    pub(super) fn names(&self, directory: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut directories = vec![self.repository().join(directory)];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() && !path.is_symlink() {
                    directories.push(path);
                } else {
                    let name = path.file_name().context("no name")?;
                    names.push(name.to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// What is in the quarantine, as `PATH: WHY`, sorted.
    pub(super) fn findings(&self) -> Result<Vec<String>> {
        let findings = entries(&self.repository())?
            .into_iter()
            .flat_map(|entry| entry.findings);
        let mut findings: Vec<String> = findings.map(|finding| finding.to_string()).collect();
        findings.sort();
        Ok(findings)
    }

    /// True if a snapshot gives each byte of the files back.
    pub(super) fn restores(&self, snapshot: &str) -> Result<bool> {
        let target = tempfile::tempdir()?;
        let target_name = target.path().display().to_string();
        self.restic(&["restore", snapshot, "--target", &target_name])?;
        let files = self.at("files");
        let restored = target.path().join(files.strip_prefix("/")?);
        same(&files, &restored)
    }
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    let diff = run(Command::new("diff").arg("--recursive").args([one, other]))?;
    Ok(diff.status.success())
}

//! A repository, a place for its copy, and the command that copies.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::repository;

pub(super) const PASSWORD: &str = "secret";

/// A repository of restic with a snapshot, and where its copy goes.
pub(super) struct Site {
    directory: TempDir,
    /// The table of the copy.
    table: String,
    /// Where the copy is, if it is not in the directory `copy`.
    remote: Option<String>,
    /// The directory of another rclone than that of this host.
    rclone: Option<PathBuf>,
    backups: u64,
}

impl Site {
    /// With a copy of the files in `[offsite.there]`, and these keys in addition to the kind and the place.
    pub(super) fn new(keys: &str) -> Result<Self> {
        Self::with(|site| {
            format!(
                "kind = \"sync\"\nremote = \"{}\"\n{keys}",
                site.join("copy").display()
            )
        })
    }

    /// With the keys of `[offsite.there]` that follow from the directory of the site.
    pub(super) fn with(keys: impl FnOnce(&Path) -> String) -> Result<Self> {
        // A repository in /tmp is refused.
        let directory = tempfile::tempdir_in("/srv")?;
        let site = Self {
            table: keys(directory.path()),
            directory,
            remote: None,
            rclone: None,
            backups: 0,
        };
        for directory in ["turns", "turns/runs", "files", "state", "credentials"] {
            fs::create_dir(site.at(directory))?;
        }
        for lock in ["maintaining", "copying"] {
            fs::write(site.at("turns").join(lock), "")?;
        }
        repository::make(&site.at("repository"), PASSWORD)?;
        for password in ["restic-password", "copy-password"] {
            fs::write(site.at("credentials").join(password), PASSWORD)?;
        }
        Ok(site)
    }

    /// With a copy of the files at a remote of rclone, of which this is the configuration.
    pub(super) fn remote(remote: &str, config: &str, keys: &str) -> Result<Self> {
        let mut site = Self::with(|_| {
            format!("kind = \"sync\"\nremote = \"{remote}\"\nconfig-file = \"/etc/rclone.conf\"\n{keys}")
        })?;
        site.configure(config)?;
        site.remote = Some(remote.to_owned());
        Ok(site)
    }

    /// With the rclone in this directory.
    pub(super) fn with_rclone_in(mut self, directory: PathBuf) -> Self {
        self.rclone = Some(directory);
        self
    }

    /// Where programs are looked for.
    fn path(&self) -> Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let others = std::env::split_paths(&path);
        Ok(std::env::join_paths(self.rclone.iter().cloned().chain(others))?)
    }

    /// Changes a key of the copy.
    pub(super) fn replace_in_table(&mut self, old: &str, new: &str) {
        self.table = self.table.replace(old, new);
    }

    /// Gives the copy this configuration of rclone.
    pub(super) fn configure(&self, config: &str) -> Result<()> {
        Ok(fs::write(self.at("credentials/rclone.conf"), config)?)
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Backs up a new file of this number of bytes.
    pub(super) fn back_up(&mut self, bytes: usize) -> Result<()> {
        self.backups += 1;
        let seed = self.backups.to_be_bytes().repeat(8);
        let content: Vec<u8> = seed.iter().copied().cycle().take(bytes).collect();
        fs::write(
            self.at("files").join(self.backups.to_string()),
            scrambled(&content, self.backups),
        )?;
        self.restic(
            "repository",
            &[
                "backup",
                "--tag",
                "genbackup",
                &self.at("files").display().to_string(),
            ],
        )
        .map(drop)
    }

    /// What restic prints for the repository, or for its copy.
    pub(super) fn restic(&self, repository: &str, arguments: &[&str]) -> Result<String> {
        let place = match &self.remote {
            Some(remote) if repository == "copy" => format!("rclone:{remote}").into(),
            _ => self.at(repository),
        };
        let done = run(Command::new("restic")
            .args(["--quiet", "--no-cache", "--repo"])
            .arg(place)
            .args(arguments)
            .env_remove("AWS_CA_BUNDLE")
            .env("PATH", self.path()?)
            .env("RCLONE_CONFIG", self.at("credentials/rclone.conf"))
            .env("RESTIC_PASSWORD", PASSWORD))?;
        ensure!(
            done.status.success(),
            "restic {arguments:?} of {repository}: {}{}",
            done.stdout,
            done.stderr
        );
        Ok(done.stdout)
    }

    /// The command that copies, with more arguments.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Command> {
        let fleet = self.at("fleet.toml");
        fs::write(
            &fleet,
            format!(
                "[schedule]\ncalendar = \"daily\"\n[repository]\nhost = \"jak\"\npath = \"{}\"\n\
                 password-file = \"/etc/password\"\nkeep = \"7 daily\"\n[hosts.jak]\ninclude = [\"/etc\"]\n\
                 [offsite.there]\nafter-run = true\n{}",
                self.at("repository").display(),
                self.table,
            ),
        )?;
        let mut command = genbackup();
        command
            .env("PATH", self.path()?)
            .arg("--fleet")
            .arg(fleet)
            .args(["copy-offsite", "there", "--state"])
            .arg(self.at("state"))
            .arg("--turns")
            .arg(self.at("turns"))
            .arg("--runs")
            .arg(self.at("turns/runs"))
            .arg("--credentials")
            .arg(self.at("credentials"))
            .args(arguments);
        Ok(command)
    }

    /// Copies, and returns how that ended.
    pub(super) fn copy(&self, arguments: &[&str]) -> Result<Outcome> {
        run(&mut self.command(arguments)?)
    }

    /// Copies, which has to succeed.
    pub(super) fn copied(&self, arguments: &[&str]) -> Result<String> {
        let done = self.copy(arguments)?;
        ensure!(done.status.success(), "{}{}", done.stdout, done.stderr);
        Ok(done.stderr)
    }

    /// The newest record.
    pub(super) fn record(&self) -> Result<String> {
        let mut records = fs::read_dir(self.at("turns/runs"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        records.sort();
        Ok(fs::read_to_string(records.last().context("there is no record")?)?)
    }

    /// Begins to copy, in a separate process group.
    pub(super) fn begin(&self) -> Result<Child> {
        self.command(&[])?
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the copy")
    }

    /// The paths of the files of the repository, or of its copy, that restic reads.
    pub(super) fn files(&self, name: &str) -> Result<Vec<PathBuf>> {
        let root = self.at(name);
        let mut files = Vec::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                let relative = path.strip_prefix(&root)?.to_owned();
                if path.is_dir() {
                    directories.push(path);
                } else if !relative.starts_with("locks") {
                    files.push(relative);
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The ids of the snapshots, oldest first.
    pub(super) fn snapshots(&self, name: &str) -> Result<Vec<String>> {
        let listed = self.restic(name, &["snapshots", "--json", "--no-lock"])?;
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed)?;
        let id = |snapshot: &serde_json::Value| snapshot["id"].as_str().map(str::to_owned);
        Ok(listed.iter().filter_map(id).collect())
    }

    /// Checks that the copy is a valid repository, whose newest snapshot can be restored.
    pub(super) fn copy_is_valid(&self) -> Result<()> {
        let copy = self.at("copy");
        if self.remote.is_none() && !copy.join("config").exists() {
            let has =
                |part: &str| fs::read_dir(copy.join(part)).is_ok_and(|mut files| files.next().is_some());
            ensure!(!has("snapshots") && !has("index"), "a copy without its config");
            return Ok(());
        }
        if self.remote.is_none() && !copy.join("keys").exists() {
            return Ok(());
        }
        self.restic("copy", &["check", "--no-lock", "--read-data"])?;
        if let Some(newest) = self.snapshots("copy")?.last() {
            let target = tempfile::tempdir_in(self.directory.path())?;
            self.restic(
                "copy",
                &[
                    "restore",
                    "--no-lock",
                    newest,
                    "--target",
                    &target.path().display().to_string(),
                ],
            )?;
            let restored = target.path().join(self.at("files").strip_prefix("/")?);
            ensure!(fs::read_dir(restored)?.next().is_some(), "nothing was restored");
        }
        Ok(())
    }
}

/// Bytes that neither repeat nor can be compressed.
fn scrambled(content: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mix = |byte: &u8| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        byte ^ state.to_le_bytes()[0]
    };
    content.iter().map(mix).collect()
}

/// Removes the files of a directory.
pub(super) fn empty(directory: &Path) -> Result<()> {
    for file in fs::read_dir(directory)? {
        fs::remove_file(file?.path())?;
    }
    Ok(())
}

//! Runs rclone: to list what a remote has, to add files to it and to remove them.
//!
//! rclone promises no order between directories and no whole files on every remote. So genbackup orders each
//! step: which files, in which part. rclone never compares: what is to be copied is known.

#![expect(clippy::disallowed_methods, reason = "this is the module that starts rclone")]

mod answer;
mod canary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::inventory::Listed;
use super::name::{Id, Name, Part};
use super::process::{self, Heard, Next, Stop};
use super::s3::S3;
use super::tamper::CANARIES;
use crate::model::Remote;

pub(crate) use answer::Failed;
use answer::{Answer, Line};

/// rclone's exit status for a directory that does not exist.
const NO_DIRECTORY: i32 = 3;
/// The directory of uploads that are in progress, on a remote that shows incomplete files. restic ignores it.
const INCOMING: &str = "genbackup-incoming";

/// rclone with the configuration and the limits of a copy.
pub(crate) struct Rclone<'r> {
    remote: &'r Remote,
    config: Option<PathBuf>,
    bandwidth: Option<String>,
    stop: Stop<'r>,
}

impl std::fmt::Debug for Rclone<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rclone")
            .field("remote", self.remote)
            .finish_non_exhaustive()
    }
}

impl<'r> Rclone<'r> {
    /// For a remote, with a configuration file. Without one, rclone searches for its own.
    #[must_use]
    pub(crate) fn of(remote: &'r Remote, config: Option<&Path>, stop: Stop<'r>) -> Self {
        Self {
            remote,
            config: config.map(Path::to_owned),
            bandwidth: None,
            stop,
        }
    }

    /// Copies no more than this number of KiB a second.
    #[must_use]
    pub(crate) fn limited_to(self, kibibytes: Option<u32>) -> Self {
        Self {
            bandwidth: kibibytes.map(|kibibytes| format!("{kibibytes}k")),
            ..self
        }
    }

    /// What the remote has; nothing when its directory does not exist.
    ///
    /// # Errors
    /// When rclone fails, also when the bucket or the directory above it is missing.
    pub(crate) fn list(&self) -> Result<Listed> {
        let what = "list the remote";
        let mut command = self.command("lsf");
        command
            .args([
                "--recursive",
                "--files-only",
                "--fast-list",
                "--format",
                "sp",
                "--separator",
                ";",
            ])
            .args(["--exclude", "/locks/**"])
            .arg(self.remote.as_str());
        let answer = self.run(command, "")?;
        if answer.status == Some(NO_DIRECTORY) {
            self.find_parent()?;
            return Ok(Listed::default());
        }
        let lines = answer.output(what)?;
        let lines = std::str::from_utf8(&lines).context("the remote has a name that is not UTF-8")?;
        let mut listed =
            Listed::parse(lines).map_err(|line| anyhow::anyhow!("cannot read what rclone listed: {line}"))?;
        let (incoming, canaries) = (format!("{INCOMING}/"), format!("{CANARIES}/"));
        listed.strangers.retain(|path| !path.starts_with(&canaries));
        let all = listed.strangers.len();
        listed.strangers.retain(|path| !path.starts_with(&incoming));
        listed.has_incoming = listed.strangers.len() < all;
        Ok(listed)
    }

    /// The snapshots of the copy.
    ///
    /// # Errors
    /// When rclone fails, or it is time to stop.
    pub(crate) fn snapshots(&self) -> Result<Vec<Id>> {
        let part = Part::Snapshots.directory();
        let mut command = self.command("lsf");
        command.arg("--files-only").arg(self.remote.below(part));
        let lines = self.run(command, "")?.output("list the snapshots of the copy")?;
        let lines = String::from_utf8_lossy(&lines).into_owned();
        let name = |line: &str| Name::parse(&format!("{part}/{line}"));
        let id = |line: &str| match name(line) {
            Some(Name::File(Part::Snapshots, id)) => Some(id),
            _ => None,
        };
        Ok(lines.lines().filter_map(id).collect())
    }

    /// Whether a bucket keeps what is overwritten or deleted; `None` if it does not report that.
    ///
    /// # Errors
    /// When it is time to stop.
    pub(crate) fn keeps_versions(&self) -> Result<Option<bool>> {
        let mut command = self.command("backend");
        command.arg("versioning").arg(self.remote.as_str());
        let answer = self.run(command, "")?.output("ask for versions");
        match answer {
            Ok(answer) => Ok(match answer.trim_ascii() {
                b"Enabled" => Some(true),
                b"Unversioned" | b"Suspended" => Some(false),
                _ => None,
            }),
            Err(error) if error.is::<Failed>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Nothing is created above the directory of a copy: a bucket that is missing has been mistyped or removed.
    fn find_parent(&self) -> Result<()> {
        let parent = if self.remote.is_below_root() && !self.shows_half_files()? {
            // A bucket.
            self.remote.to_string()
        } else {
            self.remote.parent()
        };
        let mut command = self.command("lsf");
        command.args(["--max-depth", "1", "--dirs-only"]).arg(&parent);
        self.run(command, "")?.output(&format!("find `{parent}`"))?;
        Ok(())
    }

    /// The content of a small file of the copy.
    ///
    /// # Errors
    /// When rclone fails.
    pub(crate) fn read(&self, name: Name) -> Result<Vec<u8>> {
        let mut command = self.command("cat");
        command.arg(self.remote.below(&name.to_string()));
        self.run(command, "")?
            .output(&format!("read `{name}` of the copy"))
    }

    /// Copies files of a part, which the copy does not have, from the directory of a repository. Each file
    /// appears whole or not at all, except for packs: no index names them yet. `sent` gets the number of
    /// bytes that were sent.
    ///
    /// # Errors
    /// When rclone fails, or it is time to stop: then some are there.
    pub(crate) fn upload(
        &self,
        repository: &Path,
        part: Part,
        names: &[Name],
        sent: &dyn Fn(u64),
    ) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let waits = part != Part::Data && self.shows_half_files()?;
        let below = if waits { INCOMING } else { "" };
        let mut command = self.command("copy");
        // rclone would look for each file at the remote, and compare.
        command.args(["--no-check-dest", "--no-traverse", "--files-from-raw", "-"]);
        command.arg(repository).arg(self.remote.below(below));
        self.run_watched(command, &lines(names), sent)?
            .output(&format!("copy `{}`", part.directory()))?;
        if waits {
            self.take_in(part, names)?;
        }
        Ok(())
    }

    /// Gives files that are whole their names.
    fn take_in(&self, part: Part, names: &[Name]) -> Result<()> {
        let directory = part.directory();
        let from = format!("{INCOMING}/{directory}");
        let what = format!("move `{directory}` to its place");
        if part == Part::Config {
            // rclone moves no directory into one that it is in.
            let mut command = self.command("moveto");
            command
                .arg(self.remote.below(&from))
                .arg(self.remote.below(directory));
            self.run(command, "")?.output(&what)?;
            return Ok(());
        }
        let mut command = self.command("move");
        command.args(["--no-check-dest", "--no-traverse", "--files-from-raw", "-"]);
        command
            .arg(self.remote.below(&from))
            .arg(self.remote.below(directory));
        let prefix = format!("{directory}/");
        let short = names.iter().map(|name| {
            let name = name.to_string();
            name.strip_prefix(&prefix)
                .map_or_else(|| name.clone(), str::to_owned)
                + "\n"
        });
        self.run(command, &short.collect::<String>())?.output(&what)?;
        Ok(())
    }

    /// Removes what was left when an upload was cut off, before its files had their names.
    ///
    /// # Errors
    /// When rclone fails.
    pub(crate) fn clear_incoming(&self) -> Result<()> {
        let mut command = self.command("purge");
        command.arg(self.remote.below(INCOMING));
        self.run(command, "")?.output("remove what an upload left")?;
        Ok(())
    }

    /// Removes files of the copy.
    ///
    /// # Errors
    /// When rclone fails, or it is time to stop: then some are gone.
    pub(crate) fn delete(&self, names: &[Name]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut command = self.command("delete");
        command.args(["--files-from-raw", "-"]).arg(self.remote.as_str());
        self.run(command, &lines(names))?
            .output("delete files of the copy")?;
        Ok(())
    }

    /// Whether a file of this remote can be seen before it is whole. Object stores show an object once it is complete.
    fn shows_half_files(&self) -> Result<bool> {
        const WHOLE: [&str; 6] = [
            "s3",
            "b2",
            "azureblob",
            "google cloud storage",
            "swift",
            "oracleobjectstorage",
        ];
        Ok(!WHOLE.contains(&self.kind()?.as_str()))
    }

    /// The kind of the remote, such as `s3`.
    fn kind(&self) -> Result<String> {
        match self.remote.kind() {
            Some(kind) => Ok(kind.to_owned()),
            None => self.kind_of_config(),
        }
    }

    /// The kind of the remote in rclone's configuration.
    fn kind_of_config(&self) -> Result<String> {
        let mut command = self.command("listremotes");
        command.arg("--long");
        let lines = self
            .run(command, "")?
            .output("read the remotes of rclone's configuration")?;
        let lines = String::from_utf8_lossy(&lines).into_owned();
        let kinds = lines.lines().filter_map(|line| line.split_once(':'));
        let mut kind = kinds
            .filter(|(name, _)| Some(*name) == self.remote.name())
            .map(|(_, kind)| kind.trim().to_owned());
        Ok(kind.next_back().unwrap_or_default())
    }

    /// The bucket of an S3 remote whose key is in rclone's configuration; `None` of any other.
    ///
    /// # Errors
    /// When rclone's configuration cannot be read, or its endpoint cannot be used.
    pub(crate) fn s3(&self) -> Result<Option<S3>> {
        let mut command = self.command("config");
        command.arg("dump");
        let text = self.run(command, "")?.output("read rclone's configuration")?;
        let mut remotes: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&text).context("cannot read rclone's configuration")?;
        let remote = self.remote.name().and_then(|name| remotes.remove(name));
        let configured = remote.map(serde_json::from_value).transpose();
        // What it prints may hold a secret.
        let configured =
            configured.map_err(|_| anyhow::anyhow!("cannot read the remote in rclone's configuration"))?;
        match configured {
            Some(configured) => S3::of(self.remote, &configured),
            None => Ok(None),
        }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("rclone");
        // rclone 1.60 fails where it is set; an administrator's shell may have it.
        command.env_remove("AWS_CA_BUNDLE");
        command.arg(verb).args([
            "--use-json-log",
            "--log-level=NOTICE",
            "--stats=5s",
            "--stats-log-level=NOTICE",
            // A second try would copy again what was copied.
            "--retries=1",
            "--low-level-retries=10",
            "--contimeout=30s",
            "--timeout=5m",
        ]);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(bandwidth) = &self.bandwidth {
            command.args(["--bwlimit", bandwidth]);
        }
        command
    }

    /// Runs it with this input. Ends it when it is time to stop.
    fn run(&self, command: Command, input: &str) -> Result<Answer> {
        self.run_watched(command, input, &|_| {})
    }

    /// The same; `sent` gets the number of bytes that were sent.
    fn run_watched(&self, mut command: Command, input: &str, sent: &dyn Fn(u64)) -> Result<Answer> {
        let mut answer = Answer::default();
        let heard = Heard {
            output: &|_| {},
            errors: &mut |line| match Line::of(line) {
                Line::Progress(stats) => {
                    sent(stats.bytes);
                    Next::Continue
                }
                Line::Error { text, is_of_a_file } => {
                    answer.note(text);
                    // It would try each of the other files, for hours where the network is gone.
                    if is_of_a_file { Next::End } else { Next::Continue }
                }
                Line::Other => Next::Continue,
            },
        };
        let ended = process::run(&mut command, input, self.stop, Signal::SIGTERM, heard)?;
        answer.status = ended.status;
        answer.bytes = ended.output;
        Ok(answer)
    }
}

/// Each in a line.
fn lines(names: &[Name]) -> String {
    names
        .iter()
        .flat_map(|name| [name.to_string(), "\n".to_owned()])
        .collect()
}

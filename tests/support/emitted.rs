//! A fleet file, the tree that it is emitted to, and what is in that tree.

#![expect(clippy::disallowed_methods, reason = "the tests write the fleet files")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};

/// A storage host that makes its repository, and two clients.
pub(crate) const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "/mnt/storage/restic"
file-system = "/mnt/storage"
password-file = "/etc/genbackup/restic-password"
keep = "30 daily"
initialize = true

[nfs]
mount = "/mnt/jak"

[ssh]
key-file = "/etc/genbackup/ssh_ed25519"
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"

[hosts.jak]
include = ["/etc"]

[hosts.kai]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxUXkZEgcb3wgNBcnPrKZ2JyaEKnEbKHUFXJ2xUYIvG"
include = ["/etc"]

[hosts.ziz]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"
include = ["/etc", "/home"]
"#;

/// Another fleet: a text of [`FLEET`] replaced by another.
pub(crate) fn changed(old: &str, new: &str) -> Result<String> {
    ensure!(FLEET.contains(old), "the fleet has no {old}");
    Ok(FLEET.replace(old, new))
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    /// The text, or what a link leads to.
    pub(crate) content: Vec<u8>,
    inode: u64,
    /// In nanoseconds.
    modified: (i64, i64),
}

/// All files of a tree.
pub(crate) type Tree = BTreeMap<PathBuf, Entry>;

/// A separate directory, with a fleet file and a root to emit to.
pub(crate) struct Site {
    directory: TempDir,
    pub(crate) root: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Result<Self> {
        // In memory: bringing files to a disk takes its time, and shows nothing here.
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let root = directory.path().join("root");
        Ok(Self { directory, root })
    }

    /// The fleet file, with this text.
    pub(crate) fn fleet(&self, text: &str) -> Result<PathBuf> {
        // One file for each text: some emit at once.
        let mut number = 0;
        loop {
            let file = self.directory.path().join(format!("fleet-{number}.toml"));
            match fs::read_to_string(&file) {
                Ok(there) if there == text => return Ok(file),
                Ok(_) => number += 1,
                Err(_) => {
                    fs::write(&file, text)?;
                    return Ok(file);
                }
            }
        }
    }

    /// `genbackup emit` of a fleet to the root, ready to start.
    pub(crate) fn command(&self, fleet: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = genbackup();
        command
            .arg("--fleet")
            .arg(self.fleet(fleet)?)
            .arg("emit")
            .args(arguments)
            .arg("--root")
            .arg(&self.root);
        Ok(command)
    }

    /// `genbackup emit` of a fleet to the root.
    pub(crate) fn emit(&self, fleet: &str, arguments: &[&str]) -> Result<Outcome> {
        run(&mut self.command(fleet, arguments)?)
    }

    /// The same, where it has to succeed; what it prints.
    pub(crate) fn emitted(&self, fleet: &str, arguments: &[&str]) -> Result<String> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.emit(fleet, arguments)?;
        ensure!(status.success(), "{stderr}");
        ensure!(stderr.is_empty(), "{stderr}");
        Ok(stdout)
    }

    /// The same, where it has to be refused; the error message.
    pub(crate) fn refused(&self, fleet: &str, arguments: &[&str]) -> Result<String> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.emit(fleet, arguments)?;
        ensure!(status.code() == Some(1), "{status}: {stdout}{stderr}");
        ensure!(stdout.is_empty(), "{stdout}");
        Ok(stderr)
    }

    pub(crate) fn tree(&self) -> Result<Tree> {
        tree(&self.root)
    }

    /// The file at a path below the root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// All files below a directory, by their paths below it. Empty directories are nothing.
pub(crate) fn tree(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(_) if !directory.exists() => continue,
            Err(error) => return Err(error).with_context(|| directory.display().to_string()),
        };
        for entry in entries {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                directories.push(path);
                continue;
            }
            let content = if metadata.is_symlink() {
                fs::read_link(&path)?.into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path)?
            };
            let entry = Entry {
                mode: metadata.mode() & 0o7777,
                content,
                inode: metadata.ino(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            };
            tree.insert(path.strip_prefix(root)?.to_path_buf(), entry);
        }
    }
    Ok(tree)
}

/// Modes and texts alone: what two trees of one fleet have in common.
pub(crate) fn texts(tree: &Tree) -> BTreeMap<&Path, (u32, &[u8])> {
    tree.iter()
        .map(|(path, entry)| (path.as_path(), (entry.mode, entry.content.as_slice())))
        .collect()
}

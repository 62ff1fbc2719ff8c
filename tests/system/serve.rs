//! `serve-repository`, as systemd starts it for a connection: with real restic, and its memory with a hostile client.

mod memory;
mod restic;
mod start;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::command::{genbackup, run};
use crate::repository;

/// A repository on a storage host, and a directory of a client.
struct Site {
    directory: TempDir,
}

/// How a server ended.
#[derive(Debug)]
struct Ended {
    status: ExitStatus,
    stderr: String,
}

impl Site {
    fn new() -> Result<Self> {
        let site = Self {
            directory: tempfile::tempdir()?,
        };
        repository::make(&site.repository(), "x")?;
        fs::create_dir(site.files())?;
        fs::write(site.files().join("first"), vec![b'1'; 100_000])?;
        for number in 0..50 {
            let directory = site.files().join(format!("directory-{number}"));
            fs::create_dir(&directory)?;
            fs::write(directory.join("file"), number.to_string())?;
        }
        Ok(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// What the client backs up.
    fn files(&self) -> PathBuf {
        self.path("files")
    }

    /// The directory of locks has no file.
    fn has_no_lock(&self) -> Result<bool> {
        Ok(fs::read_dir(self.repository().join("locks"))?.next().is_none())
    }

    /// All files of the repository.
    fn content(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.repository()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let content = fs::read(&path)?;
                    found.insert(path, content);
                }
            }
        }
        Ok(found)
    }

    /// Waits for one connection on a socket, and serves it with these options, as systemd does.
    fn listen(&self, options: &[&str]) -> Result<Listening> {
        let socket = self.path("socket");
        drop(fs::remove_file(&socket));
        let listener = UnixListener::bind(socket)?;
        let mut command = self.server(options);
        let server = thread::spawn(move || {
            let (connection, _) = listener.accept()?;
            let child = command
                .stdin(OwnedFd::from(connection.try_clone()?))
                .stdout(OwnedFd::from(connection))
                .spawn()?;
            drop(command);
            ended(child)
        });
        Ok(Listening(server))
    }

    /// The command, which logs into a pipe.
    fn server(&self, options: &[&str]) -> Command {
        let mut command = genbackup();
        command
            .arg("serve-repository")
            .arg(self.repository())
            .args(options)
            .stderr(Stdio::piped());
        command
    }

    /// A running server, and the other end of its connection.
    fn connect(&self, options: &[&str]) -> Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = self
            .server(options)
            .stdin(OwnedFd::from(theirs.try_clone()?))
            .stdout(OwnedFd::from(theirs))
            .spawn()?;
        Ok((child, ours))
    }

    /// restic of the client, on the socket.
    fn restic(&self) -> Command {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "--repo"])
            .arg(format!("rclone:UNIX-CONNECT:{}", self.path("socket").display()))
            .args([
                "--option=rclone.program=socat",
                "--option=rclone.args=-b 131072 STDIO",
            ])
            .env("RESTIC_PASSWORD", "x");
        command
    }

    /// restic of the storage host, on the directory.
    fn local(&self, arguments: &[&str]) -> Result<String> {
        let outcome = run(Command::new("restic")
            .args(["--no-cache", "--repo"])
            .arg(self.repository())
            .args(arguments)
            .env("RESTIC_PASSWORD", "x"))?;
        anyhow::ensure!(outcome.status.success(), "{outcome:?}");
        Ok(outcome.stdout)
    }

    /// A backup of the client through a server with these options.
    fn backup(&self, options: &[&str]) -> Result<Ended> {
        let server = self.listen(options)?;
        let outcome = run(self.restic().args(["backup", "--host=ziz"]).arg(self.files()))?;
        anyhow::ensure!(outcome.status.success(), "{outcome:?}");
        server.end()
    }
}

/// A server that waits for its connection, or has it.
struct Listening(JoinHandle<Result<Ended>>);

impl Listening {
    /// How it ended.
    fn end(self) -> Result<Ended> {
        self.0.join().ok().context("the server's thread panicked")?
    }
}

fn ended(mut child: Child) -> Result<Ended> {
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().context("a pipe")?;
    pipe.read_to_string(&mut stderr)?;
    let status = child.wait()?;
    Ok(Ended { status, stderr })
}

/// Both directories have the same files.
fn is_same(one: &Path, other: &Path) -> Result<bool> {
    let outcome = run(Command::new("diff").arg("--recursive").args([one, other]))?;
    Ok(outcome.status.success())
}

//! Runs restic: lists snapshots and what is in one, and brings files back.
//!
//! Only root may open the password's file, and root must not write into the repository. User restic could
//! neither read nor remove a lock of root's, and the lock would keep forget and prune out. So restic runs as
//! user restic, with the capabilities (capabilities(7)) that it needs: to open the password's file, and, for
//! a restore, to write below the target and to give a file any owner and mode. For a restore it is confined
//! to a unit (`sandbox`). restic gets the path of the password's file or a credential, and this process never
//! reads it.

#![expect(clippy::disallowed_methods, reason = "this is the module that starts restic")]

mod adoption;
mod bring;
mod limited;
mod listed;
mod origin;
mod path;
mod place;
mod sandbox;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use anstream::adapter::strip_str;
use anyhow::{Context, Result, bail};

use self::sandbox::Sandbox;

use crate::model::{CopyKind, CopyName, Repository, ResticVersion};
use crate::runs::complaint::{self, Cause, exit_status};

pub use bring::{Confinement, Line, Wish};
pub use listed::{Node, Snapshot};
pub(crate) use origin::Origin;
pub use path::SnapshotPath;
pub(crate) use sandbox::is_available as can_confine;
pub use sandbox::settings as sandbox_settings;

/// The tag of the snapshots that the fleet's runs make.
const TAG: &str = "genbackup";
/// To open the password's file.
const TO_READ: &[&str] = &["dac_read_search"];
/// The bytes that are kept of restic's complaints.
const COMPLAINT: usize = 64 * 1024;

/// restic on the repository of a fleet, on its storage host, started by root.
#[derive(Debug)]
pub struct Restic<'r> {
    repository: &'r Repository,
    /// A copy of it in another place, with its name.
    copy: Option<(&'r CopyName, &'r CopyKind)>,
}

/// restic failed, with its own exit status.
#[derive(Debug)]
pub struct Failed {
    /// What it exited with; 128 and the number of the signal that ended it.
    pub status: u8,
    /// Its last message, unchanged.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            message,
            hint: _,
        } = self;
        write!(formatter, "restic exited with {status}")?;
        if message.is_empty() {
            Ok(())
        } else {
            write!(formatter, ": {message}")
        }
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// A restic that ended with this status, after these messages.
    #[must_use]
    pub fn of(status: ExitStatus, messages: &[String]) -> Self {
        Self {
            status: u8::try_from(exit_status(status)).unwrap_or(1),
            message: complaint::fatal(messages),
            hint: None,
        }
    }

    /// The cause, if restic names it.
    #[must_use]
    pub(crate) fn known_cause(&self) -> Option<Cause> {
        Cause::of(self.status.into(), &self.message)
    }
}

impl Restic<'_> {
    /// The version of the restic that is installed here.
    ///
    /// # Errors
    /// When there is none, or it does not print its version.
    pub fn version() -> Result<ResticVersion> {
        let output = Command::new("restic")
            .arg("version")
            .output()
            .context("cannot start `restic`; the package `restic` contains it")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let version = printed.split_whitespace().nth(1).unwrap_or_default();
        // A build between two releases has more after a dash.
        let release = version.split('-').next().unwrap_or_default();
        ResticVersion::try_from(release.to_owned()).map_err(|_| {
            anyhow::anyhow!(
                "cannot find a version in what `restic version` printed: {}",
                printed.trim()
            )
        })
    }

    /// The snapshots of a host, or of all, that have the fleet's tag: those that forget counts; the oldest first.
    ///
    /// # Errors
    /// When restic fails, or prints what is no list of snapshots.
    pub fn snapshots(&self, host: Option<&str>) -> Result<Vec<Snapshot>> {
        let mut command = self.reading(&["snapshots", "--json", "--tag", TAG])?;
        command.args(host.iter().flat_map(|host| ["--host", host]));
        self.listed(command)
    }

    /// The snapshots of a host, or of all, whoever made them; the oldest first.
    ///
    /// # Errors
    /// As [`snapshots`](Self::snapshots).
    pub(crate) fn all_snapshots(&self, host: Option<&str>) -> Result<Vec<Snapshot>> {
        let mut command = self.reading(&["snapshots", "--json"])?;
        command.args(host.iter().flat_map(|host| ["--host", host]));
        self.listed(command)
    }

    fn listed(&self, command: Command) -> Result<Vec<Snapshot>> {
        let mut text = String::new();
        self.lines(command, |line| {
            text.push_str(line);
            Ok(())
        })?;
        listed::snapshots(&text)
    }

    /// What a snapshot has of these paths, and, where `deep`, all that is below them: one after the other.
    ///
    /// # Errors
    /// When restic fails, or `each` does.
    pub fn list(
        &self,
        snapshot: &str,
        paths: &[SnapshotPath],
        deep: bool,
        mut each: impl FnMut(Node) -> Result<()>,
    ) -> Result<()> {
        let mut command = self.reading(&["ls", "--json"])?;
        if deep {
            command.arg("--recursive");
        }
        command
            .arg(snapshot)
            .args(paths.iter().map(SnapshotPath::as_os_str));
        self.lines(command, |line| listed::node(line)?.map_or(Ok(()), &mut each))
    }

    /// The ids of the snapshots of a host that have this path.
    ///
    /// # Errors
    /// When restic fails, or prints what is no list.
    pub fn find(&self, host: &str, path: &SnapshotPath) -> Result<Vec<String>> {
        let mut command = self.reading(&["find", "--json", "--host", host, "--"])?;
        command.arg(path.pattern());
        let mut text = String::new();
        self.lines(command, |line| {
            text.push_str(line);
            Ok(())
        })?;
        listed::found(&text)
    }

    /// One that only reads the repository, and leaves nothing in it: it takes no lock, and has no need to wait for one.
    fn reading(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = if self.directory().is_none() && sandbox::is_available() {
            self.in_unit()
        } else {
            self.command(TO_READ)?
        };
        command.arg("--no-lock").args(arguments);
        Ok(command)
    }

    /// restic on a repository elsewhere: the process with the network can read no file of this host except
    /// its credentials.
    fn in_unit(&self) -> Command {
        let sandbox = Sandbox::of_reader(self);
        let environment = environment();
        let environment: Vec<(&str, &OsStr)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_os_str()))
            .collect();
        let (mut command, password_file) = sandbox.reading(&environment);
        command
            .args(["restic", "--no-cache", "--repo", &self.address()])
            .args(["--password-file", &password_file])
            .args(sandbox.credential.words())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn command(&self, capabilities: &[&str]) -> Result<Command> {
        let mut command = self.as_its_user(capabilities);
        let credential = self.credential(None);
        command
            .envs(credential.all_variables()?)
            .args(["restic", "--no-cache", "--repo", &self.address()])
            .args(["--password-file", self.password_file().as_str()])
            .args(credential.words())
            .stdin(Stdio::null());
        Ok(command)
    }

    /// What starts a program as user restic, with these capabilities and with restic's environment.
    fn as_its_user(&self, capabilities: &[&str]) -> Command {
        let uid = self.repository.uid;
        let all = capabilities
            .iter()
            .flat_map(|name| [",+", name])
            .collect::<String>();
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={uid}"))
            .args(["--clear-groups", "--no-new-privs"])
            .arg(format!("--inh-caps=-all{all}"))
            .arg(format!("--ambient-caps=-all{all}"))
            .arg(format!("--bounding-set=-all{all}"))
            .arg("--")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A variable for another repository, such as `RESTIC_PASSWORD_COMMAND`, is not for this one.
            .env_clear()
            .envs(environment());
        command
    }

    /// Runs one to its end, with each line of what it prints.
    fn lines(&self, mut command: Command, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let mut child = command.spawn().context(CANT_START)?;
        let (output, complaint) = pipes(&mut child)?;
        let (handled, messages) = thread::scope(|scope| {
            let messages = scope.spawn(move || {
                let mut messages = Vec::new();
                relay(complaint, |line| {
                    if messages.len() < COMPLAINT / line.len().max(1) {
                        messages.push(listed::message(&line));
                    }
                    true
                });
                messages
            });
            let mut handled = Ok(());
            for line in BufReader::new(output).lines() {
                handled = line
                    .context("cannot read the output of restic")
                    .and_then(|line| each(&line));
                if handled.is_err() {
                    break;
                }
            }
            (handled, messages.join().unwrap_or_default())
        });
        let status = child.wait().context("cannot wait for restic")?;
        handled?;
        if !status.success() {
            bail!(self.with_hint(Failed::of(status, &messages)));
        }
        Ok(())
    }

    /// With a way out, where it is about the fleet's own files.
    fn with_hint(&self, failed: Failed) -> Failed {
        let (address, password_file) = (self.address(), self.password_file());
        let hint = match failed.known_cause() {
            Some(Cause::WrongPassword) => Some(format!(
                "write the password of the repository `{address}` into `{password_file}`"
            )),
            _ if self.is_of_a_copy() => Some("run `genbackup doctor`, which looks at each copy".to_owned()),
            Some(Cause::NoRepository) => Some(
                "check that the file system of the repository is mounted, then run this again".to_owned(),
            ),
            _ => None,
        };
        Failed { hint, ..failed }
    }
}

/// What restic gets to know of the environment.
fn environment() -> Vec<(&'static str, OsString)> {
    let path = std::env::var_os("PATH").map(|path| ("PATH", path));
    path.into_iter().chain([("LC_ALL", "C.UTF-8".into())]).collect()
}

const CANT_START: &str =
    "cannot start `setpriv`, which starts restic as user restic; the package `util-linux` contains it";

fn pipes(child: &mut Child) -> Result<(impl Read + use<>, impl Read + use<>)> {
    child
        .stdout
        .take()
        .zip(child.stderr.take())
        .context("restic has no output")
}

/// Hands on line by line what is read, also what is no UTF-8, until nobody wants more.
fn relay(from: impl Read, mut to: impl FnMut(String) -> bool) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        // restic clears the line of its own progress before it prints a message, also where there is none.
        if !to(strip_str(text.trim_end()).to_string()) {
            break;
        }
        line.clear();
    }
}

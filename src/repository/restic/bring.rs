//! Brings files back.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::sandbox::{self, Sandbox};
use super::{CANT_START, Restic, SnapshotPath, environment, listed, pipes, relay};
use crate::error::fail;
use crate::model::{Repository, ResticFeature, ResticVersion};
use crate::system::nixos::System;

/// To open the password's file, write into any directory, and give files back their owners, modes, devices and
/// capabilities.
pub(super) const RESTORING: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "mknod",
    "setfcap",
];
/// Starts restic, hands on signals, and ends it with us.
const GUARD: &str = include_str!("guard.bash");
/// Creates a file in a directory, removes its name, and writes as much as a lock takes.
const TRY_TO_WRITE: &str =
    r#"exec 3>"$1/genbackup-$$" && rm "$1/genbackup-$$" && head --bytes=4096 /dev/zero >&3"#;
/// systemd's own exit statuses for a process that it could not start, systemd.exec(5).
const NOT_STARTED: std::ops::RangeInclusive<i32> = 200..=245;

/// What to bring back, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'w> {
    /// From which snapshot.
    pub snapshot: &'w str,
    /// What of it.
    pub paths: &'w [SnapshotPath],
    /// Into which directory.
    pub target: &'w Path,
    /// Whether files that are there give way.
    pub overwrite: bool,
    /// Whether what was written is read once more, and compared.
    pub verify: bool,
    /// Whether restic writes its lock, which keeps forget and prune out.
    pub takes_lock: bool,
    /// What keeps restic from writing elsewhere.
    pub confinement: Confinement,
    /// How often restic reports how far it is, in a second; where it can.
    pub reports_a_second: &'w str,
}

/// What keeps restic from writing elsewhere than below the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// A transient unit of systemd's.
    Unit,
    /// Nothing.
    None,
}

/// One line that restic prints while it runs.
#[derive(Debug)]
pub enum Line {
    /// On its standard output.
    Output(String),
    /// On its standard error.
    Complaint(String),
}

impl Restic<'_> {
    /// Why restic cannot write its lock into the repository; nothing where it can. It would try for minutes.
    ///
    /// # Errors
    /// When that cannot be tried.
    pub(crate) fn cannot_lock(&self) -> Result<Option<String>> {
        let locks = format!("{}/locks", self.repository.path);
        let tried = self
            .as_its_user(RESTORING)
            .args(["bash", "-c", TRY_TO_WRITE, "bash", &locks])
            .output()
            .context(CANT_START)?;
        if tried.status.success() {
            return Ok(None);
        }
        let stderr = String::from_utf8_lossy(&tried.stderr);
        let why = stderr.lines().last().and_then(|line| line.rsplit(": ").next());
        Ok(Some(why.unwrap_or("it cannot be written").to_owned()))
    }

    /// Brings files back. SIGINT, SIGTERM and SIGHUP reach restic as SIGINT, on which it removes its lock;
    /// each line that it prints goes to `each`. Its exit status is no error.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restore(
        &self,
        version: ResticVersion,
        wish: &Wish<'_>,
        mut each: impl FnMut(Line),
    ) -> Result<ExitStatus> {
        let sandbox = match wish.confinement {
            Confinement::Unit => Some(Sandbox::new(self, wish.target, wish.takes_lock)?),
            Confinement::None => None,
        };
        let words = self.words(version, wish, sandbox.as_ref());
        let mut command = self.guarded(sandbox.as_ref(), words.len(), wish)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Not of the terminal's own group: a Ctrl-C reaches it once, through us.
            .process_group(0);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot wait for signals")?;
        let mut child = command.spawn().context(match sandbox {
            Some(_) => "cannot start `systemd-run`, which confines restic to the target",
            None => CANT_START,
        })?;
        let handle = signals.handle();
        let (output, complaint) = pipes(&mut child)?;
        let mut input = child.stdin.take().context("restic has no input")?;
        // Where nobody reads them, the exit status shows why.
        drop(hand_over(&mut input, &words));
        thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::sync_channel(64);
            let also = sender.clone();
            scope.spawn(move || relay(output, |line| also.send(Line::Output(line)).is_ok()));
            scope.spawn(move || {
                relay(complaint, |line| {
                    sender.send(Line::Complaint(listed::message(&line))).is_ok()
                });
            });
            // The end of this thread is the end of the guard's input.
            scope.spawn(move || {
                for _ in signals.forever() {
                    if input.write_all(b"\n").is_err() {
                        break;
                    }
                }
            });
            for line in receiver {
                each(match (line, &sandbox) {
                    (line, None) => line,
                    (Line::Output(line), _) => Line::Output(self.outside(line, wish.target)),
                    (Line::Complaint(line), _) => Line::Complaint(self.outside(line, wish.target)),
                });
            }
            handle.close();
        });
        let status = child.wait().context("cannot wait for restic")?;
        if let (Some(sandbox), Some(code)) = (&sandbox, status.code())
            && NOT_STARTED.contains(&code)
        {
            fail!(
                what("systemd cannot start restic in its sandbox (exit status {code})"),
                hint(
                    "see `journalctl --unit={}`; if \
                 user restic is missing, {} creates it",
                    sandbox.unit,
                    System::here().apply()
                )
            );
        }
        Ok(status)
    }

    /// restic's command line.
    fn words(&self, version: ResticVersion, wish: &Wish<'_>, sandbox: Option<&Sandbox<'_>>) -> Vec<OsString> {
        let Wish {
            snapshot,
            paths,
            target,
            overwrite,
            verify,
            takes_lock,
            confinement,
            reports_a_second: _,
        } = wish;
        let mut words: Vec<OsString> = vec!["restic".into(), "--no-cache".into(), "--repo".into()];
        match confinement {
            // The guard adds the path of the password.
            Confinement::Unit if self.directory().is_some() => words.push(sandbox::REPOSITORY.into()),
            Confinement::Unit => words.push(self.address().into()),
            Confinement::None => {
                words.push(self.address().into());
                words.extend(["--password-file", self.password_file().as_str()].map(Into::into));
            }
        }
        let outside = self.credential(None);
        let credential = sandbox.map_or(&outside, |sandbox| &sandbox.credential);
        words.extend(credential.words().map(Into::into));
        if !takes_lock {
            words.push("--no-lock".into());
        }
        words.extend(["restore", snapshot, "--target"].map(Into::into));
        words.push(match confinement {
            Confinement::Unit => sandbox::TARGET.into(),
            Confinement::None => target.as_os_str().to_owned(),
        });
        for path in paths.iter().filter(|path| !path.is_root()) {
            let mut word = OsString::from("--include=");
            word.push(path.pattern());
            words.push(word);
        }
        if version.has(ResticFeature::RestoreProgress) {
            words.push("--json".into());
        }
        if version.has(ResticFeature::RestoreSparse) {
            words.push("--sparse".into());
        }
        if !overwrite && version.has(ResticFeature::RestoreOverwrite) {
            words.extend(["--overwrite", "never"].map(Into::into));
        }
        if *verify {
            words.push("--verify".into());
        }
        words
    }

    /// The guard, in the unit or without one.
    fn guarded(&self, sandbox: Option<&Sandbox<'_>>, words: usize, wish: &Wish<'_>) -> Result<Command> {
        let fps = ("RESTIC_PROGRESS_FPS", OsString::from(wish.reports_a_second));
        let mut environment = environment();
        environment.push(fps);
        if let Some(sandbox) = sandbox {
            let environment: Vec<(&str, &OsStr)> = environment
                .iter()
                .map(|(name, value)| (*name, value.as_os_str()))
                .collect();
            Ok(sandbox.command(words, &environment))
        } else {
            let mut command = self.as_its_user(RESTORING);
            command
                .args(guard(self.repository, words))
                .envs(environment)
                .envs(self.credential(None).all_variables()?);
            Ok(command)
        }
    }

    /// A line of a restic in the unit, with the names that its places have outside.
    fn outside(&self, line: String, target: &Path) -> String {
        // What is JSON has no such name, and none may come into it.
        if line.starts_with('{') {
            return line;
        }
        line.replace(sandbox::TARGET, &target.to_string_lossy())
            .replace(sandbox::REPOSITORY, &self.address())
    }
}

/// The guard's own command line, for this number of restic's words.
pub(super) fn guard(repository: &Repository, words: usize) -> [String; 6] {
    let stop_wait = repository.stop_wait.seconds();
    let fixed = ["bash", "-c", GUARD, "genbackup-restore"].map(str::to_owned);
    let [bash, option, script, name] = fixed;
    [
        bash,
        option,
        script,
        name,
        words.to_string(),
        stop_wait.to_string(),
    ]
}

fn hand_over(input: &mut ChildStdin, words: &[OsString]) -> std::io::Result<()> {
    for word in words {
        input.write_all(word.as_bytes())?;
        input.write_all(b"\0")?;
    }
    input.flush()
}

//! Makes a copy, of either kind, in turns with forget and prune.

mod ended;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::tamper::{self, Canary};
use super::{
    Delete, Limits, Memory, Progress, Rclone, Settings, Stop, Stopped, Store, Sync, Tampered, Transfer,
    Turns, Watcher, retain, variables,
};
use crate::model::{CopyKind, CopyName, Deletion, Fleet, Offsite, Rate, ResticCopy, SyncCopy, offsite};
use crate::runs::record::{self, AdHoc, Phase};

pub use self::ended::{Ended, Planned};

/// A copy that is made in the unit of that copy.
pub struct Copying<'c> {
    /// The fleet.
    pub fleet: &'c Fleet,
    /// The name of the copy.
    pub name: &'c CopyName,
    /// The copy.
    pub copy: &'c Offsite,
    /// What is done this time.
    pub task: Task,
    /// What the administrator accepts this time.
    pub accepts: Accepts,
    /// The state directory of the copy.
    pub state: &'c Path,
    /// The directory with the locks of forget and prune.
    pub turns: &'c Path,
    /// The directory of the credentials, if the unit has one.
    pub credentials: Option<&'c Path>,
    /// The directory of restic's cache.
    pub cache: &'c Path,
    /// Gets the progress.
    pub watcher: Watcher<'c>,
}

/// What is done with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Copy and delete.
    Copy,
    /// Only find out what would be copied and deleted.
    DryRun,
    /// Only try to destroy a canary in the copy.
    TamperTest,
}

/// What an administrator accepts this time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepts {
    /// More snapshots went, or go from the copy, than `max-loss` allows.
    pub loss: bool,
    /// The repository has another `config`.
    pub config: bool,
    /// Damaged files of the copy are replaced.
    pub repair: bool,
}

impl Copying<'_> {
    /// Does the task, and records the result in a directory, except that of a dry run.
    ///
    /// # Errors
    /// When the copy is being made already, when the result cannot be recorded, or when a dry run fails. Another failure is
    /// no error.
    pub fn run(&self, runs: &Path) -> Result<Ended> {
        let _lock = self.lock()?;
        let told = told_to_stop()?;
        let (start, clock) = (Timestamp::now(), Instant::now());
        let ended = self.take_turns(&|| told.load(Ordering::Relaxed));
        if self.task == Task::DryRun {
            return ended;
        }
        let ended = ended.unwrap_or_else(|error| Ended::of_error(self.name, &error));
        let ad_hoc = AdHoc {
            phase: Phase::Offsite,
            copy: Some(self.name.to_string()),
            start,
            end: Timestamp::now(),
            seconds: clock.elapsed().as_secs_f64(),
            status: ended.status.clone(),
            why: ended.why.clone(),
            exit_code: None,
            figures: ended.figures.clone(),
        };
        record::add(runs, &ad_hoc).context("cannot record this copy")?;
        Ok(ended)
    }

    /// Locks the state: a copy is made by one process at a time.
    fn lock(&self) -> Result<File> {
        let unusable = || format!("cannot lock `{}`", self.state.display());
        let lock = File::open(self.state).with_context(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => bail!("the copy `{}` is being made already", self.name),
            Err(TryLockError::Error(error)) => Err(error).with_context(unusable),
        }
    }

    /// Takes turns with forget and prune until the copy is complete.
    fn take_turns(&self, is_told: &(dyn Fn() -> bool + std::marker::Sync)) -> Result<Ended> {
        let turns = Turns::open(self.turns)?;
        let stop = || {
            if is_told() {
                return Some("it was told to stop".to_owned());
            }
            let is_wanted = turns.is_wanted().unwrap_or(false);
            is_wanted.then(|| "forget and prune begin".to_owned())
        };
        loop {
            let Some(_turn) = turns.take(is_told)? else {
                let why = "it was told to stop".to_owned();
                return Err(Stopped { why }.into());
            };
            let ended = match &self.copy.kind {
                CopyKind::Sync(sync) => self.sync(sync, &stop),
                CopyKind::Restic(copy) => self.transfer(copy, &stop),
            };
            match ended {
                // Forget and prune have the next turn, and the copy the one after.
                Err(error) if error.is::<Stopped>() && !is_told() => (self.watcher)(Progress::Waiting),
                ended => return ended.map(|ended| ended.beside(self.shares_file_system())),
            }
        }
    }

    fn sync(&self, sync: &SyncCopy, stop: Stop<'_>) -> Result<Ended> {
        let config = sync
            .config_file
            .as_ref()
            .map(|_| self.credential(offsite::RCLONE));
        let config = config.transpose()?;
        let rclone = Rclone::of(&sync.remote, config.as_deref(), stop)
            .limited_to(self.copy.bandwidth.map(Rate::kibibytes));
        let work = Sync {
            repository: self.repository(),
            rclone: &rclone,
            store: &Store::in_directory(self.state),
            settings: Settings {
                delete: delete(sync.delete),
                limits: self.limits(),
                repairs: self.accepts.repair,
            },
            accepts_config: self.accepts.config,
            watcher: self.watcher,
        };
        if self.task == Task::TamperTest {
            return tamper(&rclone, work.store);
        }
        if self.task == Task::Copy {
            let (done, files) = work.run()?;
            let mut ended = Ended::of_sync(&done);
            match retain(&rclone, &files, work.store, Timestamp::now(), stop) {
                Ok(None) => {}
                Ok(Some(retained)) => ended = ended.with_locks(retained),
                Err(error) if error.is::<Stopped>() => return Err(error),
                Err(error) => ended = ended.without_locks(&error),
            }
            // Root of this host can destroy what is on its own disks.
            let is_away = self.copy.kind.directory().is_none();
            if is_away && is_due(&work.store.get()?) {
                ended = ended.with(tamper(&rclone, work.store)?);
            }
            return Ok(ended);
        }
        let (plan, done) = work.preview()?;
        let upload = plan.upload.into_iter();
        let upload = upload.map(|(name, size)| Planned::CopyFile(name, size));
        let planned = upload.chain(plan.delete.into_iter().map(Planned::DeleteFile));
        Ok(Ended::of_sync(&done).with_plan(planned.collect()))
    }

    fn transfer(&self, copy: &ResticCopy, stop: Stop<'_>) -> Result<Ended> {
        if self.task == Task::TamperTest {
            bail!("`--tamper-test` is about copies of `kind = \"sync\"`");
        }
        let store = Store::in_directory(self.state);
        let mut memory = store.get()?;
        let mut environment = match copy.environment_file {
            Some(_) => {
                let text = fs::read_to_string(self.credential(offsite::ENVIRONMENT)?);
                variables(&text.context("cannot read the `environment-file` of the copy")?)?
            }
            None => Vec::new(),
        };
        let mut options = Vec::new();
        if let Some(ssh) = &copy.ssh {
            let key = self.credential(offsite::SSH_KEY)?.display().to_string();
            environment.push((offsite::SSH_KEY_VARIABLE.to_owned(), key));
            options.push(ssh.option(self.name));
        }
        let start = Timestamp::now();
        let transfer = Transfer {
            repository: self.repository(),
            password_file: &self.credential(offsite::PASSWORD)?,
            to: &copy.repository,
            to_password_file: &self.credential(offsite::COPY_PASSWORD)?,
            environment: &environment,
            options: &options,
            keep: &copy.keep,
            restic: self.fleet.storage.versions.restic,
            bandwidth: self.copy.bandwidth,
            cache: self.cache,
            memory: &memory,
            limits: self.limits(),
            accepts_config: self.accepts.config,
            now: start,
            stop,
            watcher: self.watcher,
        };
        if self.task == Task::DryRun {
            return Ok(Ended::of_preview(transfer.preview()?));
        }
        let (done, source) = transfer.run()?;
        memory.complete = Some(start);
        memory.source = Some(source);
        store.put(&memory)?;
        Ok(Ended::of_transfer(&done))
    }

    fn limits(&self) -> Limits {
        Limits {
            max_loss: self.copy.max_loss.hundredths().into(),
            hosts: self.fleet.backed_up().count(),
            accepts_loss: self.accepts.loss,
        }
    }

    /// Whether a directory of this host is on the file system of the repository; `None` of another remote.
    fn shares_file_system(&self) -> Option<bool> {
        let device = |path: &Path| Some(fs::metadata(path).ok()?.dev());
        let directory = device(Path::new(self.copy.kind.directory()?))?;
        Some(directory == device(self.repository())?)
    }

    fn repository(&self) -> &Path {
        Path::new(self.fleet.repository.path.as_str())
    }

    /// The file of a credential of the unit.
    fn credential(&self, name: &str) -> Result<PathBuf> {
        let file = self.credentials.map(|directory| directory.join(name));
        file.with_context(|| {
            format!("the credential `{name}` is missing: this command is for the unit of the copy")
        })
    }
}

/// A flag that is set when a signal asks this process to end: rclone ends first.
fn told_to_stop() -> Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&told)).context("cannot wait for signals")?;
    }
    Ok(told)
}

/// How often a copy is tried.
const TAMPERED_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether a copy is to be tried again.
fn is_due(memory: &Memory) -> bool {
    let last = memory.tampered.as_ref();
    last.is_none_or(|last| Timestamp::now().duration_since(last.time) >= TAMPERED_EVERY)
}

/// Tries to destroy a canary, and notes what came of it.
fn tamper(rclone: &Rclone<'_>, store: &Store) -> Result<Ended> {
    let time = Timestamp::now();
    let name = format!("canary-{}", time.as_nanosecond());
    let canary = Canary {
        name: &name,
        first: &format!("the first content of {name}"),
        second: &format!("the second content of {name}"),
    };
    let attempt = tamper::attempt(rclone, canary)?;
    let mut memory = store.get()?;
    memory.tampered = Some(Tampered {
        time,
        result: attempt.tampering,
    });
    store.put(&memory)?;
    Ok(Ended::of_attempt(&attempt))
}

fn delete(deletion: Deletion) -> Delete {
    match deletion {
        Deletion::AtOnce => Delete::AtOnce,
        Deletion::Never => Delete::Never,
        Deletion::After(span) => {
            let seconds = i64::try_from(span.seconds()).unwrap_or(i64::MAX);
            Delete::After(SignedDuration::from_secs(seconds))
        }
    }
}

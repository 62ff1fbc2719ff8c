//! Makes a copy, of either kind, in turns with forget and prune.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};

use super::ended::Ended;
use super::told::Told;
use super::{Accept, Arguments, of_unit};
use crate::cli::terminal::{self, counted};
use crate::model::{CopyKind, CopyName, Deletion, Fleet, Offsite, Rate, ResticCopy, SyncCopy, offsite};
use crate::repository::offsite::tamper::{self, Canary};
use crate::repository::offsite::{
    Delete, Limits, Memory, Progress, Rclone, Settings, Stop, Stopped, Store, Sync, Tampered, Transfer,
    Turns, retain, variables,
};
use crate::runs::record::CopyFigures;

/// What is to be done.
pub(super) struct Work<'w> {
    pub(super) fleet: &'w Fleet,
    pub(super) copy: &'w Offsite,
    pub(super) arguments: &'w Arguments,
    /// The directory of its state.
    pub(super) state: &'w Path,
    pub(super) told: &'w AtomicBool,
    /// Who is told how far it is.
    pub(super) watcher: &'w Told,
}

impl Work<'_> {
    fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Takes turns with forget and prune until the copy is complete.
    pub(super) fn make(&self, name: &CopyName) -> Result<Ended> {
        let turns = Turns::open(&self.arguments.turns)?;
        let stop = || {
            if self.is_told() {
                return Some("it was told to stop".to_owned());
            }
            let is_wanted = turns.is_wanted().unwrap_or(false);
            is_wanted.then(|| "forget and prune begin".to_owned())
        };
        loop {
            let Some(_turn) = turns.take(&|| self.is_told())? else {
                let why = "it was told to stop".to_owned();
                return Err(Stopped { why }.into());
            };
            let ended = match &self.copy.kind {
                CopyKind::Sync(sync) => self.sync(sync, &stop),
                CopyKind::Restic(copy) => self.transfer(name, copy, &stop),
            };
            match ended {
                // Forget and prune have the next turn, and the copy the one after.
                Err(error) if error.is::<Stopped>() && !self.is_told() => {
                    terminal::complain(format_args!("{name}: {}", Progress::Waiting));
                    self.watcher.tell(Progress::Waiting);
                }
                ended => return ended.map(|ended| ended.beside(self.shares_file_system())),
            }
        }
    }

    fn sync(&self, sync: &SyncCopy, stop: Stop<'_>) -> Result<Ended> {
        let arguments = self.arguments;
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
                repairs: self.accepts(Accept::Repair),
            },
            accepts_config: self.accepts(Accept::Config),
            watcher: &|progress| self.watcher.tell(progress),
        };
        if arguments.how.tamper_test {
            return tamper(&rclone, work.store);
        }
        if !arguments.how.dry_run {
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
        for (name, size) in &plan.upload {
            terminal::say(&format!("copy {name} ({})\n", ByteSize(*size)))?;
        }
        for name in &plan.delete {
            terminal::say(&format!("delete {name}\n"))?;
        }
        Ok(Ended::of_sync(&done))
    }

    fn transfer(&self, name: &CopyName, copy: &ResticCopy, stop: Stop<'_>) -> Result<Ended> {
        if self.arguments.how.tamper_test {
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
            options.push(ssh.option(name));
        }
        let start = Timestamp::now();
        let cache =
            std::env::var_os("CACHE_DIRECTORY").map_or_else(|| self.state.join("cache"), PathBuf::from);
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
            cache: &cache,
            memory: &memory,
            limits: self.limits(),
            accepts_config: self.accepts(Accept::Config),
            now: start,
            stop,
            watcher: &|progress| self.watcher.tell(progress),
        };
        if self.arguments.how.dry_run {
            let new = transfer.preview()?;
            for snapshot in &new {
                terminal::say(&format!("copy snapshot {snapshot}\n"))?;
            }
            return Ok(Ended::well(
                format!("{} to copy", counted(new.len(), "snapshot")),
                CopyFigures::default(),
            ));
        }
        let (done, source) = transfer.run()?;
        memory.complete = Some(start);
        memory.source = Some(source);
        store.put(&memory)?;
        Ok(Ended::of_transfer(&done))
    }

    fn accepts(&self, what: Accept) -> bool {
        self.arguments.how.accept.contains(&what)
    }

    fn limits(&self) -> Limits {
        Limits {
            max_loss: self.copy.max_loss.hundredths().into(),
            hosts: self.fleet.backed_up().count(),
            accepts_loss: self.accepts(Accept::Loss),
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
        let directory = of_unit(self.arguments.credentials.as_ref(), "CREDENTIALS_DIRECTORY");
        let file = directory.map(|directory| directory.join(name));
        file.with_context(|| {
            format!("the credential `{name}` is missing: this command is for the unit of the copy")
        })
    }
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

//! A copy of the files, by rclone: with the locks of its files, and the attempts to destroy something in it.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::{Copying, Ended, Planned, Task};
use crate::model::{Deletion, Rate, SyncCopy, offsite};
use crate::repository::offsite::tamper::{self, Canary};
use crate::repository::offsite::{
    Delete, Memory, Rclone, Settings, Stop, Stopped, Store, Sync, Tampered, retain,
};

impl Copying<'_> {
    /// Does the task with a copy of the files.
    pub(super) fn sync(&self, sync: &SyncCopy, stop: Stop<'_>) -> Result<Ended> {
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
}

/// How often a copy is tried.
const TAMPERED_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether to try a copy again.
fn is_due(memory: &Memory) -> bool {
    let last = memory.tampered.as_ref();
    last.is_none_or(|last| Timestamp::now().duration_since(last.time) >= TAMPERED_EVERY)
}

/// Tries to destroy a canary, and notes the result.
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

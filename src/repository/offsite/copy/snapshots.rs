//! A copy of the snapshots, by restic.

use std::fs;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::{Copying, Ended, Task};
use crate::model::{ResticCopy, offsite};
use crate::repository::offsite::{Stop, Store, Transfer, variables};

impl Copying<'_> {
    /// Does the task with a copy of the snapshots.
    pub(super) fn transfer(&self, copy: &ResticCopy, stop: Stop<'_>) -> Result<Ended> {
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
}

//! The guards before forget, forget itself, and prune.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Maintenance;
use super::locks::remove_stale;
use super::phase::Failure;
use super::process::{Ended, Interrupt, run};
use crate::repository::hold::{Decision, Evidence, Listing, Policies, Store, decide};
use crate::runs::complaint::is_locked;
use crate::runs::record::{self, PhaseFinished, Run};
use crate::system::journal;

/// The longest pause between two attempts on a locked repository.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What `restic forget --json` prints of one group of snapshots.
#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    remove: Option<Vec<IgnoredAny>>,
}

impl Maintenance {
    /// Forgets by each keep policy. Adds the number of snapshots and the held hosts to the event.
    pub(super) fn forget(
        &self,
        interrupt: &Interrupt,
        run: &record::Writer,
        finished: &mut PhaseFinished,
    ) -> Result<(), Failure> {
        if let Some(problem) = self.credentials.problem_of_password() {
            return Err(Failure::Refused(problem));
        }
        whole(self.restic(interrupt, &self.steps.list))?;
        let (decision, count) = self
            .decide(run)
            .map_err(|error| Failure::Refused(format!("cannot decide what forget may remove: {error:#}")))?;
        let held = decision.held.iter();
        finished.held = held.map(|(host, why)| (host.clone(), why.to_string())).collect();
        for (host, why) in &finished.held {
            let line = format!("forget skips {host}: {why}");
            journal::note(line.replace(char::is_control, " "));
        }
        if let Some(objection) = decision.objection {
            return Err(Failure::Refused(objection));
        }
        let mut removed = 0;
        for (step, hosts) in self.steps.forget.iter().zip(&decision.forget) {
            if let Some(command) = step.command(hosts) {
                let ended = self.restic_when_unlocked(interrupt, &command);
                let counted = { ended.status == 0 }.then(|| self.removed());
                whole(ended)?;
                removed += counted.unwrap_or_default();
            }
        }
        finished.kept = Some(count.saturating_sub(removed));
        finished.removed = Some(removed);
        Ok(())
    }

    /// Prunes, unless forget failed: nothing is deleted after an incomplete forget.
    pub(super) fn prune(&self, interrupt: &Interrupt, forgot: bool) -> Result<(), Failure> {
        if forgot {
            whole(self.restic_when_unlocked(interrupt, &self.steps.prune))
        } else {
            Err(Failure::Refused("skipped, because forget failed".to_owned()))
        }
    }

    /// Decides which hosts forget may touch, from restic's list of the snapshots, the records and the holds; and the number
    /// of snapshots in the list.
    fn decide(&self, run: &record::Writer) -> Result<(Decision, u64)> {
        let output = File::open(self.output()).context("cannot read restic's output")?;
        let listing = Listing::read(BufReader::new(output))?;
        let store = Store::read(&self.holds)?;
        let runs = self.state.runs();
        let run = record::open(&runs, run.run())
            .and_then(|text| Ok(Run::read(run.run(), text)?))
            .context("cannot read the record of this run")?;
        let evidence = Evidence::read(&listing, &runs)?;
        let others = self.steps.forget.iter().skip(1);
        let policies = Policies::of(others.map(|step| step.hosts.iter().cloned()));
        let decision = decide(&listing, &evidence, &run, &store, &policies, Timestamp::now());
        Ok((decision, listing.count))
    }

    /// The number of snapshots that the last forget removed.
    fn removed(&self) -> u64 {
        let mut line = String::new();
        let read = File::open(self.output()).and_then(|output| BufReader::new(output).read_line(&mut line));
        let groups: Vec<Group> = read
            .ok()
            .and_then(|_| serde_json::from_str(&line).ok())
            .unwrap_or_default();
        let removed = groups.iter().filter_map(|group| group.remove.as_ref());
        removed.map(|removed| removed.len() as u64).sum()
    }

    /// Runs restic, and retries while the repository is locked.
    fn restic_when_unlocked(&self, interrupt: &Interrupt, command: &[OsString]) -> Ended {
        let clock = Instant::now();
        let mut pause = Duration::from_secs(1);
        loop {
            for line in remove_stale(&self.repository, SystemTime::now()) {
                journal::warn(line);
            }
            let mut ended = self.restic(interrupt, command);
            let message = ended.complaint.message();
            if !is_locked(ended.status, &message) || interrupt.has_come() || clock.elapsed() >= self.lock_wait
            {
                return ended;
            }
            interrupt.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn restic(&self, interrupt: &Interrupt, command: &[OsString]) -> Ended {
        run(
            command,
            &self.credentials.password_path(),
            interrupt,
            &self.output(),
        )
    }

    fn output(&self) -> PathBuf {
        self.scratch.join("output")
    }
}

/// Fails if restic failed, or could not read or remove everything.
fn whole(mut ended: Ended) -> Result<(), Failure> {
    if ended.status != 0 {
        return Err(Failure::Restic(ended));
    }
    match ended.complaint.skipped() {
        Some(skipped) => Err(Failure::Refused(skipped)),
        None => Ok(()),
    }
}

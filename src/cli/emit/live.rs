//! What systemd is asked for to make a host live, step by step. Services are never stopped or restarted: one of them may be
//! a backup that is at work.

use std::fmt::Display;

use anyhow::Result;

use crate::bus::{Active, Enablement, Error, Job, Waiting};
use crate::cli::terminal::{self, Steps};
use crate::emit::{Artifact, UNIT_FOLDER};

/// A backup at work on this host.
const BACKUPS: &str = "genbackup-backup@*.service";

/// A unit that waits for something, and so has to be enabled and started.
pub(super) struct Waiter<'a> {
    unit: &'a str,
    /// It is at work by a text that it has no more.
    is_outdated: bool,
}

/// A host on its way.
pub(super) struct Live {
    systemd: Waiting,
    steps: Steps,
    did_something: bool,
    failed: bool,
}

impl Live {
    pub(super) fn new(systemd: Waiting) -> Self {
        Self {
            systemd,
            steps: Steps::default(),
            did_something: false,
            failed: false,
        }
    }

    pub(super) fn is_as_it_was(&self) -> bool {
        !self.did_something && !self.failed
    }

    /// Says a step that changes nothing.
    pub(super) fn say(&mut self, what: impl Display) {
        self.steps.say(what);
    }

    /// Whether all of it went well, once all that can be done is.
    ///
    /// # Errors
    /// When a step could not be said.
    pub(super) fn end(self) -> Result<bool> {
        self.steps.end()?;
        Ok(!self.failed)
    }

    /// Disables and stops the units that go; a service that is at work ends as it began.
    pub(super) fn retire(&mut self, units: &[&str]) {
        for unit in units.iter().filter(|unit| is_waiting(unit)) {
            match self.systemd.manager.disable(unit) {
                Ok(true) => self.did(&format!("{unit}: disabled")),
                Ok(false) => {}
                Err(error) => self.refused("disable", unit, &error),
            }
            self.stop(unit);
        }
        // Behind the sockets, so that no other backup begins.
        for unit in units.iter().filter(|unit| kind(unit) == "mount") {
            match self.systemd.manager.is_any_at_work(BACKUPS) {
                // Who stops a mount stops those who need it.
                Ok(true) => terminal::complain(format_args!(
                    "note: {unit} goes, and stays mounted for a backup that is at work; afterwards: `systemctl stop {unit}`"
                )),
                Ok(false) => self.stop(unit),
                Err(error) => self.refused("stop", unit, &error),
            }
        }
    }

    fn stop(&mut self, unit: &str) {
        match self.systemd.manager.loaded(unit) {
            Ok(loaded) if loaded.active == Active::AtWork => {
                let job = self.systemd.manager.stop(unit);
                self.wait(job, "stop", "stopped", unit);
            }
            Ok(_) => {}
            Err(error) => self.refused("stop", unit, &error),
        }
    }

    /// Says what one of systemd's neighbours did, where its file is new or it says so itself.
    pub(super) fn neighbour(&mut self, what: &str, is_changed: bool, said: Result<Vec<String>>) {
        match said {
            Ok(lines) => {
                for line in &lines {
                    self.did(&format!("{what}: {line}"));
                }
                if is_changed {
                    self.did(&format!("{what}: as the files say"));
                }
            }
            Err(error) => self.fail(format!("{what}: {error:#}")),
        }
    }

    /// Enables what waits, and has systemd read what is new; those that are to be started then.
    pub(super) fn enable<'a>(&mut self, units: &[&'a Artifact], files_changed: bool) -> Vec<Waiter<'a>> {
        let mut is_unread = files_changed;
        let mut waiting = Vec::new();
        for Artifact { path, content, .. } in units {
            let unit = path.trim_start_matches(UNIT_FOLDER).trim_start_matches('/');
            // There is nothing to be loaded of a template.
            if unit.contains("@.") {
                continue;
            }
            let loaded = match self.systemd.manager.loaded(unit) {
                Ok(loaded) => loaded,
                Err(error) => {
                    self.refused("start", unit, &error);
                    continue;
                }
            };
            is_unread |= loaded.is_stale;
            if !content.lines().any(|line| line == "[Install]") || !is_waiting(unit) {
                continue;
            }
            match self.systemd.manager.enablement(unit) {
                Ok(Enablement::Enabled) => {}
                Ok(Enablement::Masked) => {
                    self.fail(format!(
                        "{unit} is masked, so it never starts\n\nhint: `systemctl unmask {unit}`, then `genbackup emit --now` again"
                    ));
                    continue;
                }
                Ok(Enablement::NotEnabled) => match self.systemd.manager.enable(unit) {
                    Ok(()) => {
                        self.did(&format!("{unit}: enabled"));
                        is_unread = true;
                    }
                    Err(error) => self.refused("enable", unit, &error),
                },
                Err(error) => self.refused("enable", unit, &error),
            }
            let is_outdated = loaded.is_stale && loaded.active == Active::AtWork;
            waiting.push(Waiter { unit, is_outdated });
        }
        if is_unread {
            match self.systemd.manager.reload() {
                Ok(()) => self.did("systemd: has read its units anew"),
                Err(error) => {
                    self.refused("reload", "systemd", &error);
                    // It would start what was there before.
                    waiting.clear();
                }
            }
        }
        waiting
    }

    /// Starts what waits and does not do so yet, and restarts what has another text now.
    pub(super) fn start(&mut self, waiting: &[Waiter<'_>]) {
        for Waiter { unit, is_outdated } in waiting {
            if *is_outdated {
                let job = self.systemd.manager.try_restart(unit);
                self.wait(job, "restart", "restarted", unit);
                continue;
            }
            match self.systemd.manager.loaded(unit) {
                Ok(loaded) if loaded.active == Active::AtWork => {}
                Ok(_) => self.start_once(unit),
                Err(error) => self.refused("start", unit, &error),
            }
        }
    }

    /// Starts a unit, and waits until it has, or until it has done its work.
    pub(super) fn start_once(&mut self, unit: &str) {
        let job = self.systemd.manager.start(unit);
        self.wait(job, "start", "started", unit);
    }

    fn wait(&mut self, job: Result<Job, Error>, verb: &str, done: &str, unit: &str) {
        let result = job.and_then(|job| self.systemd.end_of(&job, unit));
        match result.map(|result| result.complaint(unit)) {
            Ok(None) => self.did(&format!("{unit}: {done}")),
            Ok(Some(complaint)) => self.fail(format!("can't {verb} {unit}: {complaint}")),
            Err(error) => self.refused(verb, unit, &error),
        }
    }

    fn did(&mut self, what: &str) {
        self.did_something = true;
        self.steps.say(what);
    }

    fn refused(&mut self, verb: &str, unit: &str, error: &Error) {
        let command = match verb {
            "reload" => "systemctl daemon-reload".to_owned(),
            verb => format!("systemctl {verb} {unit}"),
        };
        let error = match error {
            // The hint of others is about who may be root.
            Error::Denied(_) => {
                "systemd denies it to root; a container or a security module such as SELinux may want so"
                    .to_owned()
            }
            error => {
                let error = error.to_string();
                error.split("\n\nhint: ").next().unwrap_or_default().to_owned()
            }
        };
        self.fail(format!(
            "can't {verb} {unit}: {error}\n\nhint: `{command}` tries that alone, `genbackup emit --now` all that is left"
        ));
    }

    /// Says what keeps this host from being live, and goes on.
    pub(super) fn fail(&mut self, what: impl Display) {
        self.failed = true;
        terminal::complain(format_args!("error: {what}"));
    }
}

/// True for what waits for a time or for somebody.
fn is_waiting(unit: &str) -> bool {
    matches!(kind(unit), "socket" | "timer")
}

fn kind(unit: &str) -> &str {
    unit.rsplit('.').next().unwrap_or_default()
}

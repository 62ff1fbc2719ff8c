//! The steps that apply the files of a host: enables, starts, disables and stops units. It never stops or restarts a
//! service, which may be a running backup.

use std::fmt::Display;

use anyhow::Result;

use crate::bus::{Active, Enablement, Error, Job, Waiting};
use crate::cli::terminal::{self, Steps};
use crate::emit::{Artifact, UNIT_FOLDER};

/// The backups of this host, as in glob(7).
const BACKUPS: &str = "genbackup-backup@*.service";

/// A timer or socket, which has to be enabled and started.
pub(super) struct Waiter<'a> {
    unit: &'a str,
    /// It is active with an outdated unit file.
    is_outdated: bool,
}

/// A host to which the files are being applied.
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

    /// Prints a step that changes nothing.
    pub(super) fn say(&mut self, what: impl Display) {
        self.steps.say(what);
    }

    /// Ends the work. True if all steps succeeded.
    ///
    /// # Errors
    /// When a step could not be printed.
    pub(super) fn end(self) -> Result<bool> {
        self.steps.end()?;
        Ok(!self.failed)
    }

    /// Disables and stops the timers, sockets and mounts that are removed. A running service continues unchanged.
    pub(super) fn retire(&mut self, units: &[&str]) {
        for unit in units.iter().filter(|unit| is_waiting(unit)) {
            match self.systemd.manager.disable(unit) {
                Ok(true) => self.did(&format!("{unit}: disabled")),
                Ok(false) => {}
                Err(error) => self.refused("disable", unit, &error),
            }
            self.stop(unit);
        }
        // After the sockets, so that no other backup starts.
        for unit in units.iter().filter(|unit| kind(unit) == "mount") {
            match self.systemd.manager.is_any_at_work(BACKUPS) {
                // systemd stops a mount together with the units that need it.
                Ok(true) => terminal::complain(format_args!(
                    "note: {unit} is removed, but stays mounted for a running backup; run `systemctl stop {unit}` afterwards"
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

    /// Prints what a system tool did, if its file is new or the tool printed something.
    pub(super) fn neighbour(&mut self, what: &str, is_changed: bool, said: Result<Vec<String>>) {
        match said {
            Ok(lines) => {
                for line in &lines {
                    self.did(&format!("{what}: {line}"));
                }
                if is_changed {
                    self.did(&format!("{what}: applied"));
                }
            }
            Err(error) => self.fail(format!("{what}: {error:#}")),
        }
    }

    /// Enables timers and sockets, and reloads systemd if a unit file is new. Returns the units to start.
    pub(super) fn enable<'a>(&mut self, units: &[&'a Artifact], files_changed: bool) -> Vec<Waiter<'a>> {
        let mut is_unread = files_changed;
        let mut waiting = Vec::new();
        for Artifact { path, content, .. } in units {
            let unit = path.trim_start_matches(UNIT_FOLDER).trim_start_matches('/');
            // systemd cannot load a template.
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
                        "{unit} is masked, so it never starts\n\nhint: run `systemctl unmask {unit}`, then `genbackup emit --now` again"
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
                Ok(()) => self.did("systemd: reloaded its units"),
                Err(error) => {
                    self.refused("reload", "systemd", &error);
                    // It would start the previous units.
                    waiting.clear();
                }
            }
        }
        waiting
    }

    /// Starts units that are not active, and restarts units whose file changed.
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

    /// Starts a unit, and waits until it has started, or until a oneshot service has finished.
    pub(super) fn start_once(&mut self, unit: &str) {
        let job = self.systemd.manager.start(unit);
        self.wait(job, "start", "started", unit);
    }

    fn wait(&mut self, job: Result<Job, Error>, verb: &str, done: &str, unit: &str) {
        let result = job.and_then(|job| self.systemd.end_of(&job, unit));
        match result.map(|result| result.complaint(unit)) {
            Ok(None) => self.did(&format!("{unit}: {done}")),
            Ok(Some(complaint)) => self.fail(format!("cannot {verb} {unit}: {complaint}")),
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
            // The hint of this error does not apply: the caller is root.
            Error::Denied(_) => {
                "systemd denies it to root: a container or a security module such as SELinux may forbid it"
                    .to_owned()
            }
            error => {
                let error = error.to_string();
                error.split("\n\nhint: ").next().unwrap_or_default().to_owned()
            }
        };
        self.fail(format!(
            "cannot {verb} {unit}: {error}\n\nhint: run `{command}`, then `genbackup emit --now` again"
        ));
    }

    /// Prints an error, and continues.
    pub(super) fn fail(&mut self, what: impl Display) {
        self.failed = true;
        terminal::complain(format_args!("error: {what}"));
    }
}

/// True for timers and sockets.
fn is_waiting(unit: &str) -> bool {
    matches!(kind(unit), "socket" | "timer")
}

fn kind(unit: &str) -> &str {
    unit.rsplit('.').next().unwrap_or_default()
}

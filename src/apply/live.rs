//! The steps that apply the files of a host. They enable, start, disable and stop units, by D-Bus on this
//! host and by systemctl on a client. They never stop or restart a service, which may be a running backup.

mod audience;
mod order;
mod preview;
mod systemd;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use anyhow::{Result, anyhow};

use crate::apply::{Changes, Note};
use crate::emit::{Artifact, UNIT_DIRECTORY};
use crate::error::hinted;

pub(crate) use audience::{Audience, Line, Transcript};
pub(crate) use order::Written;
pub(crate) use preview::preview;
pub(crate) use systemd::{Acted, Action, Enablement, Loaded, Systemd};

/// The backups of a host, as in glob(7).
const BACKUPS: &str = "genbackup-backup@*.service";

/// A host to which the files are being applied.
pub(crate) struct Live<S, A> {
    systemd: S,
    audience: A,
    /// The command that does what is left.
    again: String,
    did_something: bool,
    failed: bool,
    /// True once it was reported that systemd is lost.
    is_lost: bool,
}

impl<S: Systemd, A: Audience> Live<S, A> {
    /// `again` is the command that does what is left.
    pub(crate) fn new(systemd: S, audience: A, again: impl Into<String>) -> Self {
        Self {
            systemd,
            audience,
            again: again.into(),
            did_something: false,
            failed: false,
            is_lost: false,
        }
    }

    pub(crate) const fn is_as_it_was(&self) -> bool {
        !self.did_something && !self.failed
    }

    /// The systemd that is asked.
    pub(crate) const fn systemd(&mut self) -> &mut S {
        &mut self.systemd
    }

    /// Reports a step that changes nothing.
    pub(crate) fn step(&mut self, what: impl Display) {
        self.audience.step(&what.to_string());
    }

    /// Reports what a person should know of a change, but for what is done here.
    pub(crate) fn note(&mut self, note: &Note) {
        if !is_done_here(note) {
            self.audience.complain(&format!("note: {note}"));
        }
    }

    /// Whether all steps succeeded, once all that can be done is done, and the audience that heard them.
    pub(crate) fn end(self) -> (bool, A) {
        (!self.failed, self.audience)
    }

    /// Disables and stops the timers, sockets and mounts that are removed. A running service continues unchanged.
    pub(crate) fn retire(&mut self, units: &[&str]) {
        for unit in units.iter().filter(|unit| is_waiting(unit)) {
            match self.systemd.disable(unit) {
                Ok(true) => self.did(&format!("{unit}: disabled")),
                Ok(false) => {}
                Err(error) => self.refused("disable", unit, &error),
            }
            self.stop(unit);
        }
        // After the sockets, so that no other backup starts.
        for unit in units.iter().filter(|unit| kind(unit) == "mount") {
            match self.systemd.is_any_running(BACKUPS) {
                // systemd stops a mount together with the units that need it.
                Ok(true) => self.audience.complain(&format!(
                    "note: {unit} is removed, but stays mounted for a running backup; run `systemctl stop {unit}` afterwards"
                )),
                Ok(false) => self.stop(unit),
                Err(error) => self.refused("stop", unit, &error),
            }
        }
    }

    fn stop(&mut self, unit: &str) {
        match self.systemd.loaded(unit) {
            Ok(loaded) if loaded.is_running => self.act(Action::Stop, unit),
            Ok(_) => {}
            Err(error) => self.refused("stop", unit, &error),
        }
    }

    /// Makes the users and directories of these artifacts, where they have some.
    pub(crate) fn make_what_they_need(&mut self, artifacts: &[Artifact], changes: &Changes) {
        if let Some((files, is_new)) = below(artifacts, changes, "/etc/sysusers.d/") {
            let result = self.systemd.make_users(&files);
            self.tool("users and groups", is_new, result);
        }
        if let Some((files, is_new)) = below(artifacts, changes, "/etc/tmpfiles.d/") {
            let result = self.systemd.make_directories(&files);
            self.tool("directories", is_new, result);
        }
    }

    /// Reports what one of the system tools did, where its file is new or it printed something.
    pub(crate) fn tool(&mut self, what: &str, is_changed: bool, result: Result<Vec<String>>) {
        match result {
            Ok(lines) => {
                for line in &lines {
                    self.did(&format!("{what}: {line}"));
                }
                if is_changed {
                    self.did(&format!("{what}: applied"));
                }
            }
            Err(error) => self.fail(&error.context(what.to_owned())),
        }
    }

    /// Enables what waits, makes systemd read what is new, and restarts what still runs by an older text. The
    /// caller of [`Waiters::start`] then starts the rest.
    pub(crate) fn enable<'a>(&mut self, artifacts: &'a [Artifact], files_changed: bool) -> Waiters<'a> {
        let mut is_unread = files_changed;
        let mut waiting = Vec::new();
        let mut outdated = Vec::new();
        for (unit, Artifact { content, .. }) in units(artifacts) {
            let loaded = match self.systemd.loaded(unit) {
                Ok(loaded) => loaded,
                Err(error) => {
                    self.refused("start", unit, &error);
                    continue;
                }
            };
            is_unread |= loaded.is_stale;
            if !is_to_wait(unit, content) {
                continue;
            }
            match self.systemd.enablement(unit) {
                Ok(Enablement::Enabled) => {}
                Ok(Enablement::Masked) => {
                    self.fail(&hinted!(
                        what("{unit} is masked, so it never starts"),
                        hint("run `systemctl unmask {unit}`, then `{}` again", self.again)
                    ));
                    continue;
                }
                Ok(Enablement::NotEnabled) => match self.systemd.enable(unit) {
                    Ok(()) => {
                        self.did(&format!("{unit}: enabled"));
                        is_unread = true;
                    }
                    Err(error) => self.refused("enable", unit, &error),
                },
                Err(error) => self.refused("enable", unit, &error),
            }
            if loaded.is_stale && loaded.is_running {
                outdated.push(unit);
            } else {
                waiting.push(unit);
            }
        }
        if is_unread {
            match self.systemd.reload(&outdated) {
                Ok(restarts) => {
                    self.did("systemd: reloaded its units");
                    for (unit, restart) in outdated.iter().zip(restarts) {
                        self.report(Action::TryRestart, unit, restart);
                    }
                }
                Err(error) => {
                    self.refused("reload", "systemd", &error);
                    // It would start the previous units.
                    waiting.clear();
                }
            }
        }
        Waiters(waiting)
    }

    /// Starts a unit, and waits until it has started, or until a oneshot service has finished.
    pub(crate) fn start_once(&mut self, unit: &str) {
        self.act(Action::Start, unit);
    }

    fn act(&mut self, action: Action, unit: &str) {
        let acted = self.systemd.act(action, unit);
        self.report(action, unit, acted);
    }

    fn report(&mut self, action: Action, unit: &str, acted: Acted) {
        match acted {
            Ok(None) => self.did(&format!("{unit}: {}", action.done())),
            Ok(Some(complaint)) => self.fail(&anyhow!("cannot {} {unit}: {complaint}", action.verb())),
            Err(error) => self.refused(action.verb(), unit, &error),
        }
    }

    fn did(&mut self, what: &str) {
        self.did_something = true;
        self.audience.step(what);
    }

    fn refused(&mut self, verb: &str, unit: &str, error: &str) {
        if self.systemd.is_lost() {
            self.fail(&hinted!(what("{error}"), hint("run `{}` again", self.again)));
            return;
        }
        let command = match verb {
            "reload" => "systemctl daemon-reload".to_owned(),
            verb => format!("systemctl {verb} {unit}"),
        };
        self.fail(&hinted!(
            what("cannot {verb} {unit}: {error}"),
            hint("run `{command}`, then `{}` again", self.again)
        ));
    }

    /// Reports an error, and continues.
    pub(crate) fn fail(&mut self, error: &anyhow::Error) {
        self.failed = true;
        // Each step fails from then on, and for one reason.
        if self.is_lost {
            return;
        }
        self.is_lost = self.systemd.is_lost();
        self.audience.fail(error);
    }
}

/// The units that wait for something, enabled and not yet started.
pub(crate) struct Waiters<'a>(Vec<&'a str>);

impl Waiters<'_> {
    /// Starts what does not wait yet.
    pub(crate) fn start<S: Systemd, A: Audience>(&self, live: &mut Live<S, A>) {
        for unit in &self.0 {
            match live.systemd.loaded(unit) {
                Ok(loaded) if loaded.is_running => {}
                Ok(_) => live.start_once(unit),
                Err(error) => live.refused("start", unit, &error),
            }
        }
    }
}

/// True for a note about a unit that has to be enabled or disabled: that is done here.
pub(crate) const fn is_done_here(note: &Note) -> bool {
    matches!(note, Note::StillEnabled { .. } | Note::NotEnabled { .. })
}

/// The units among these artifacts that can be loaded, by name. Nothing of a template can.
fn units(artifacts: &[Artifact]) -> impl Iterator<Item = (&str, &Artifact)> {
    artifacts.iter().filter_map(|artifact| {
        let unit = artifact
            .path
            .strip_prefix(UNIT_DIRECTORY)?
            .trim_start_matches('/');
        (!unit.contains("@.")).then_some((unit, artifact))
    })
}

/// True for what has to be enabled and started: timers and sockets that can be enabled.
fn is_to_wait(unit: &str, content: &str) -> bool {
    is_waiting(unit) && content.lines().any(|line| line == "[Install]")
}

/// The artifacts below a directory, and whether one of them changes; nothing where there is none.
fn below<'a>(artifacts: &'a [Artifact], changes: &Changes, directory: &str) -> Option<(Vec<&'a str>, bool)> {
    let paths = artifacts.iter().map(|artifact| artifact.path.as_str());
    let files: Vec<&str> = paths.filter(|path| path.starts_with(directory)).collect();
    let is_new = files.iter().any(|path| changes.has(path));
    (!files.is_empty()).then_some((files, is_new))
}

/// True for timers and sockets.
fn is_waiting(unit: &str) -> bool {
    matches!(kind(unit), "socket" | "timer")
}

fn kind(unit: &str) -> &str {
    unit.rsplit('.').next().unwrap_or_default()
}

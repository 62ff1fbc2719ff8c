//! What is asked of a host's systemd, whichever way it is reached.

use anyhow::Result as Attempt;

use crate::system::bus::{Active, Error, JobResult, Waiting};
use crate::system::tools;

pub(crate) use crate::system::bus::Enablement;

/// What systemd has loaded of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// True while it runs, or is about to begin or to end.
    pub(crate) is_running: bool,
    /// True when its file has changed since systemd read it, or systemd has not seen it yet.
    pub(crate) is_stale: bool,
}

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It starts, unless it runs.
    Start,
    /// It stops.
    Stop,
    /// It starts anew, where it runs.
    TryRestart,
}

impl Action {
    /// As systemctl(1) calls it.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::TryRestart => "restart",
        }
    }

    /// Once it has happened.
    pub(super) const fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::TryRestart => "restarted",
        }
    }
}

/// How an action on a unit ended: a complaint where the unit did not do what it should, an error where
/// systemd refuses or does not answer.
pub(crate) type Acted = Result<Option<String>, String>;

/// A host's systemd. An error is why it refuses or does not answer, in words without a hint.
pub(crate) trait Systemd {
    /// What it has loaded of a unit.
    fn loaded(&mut self, unit: &str) -> Result<Loaded, String>;

    /// Whether a unit starts with the system.
    fn enablement(&mut self, unit: &str) -> Result<Enablement, String>;

    /// Makes the links that enable a unit.
    fn enable(&mut self, unit: &str) -> Result<(), String>;

    /// Removes the links that enable a unit; true when there were some.
    fn disable(&mut self, unit: &str) -> Result<bool, String>;

    /// Makes it read all unit files again, and then restarts these units, whose files have changed while they
    /// run. Returns how each restart went.
    fn reload(&mut self, outdated: &[&str]) -> Result<Vec<Acted>, String>;

    /// True when a unit of such a name, as in glob(7), runs.
    fn is_any_running(&mut self, pattern: &str) -> Result<bool, String>;

    /// Does something with a unit and waits until it is done.
    fn act(&mut self, action: Action, unit: &str) -> Acted;

    /// Makes the users and groups of these files of sysusers.d(5); what was printed.
    fn make_users(&mut self, files: &[&str]) -> Attempt<Vec<String>>;

    /// Makes the directories of these files of tmpfiles.d(5); what was printed.
    fn make_directories(&mut self, files: &[&str]) -> Attempt<Vec<String>>;

    /// True once it cannot be reached any more, so that whatever else is asked of it fails, too.
    fn is_lost(&self) -> bool {
        false
    }
}

/// This host's, by D-Bus.
impl Systemd for Waiting {
    fn loaded(&mut self, unit: &str) -> Result<Loaded, String> {
        let loaded = self.manager.loaded(unit).map_err(|error| words(&error))?;
        Ok(Loaded {
            is_running: loaded.active == Active::Running,
            is_stale: loaded.is_stale,
        })
    }

    fn enablement(&mut self, unit: &str) -> Result<Enablement, String> {
        self.manager.enablement(unit).map_err(|error| words(&error))
    }

    fn enable(&mut self, unit: &str) -> Result<(), String> {
        self.manager.enable(unit).map_err(|error| words(&error))
    }

    fn disable(&mut self, unit: &str) -> Result<bool, String> {
        self.manager.disable(unit).map_err(|error| words(&error))
    }

    fn reload(&mut self, outdated: &[&str]) -> Result<Vec<Acted>, String> {
        self.manager.reload().map_err(|error| words(&error))?;
        let restart = |unit: &&str| self.act(Action::TryRestart, unit);
        Ok(outdated.iter().map(restart).collect())
    }

    fn is_any_running(&mut self, pattern: &str) -> Result<bool, String> {
        self.manager
            .is_any_running(pattern)
            .map_err(|error| words(&error))
    }

    fn act(&mut self, action: Action, unit: &str) -> Acted {
        let job = match action {
            Action::Start => self.manager.start(unit),
            Action::Stop => self.manager.stop(unit),
            Action::TryRestart => self.manager.try_restart(unit),
        };
        let result: Result<JobResult, Error> = job.and_then(|job| self.end_of(&job, unit));
        result
            .map(|result| result.complaint(unit))
            .map_err(|error| words(&error))
    }

    fn make_users(&mut self, files: &[&str]) -> Attempt<Vec<String>> {
        tools::make_users(files)
    }

    fn make_directories(&mut self, files: &[&str]) -> Attempt<Vec<String>> {
        tools::make_directories(files)
    }
}

fn words(error: &Error) -> String {
    match error {
        // Its words do not apply: the caller is root.
        Error::Denied(_) => {
            "systemd denies it to root: a container or a security module such as SELinux may forbid it"
                .to_owned()
        }
        error => error.to_string(),
    }
}

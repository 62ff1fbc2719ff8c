//! What to do about what is not healthy.

use super::attempt::Attempt;
use crate::model::units::MAINTAIN;
use crate::model::{CopyName, Fleet, HostName, Power};
use crate::runs::record::{Phase, Status};

const NEWER: &str = "a newer genbackup wrote this record; use that version";

/// Whom there is advice about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'f> {
    Host(&'f HostName),
    Phase(&'f Phase),
    Copy(&'f CopyName),
}

/// What is known of one host, or of one phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Advice<'f> {
    pub(super) fleet: &'f Fleet,
    pub(super) subject: Subject<'f>,
    /// True when the newest run of the fleet did not ask this host, though it asked others.
    pub(super) was_skipped: bool,
    /// True while a run is in progress that is not yet done with it.
    pub(super) is_running: bool,
}

impl Advice<'_> {
    /// True of a host.
    pub(super) const fn is_of_a_host(&self) -> bool {
        matches!(self.subject, Subject::Host(_))
    }

    /// What one of its results is called.
    pub(super) const fn noun(&self) -> &'static str {
        match self.subject {
            Subject::Host(_) => "backup",
            Subject::Phase(phase) => noun(*phase),
            Subject::Copy(_) => noun(Phase::Offsite),
        }
    }

    /// What its last good result is called.
    pub(super) fn good_result(&self) -> String {
        format!("the last {}", self.noun())
    }

    /// What happened since the last good result, where nothing is known to have gone wrong.
    pub(super) fn since_then(&self) -> &'static str {
        if self.is_running {
            "the run that replaces it is still in progress"
        } else if self.was_skipped {
            "no run has included this host since"
        } else {
            "nothing has been attempted since"
        }
    }

    /// Why nothing is known of it.
    pub(super) fn nothing_known(&self) -> String {
        match self.subject {
            Subject::Host(_) if self.was_skipped => "no run has included this host yet".to_owned(),
            Subject::Host(_) => "no backup of this host is recorded".to_owned(),
            Subject::Phase(Phase::Offsite) | Subject::Copy(_) => "no offsite copy is recorded".to_owned(),
            Subject::Phase(phase) => format!("no {} is recorded", noun(*phase)),
        }
    }

    /// What to do where nothing is known.
    pub(super) fn of_the_unknown(&self) -> String {
        if self.was_skipped {
            self.emit_again()
        } else if let Some(command) = self.recorded() {
            format!("on {}, run it with {command}", self.fleet.storage.name)
        } else {
            self.start(&format!("{}.service", self.run()))
        }
    }

    /// The run that does it by its timer, or that it follows.
    fn run(&self) -> String {
        match self.subject {
            Subject::Host(host) => self.fleet.run_of(host),
            Subject::Phase(_) => "genbackup".to_owned(),
            Subject::Copy(copy) => copy.copy_unit(),
        }
    }

    /// The unit that does it.
    fn unit(&self) -> String {
        match self.subject {
            Subject::Host(_) | Subject::Copy(_) => format!("{}.service", self.run()),
            Subject::Phase(_) => MAINTAIN.to_owned(),
        }
    }

    /// What to do about the attempt that decides the state, and about its age, where nothing was tried for
    /// long.
    pub(super) fn of(&self, attempt: &Attempt, is_stale: bool) -> Option<String> {
        let after = self.after(attempt);
        // It went as it should, but for what it lacks; and then nothing was tried.
        let is_ours = !self.was_skipped && self.recorded().is_none();
        if is_stale && is_ours && attempt.status == Status::Partial {
            let both = after.into_iter().chain([self.await_the_next()]);
            return Some(both.collect::<Vec<_>>().join("; "));
        }
        after
    }

    /// What to do where nothing has gone wrong but that it is long ago.
    fn await_the_next(&self) -> String {
        let storage = &self.fleet.storage.name;
        if self.is_running {
            let unit = self.unit();
            return format!("on {storage}, see `systemctl status {unit}`");
        }
        if self.follows_the_run() {
            return format!(
                "on {storage}, run `genbackup status`: a copy is made after each run, once forget and prune are done"
            );
        }
        let run = self.run();
        format!("on {storage}, run `systemctl list-timers {run}.timer` to see when the next run starts")
    }

    /// True of a copy that has no timer.
    fn follows_the_run(&self) -> bool {
        match self.subject {
            Subject::Copy(copy) => {
                let copy = self.fleet.offsite.get(copy);
                copy.is_some_and(|copy| copy.start.calendars().is_none())
            }
            Subject::Host(_) | Subject::Phase(_) => false,
        }
    }

    /// What does it, where that is no unit of ours.
    fn recorded(&self) -> Option<String> {
        match self.subject {
            Subject::Phase(phase) if phase.is_ad_hoc() => {
                Some(format!("`genbackup record {} -- …`", phase.name()))
            }
            _ => None,
        }
    }

    /// What to do after an attempt that an admin's own command made.
    fn after_recorded(&self, attempt: &Attempt, command: &str) -> String {
        let storage = &self.fleet.storage.name;
        match attempt.status {
            Status::Ok => format!(
                "on {storage}, find out why {command} has not run since; `systemctl list-timers` lists the timers"
            ),
            Status::Unknown(_) => NEWER.to_owned(),
            Status::Interrupted => format!("on {storage}, run it again with {command}"),
            _ => format!(
                "fix the cause, then on {storage}, run it again with {command}; its output is in the journal"
            ),
        }
    }

    /// What to do after an attempt.
    pub(super) fn after(&self, attempt: &Attempt) -> Option<String> {
        if self.was_skipped {
            return Some(self.emit_again());
        }
        if let Some(command) = self.recorded() {
            return Some(self.after_recorded(attempt, &command));
        }
        let unit = self.unit();
        Some(match &attempt.status {
            Status::Ok => self.await_the_next(),
            Status::Partial => self.complete(attempt)?,
            Status::Failed => format!(
                "fix the cause, then {}; see also `systemctl status {unit}`",
                self.start(&unit)
            ),
            Status::Unreachable => self.reach(),
            Status::Busy => "another backup of it was running; the next run tries again".to_owned(),
            Status::Interrupted => self.start(&unit),
            Status::Unknown(_) => NEWER.to_owned(),
        })
    }

    fn start(&self, unit: &str) -> String {
        format!("on {}, run `systemctl start {unit}`", self.fleet.storage.name)
    }

    fn emit_again(&self) -> String {
        format!(
            "if the host is new or renamed: on {}, run `genbackup emit --now` (on NixOS `nixos-rebuild switch`), then `systemctl \
             start genbackup.service`",
            self.fleet.storage.name
        )
    }

    fn reach(&self) -> String {
        let remote = self.fleet.remote.as_ref();
        let client = match self.subject {
            Subject::Host(host) => remote.and_then(|remote| Some((remote.port, remote.clients.get(host)?))),
            Subject::Phase(_) | Subject::Copy(_) => None,
        };
        let skips_on_battery = match self.subject {
            Subject::Host(host) => self.fleet.power(host).is_some_and(Power::skips_on_battery),
            Subject::Phase(_) | Subject::Copy(_) => false,
        };
        let reach = match client {
            Some((port, client)) => format!(
                "check that it is up, that its genbackup-sshd.socket is active, and that {} reaches {} port {port}; if it may \
                 be absent, set `may-be-absent`",
                self.fleet.storage.name, client.address
            ),
            None => self.start(&self.unit()),
        };
        if skips_on_battery {
            format!("if it runs on battery, plug it in or change `on-battery`; otherwise: {reach}")
        } else {
            reach
        }
    }

    /// What to do about a snapshot that lacks something.
    fn complete(&self, attempt: &Attempt) -> Option<String> {
        let hooks = attempt.lacks.hooks.keys();
        let hooks = hooks.map(|hook| match self.subject {
            Subject::Host(host) => {
                format!("on {host}, see `systemctl status genbackup-{hook}.service`")
            }
            Subject::Phase(_) | Subject::Copy(_) => hook.clone(),
        });
        let advice: Vec<String> = hooks.chain(partial(attempt).map(str::to_owned)).collect();
        (!advice.is_empty()).then(|| advice.join("; "))
    }
}

/// What one of them is called.
const fn noun(phase: Phase) -> &'static str {
    match phase {
        Phase::Offsite => "offsite copy",
        _ => phase.name(),
    }
}

/// What to do about files that a snapshot lacks, and about a clock.
fn partial(attempt: &Attempt) -> impl Iterator<Item = &'static str> {
    let lacks = &attempt.lacks;
    let advice = [
        (
            !lacks.missing.is_empty(),
            "bring back what is missing, or remove it from `include`",
        ),
        (
            !lacks.empty.is_empty(),
            "find out why it is empty, or add it to `may-be-empty`",
        ),
        (!lacks.unmounted.is_empty(), "mount it"),
        (!lacks.links.is_empty(), "include the link's target"),
        (
            !lacks.unreadable.is_empty(),
            "find out why it cannot be read, or add it to `exclude`",
        ),
        (attempt.clock_off.is_some(), "correct that clock"),
    ];
    advice.into_iter().filter_map(|(so, what)| so.then_some(what))
}

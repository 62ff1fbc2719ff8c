//! Follows the copies of the repository that begin when a run has ended.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use anyhow::Result;

use super::follow::{Event, LATE, TICK, View};
use crate::model::{CopyName, Fleet, Start};
use crate::system::bus::{Absence, Error, Manager, UnitState};

/// The copies that a run starts, each with the last invocation of its unit before.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    before: BTreeMap<CopyName, Vec<u8>>,
}

impl Copies {
    /// Those of a fleet. A copy that was not emitted yet does not begin.
    pub(crate) fn of(fleet: Fleet, manager: &Manager) -> Self {
        let begin = fleet
            .offsite
            .into_iter()
            .filter(|(_, copy)| copy.start == Start::AfterRun);
        let before = begin.filter_map(|(name, _)| {
            let state = manager.state(&unit(&name)).ok()?;
            Some((name, state.invocation))
        });
        Self {
            before: before.collect(),
        }
    }

    /// Shows how far they are until each has ended; what failed. `None` if the user stops following.
    pub(crate) fn follow(
        mut self,
        manager: &Manager,
        events: &Receiver<Event>,
        view: &mut impl View,
    ) -> Result<Option<Vec<String>>> {
        let mut complaints = Vec::new();
        let mut absence = Absence::default();
        let since = Instant::now();
        while !self.before.is_empty() {
            let mut words = Vec::new();
            for (name, before) in std::mem::take(&mut self.before) {
                let state = match manager.state(&unit(&name)) {
                    Ok(state) => state,
                    Err(Error::Interrupted) => return Ok(None),
                    Err(Error::Away) if absence.may_last() => {
                        self.before.insert(name, before);
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                absence.is_over();
                let has_begun = state.invocation != before && !state.invocation.is_empty();
                if !state.is_at_rest() {
                    words.push(progress(&name, &state));
                    self.before.insert(name, before);
                } else if has_begun {
                    complaints.extend(ended(&name, &state, view)?);
                } else if since.elapsed() < LATE {
                    self.before.insert(name, before);
                }
            }
            view.copying(&words)?;
            match events.recv_timeout(TICK) {
                Ok(Event::Interrupted) => return Ok(None),
                Ok(Event::Signal(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Away.into()),
            }
        }
        view.close();
        Ok(Some(complaints))
    }
}

fn unit(name: &CopyName) -> String {
    format!("{}.service", name.copy_unit())
}

fn progress(name: &CopyName, state: &UnitState) -> String {
    match state.status_text.as_str() {
        "" => format!("copy {name}: running"),
        text => format!("copy {name}: {text}"),
    }
}

fn ended(name: &CopyName, state: &UnitState, view: &impl View) -> Result<Option<String>> {
    let succeeded = state.result == "success";
    view.note(&format!(
        "copy {name}: {}",
        if succeeded { "ok" } else { "failed" }
    ))?;
    Ok(
        (!succeeded)
            .then(|| format!("the copy `{name}` failed; `genbackup history --copy {name}` shows why")),
    )
}

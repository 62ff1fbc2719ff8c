//! The remarks about the records, and about the newest run as a whole.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::Fleet;
use crate::runs::record::RunId;
use crate::status::progress::{Progress, is_later};
use crate::status::search::{Newest, Search};
use crate::status::span::span;
use crate::status::state::State;
use crate::text::counted;

/// A remark that is about no host and no phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// How bad it is.
    pub state: State,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it casts doubt on every verdict, also on that of one host alone.
    #[serde(skip)]
    pub concerns: Concerns,
}

/// What a remark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// The records themselves: they may be incomplete or have wrong times, so every verdict is in doubt.
    Records,
    /// One run as a whole.
    Run,
}

pub(super) fn remarks(fleet: &Fleet, search: &Search<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    remarks.extend(from_the_future(&search.from_the_future));
    if let Some(newest) = &search.newest {
        remarks.extend(interrupted(fleet, search.present.now, newest));
        let id = newest.id;
        remarks.extend(newest.warnings.iter().map(|warning| Remark {
            state: State::Warning,
            what: format!("the run {id} reported: {warning}"),
            hint: None,
            concerns: Concerns::Run,
        }));
        remarks.extend(bad_lines(id, newest.bad_lines));
        remarks.extend(strangers(search));
    }
    remarks
}

fn from_the_future(runs: &[RunId]) -> Option<Remark> {
    let run = runs.first()?;
    let what = match runs.len() {
        1 => format!("the record {run} is from the future, and is ignored"),
        several => format!("{several} records are from the future, and are ignored; the last is {run}"),
    };
    let hint = "the clock of this host is or was wrong: correct it; if it is right, remove the records from the future";
    Some(Remark {
        state: State::Warning,
        what,
        hint: Some(hint.to_owned()),
        concerns: Concerns::Records,
    })
}

fn interrupted(fleet: &Fleet, now: Timestamp, newest: &Newest) -> Option<Remark> {
    if newest.progress != Progress::Interrupted {
        return None;
    }
    let Newest {
        id,
        last_event,
        stopped,
        hosts,
        is_of_chosen,
        ..
    } = newest;
    let after = span(last_event.duration_since(id.start()).max(SignedDuration::ZERO));
    let what = match stopped {
        Some(why) => format!("the run {id} was interrupted after {after}: {why}"),
        None if is_later(*last_event, now) => {
            format!("the run {id} was interrupted, and the last line of its record is from the future")
        }
        None => format!("the run {id} was interrupted: its record ends after {after}"),
    };
    let asked = fleet.backed_up();
    let asked: Vec<_> = asked
        .filter(|host| hosts.iter().any(|name| name == host.as_str()))
        .collect();
    let unit = if *is_of_chosen && !asked.is_empty() {
        Fleet::run_of_those(&asked)
    } else {
        "genbackup".to_owned()
    };
    Some(Remark {
        state: State::Warning,
        what,
        hint: Some(format!(
            "on {}, run `systemctl start {unit}.service`",
            fleet.storage.name
        )),
        concerns: Concerns::Run,
    })
}

fn bad_lines(id: RunId, lines: u64) -> Option<Remark> {
    (lines > 0).then(|| Remark {
        state: State::Warning,
        what: format!("{} of the record {id} cannot be read", counted(lines, "line")),
        hint: Some("check whether the disk was full or the power failed".to_owned()),
        concerns: Concerns::Records,
    })
}

fn strangers(search: &Search<'_>) -> Option<Remark> {
    let is_known = |name: &&str| search.hosts.contains_key(name);
    let strangers = search.newest_of_hosts.iter().flat_map(|run| &run.hosts);
    let strangers: Vec<&str> = strangers
        .map(String::as_str)
        .filter(|name| !is_known(name))
        .collect();
    (!strangers.is_empty()).then(|| Remark {
        state: State::Ok,
        what: format!(
            "hosts in the records that are not in the fleet file: {}",
            strangers.join(", ")
        ),
        hint: Some(
            "if they were renamed or removed, run `genbackup emit --now` (on NixOS `nixos-rebuild switch`), which brings this \
             host up to date"
                .to_owned(),
        ),
        concerns: Concerns::Run,
    })
}

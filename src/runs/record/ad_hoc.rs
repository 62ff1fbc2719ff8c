//! A phase that was carried out ad hoc, outside a run, as a separate record.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::event::{CopyFigures, Event, PhaseFinished, PhaseStarted, RunStarted, What, in_milliseconds};
use super::run::RunId;
use super::status::Status;
use crate::model::Phase;

/// A phase that an administrator's command carried out, or the unit of a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct AdHoc {
    /// Which phase.
    pub phase: Phase,
    /// The copy that it is about, by its name in the fleet file.
    pub copy: Option<String>,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// How long it took in seconds, by a clock that nobody sets.
    pub seconds: f64,
    /// How it ended.
    pub status: Status,
    /// Why it did not succeed.
    pub why: Option<String>,
    /// The exit status of the command, if it has one.
    pub exit_code: Option<u8>,
    /// What a copy got and lost.
    pub figures: Option<CopyFigures>,
}

impl AdHoc {
    /// The whole record of that name, from its first line to its last: it is written when the phase has ended.
    ///
    /// # Errors
    /// Those of [`Event::line`].
    pub fn record(&self, name: RunId) -> serde_json::Result<String> {
        let Self {
            phase,
            copy,
            start,
            end,
            seconds,
            status,
            why,
            exit_code,
            figures,
        } = self;
        let versions = [("genbackup".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        let run_started = RunStarted {
            run: name.to_string(),
            hosts: Vec::new(),
            versions: versions.into(),
            chosen: false,
            beside: true,
            invocation: None,
        };
        let finished = PhaseFinished {
            status: status.clone(),
            why: why.clone(),
            exit_code: exit_code.map(i64::from),
            seconds: Some(in_milliseconds(*seconds)),
            copy: copy.clone(),
            figures: figures.clone().map(Box::new),
            ..PhaseFinished::default()
        };
        let events = [
            (start, What::RunStarted(run_started)),
            (
                start,
                What::PhaseStarted(*phase, PhaseStarted { copy: copy.clone() }),
            ),
            (end, What::PhaseFinished(*phase, finished)),
            (end, What::RunFinished),
        ];
        { events.into_iter() }
            .map(|(time, what)| {
                Event {
                    time: *time,
                    what,
                    unknown: BTreeMap::new(),
                }
                .line()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::record::Run;

    #[test]
    fn what_is_written_is_what_is_read() {
        let start: Timestamp = "2026-11-23T04:00:00.75Z".parse().unwrap();
        let end: Timestamp = "2026-11-23T06:00:00.25Z".parse().unwrap();
        for phase in Phase::AD_HOC {
            let ad_hoc = AdHoc {
                phase,
                copy: None,
                start,
                end,
                seconds: 7_199.499_951,
                status: Status::Failed,
                why: Some("rclone exited with 3\n\u{1b}[2J".to_owned()),
                exit_code: Some(3),
                figures: None,
            };
            let id = RunId::at(start);
            let record = ad_hoc.record(id).unwrap();
            let run = Run::read(id, record.as_bytes()).unwrap();
            assert!(run.is_ad_hoc && run.is_finished() && run.hosts.is_empty());
            assert_eq!((run.bad_lines.count, run.unknown_events), (0, 0));
            let done = &run.phases[&phase];
            assert_eq!(done.start.unwrap().to_string(), "2026-11-23T04:00:00Z");
            assert_eq!(done.end.unwrap().to_string(), "2026-11-23T06:00:00Z");
            let finished = PhaseFinished {
                status: Status::Failed,
                why: ad_hoc.why,
                exit_code: Some(3),
                seconds: Some(7199.5),
                ..PhaseFinished::default()
            };
            assert_eq!(done.finished.as_ref().unwrap(), &finished);
        }
    }
}

//! What was done beside the runs, as lines of a record of its own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event::CopyFigures;
use super::run::RunId;
use super::status::Status;
use crate::model::Phase;

/// A phase that a command of an admin's did.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// Which.
    pub phase: Phase,
    /// The copy that it is about, by its name in the fleet file.
    pub copy: Option<String>,
    /// When it began.
    pub start: Timestamp,
    /// When it was over.
    pub end: Timestamp,
    /// How long it took, also where somebody set the clock meanwhile.
    pub seconds: f64,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well.
    pub why: Option<String>,
    /// The exit status of the command, where it had one.
    pub exit_code: Option<u8>,
    /// What a copy got and lost.
    pub figures: Option<CopyFigures>,
}

impl Beside {
    /// The record of that name, from its first line to its last: it is only written when all is over.
    #[must_use]
    pub fn record(&self, name: RunId) -> String {
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
        let (start, end) = (RunId::at(*start).start(), RunId::at(*end).start());
        let phase = phase.name();
        let milliseconds = (seconds * 1000.0).round();
        let lines = [
            json!({
                "event": "run-started", "time": start, "run": name, "hosts": [],
                "versions": {"genbackup": env!("CARGO_PKG_VERSION")}, "beside": true,
            }),
            about(
                json!({"event": format!("{phase}-started"), "time": start}),
                copy.as_ref(),
                None,
            ),
            about(
                json!({
                    "event": format!("{phase}-finished"), "time": end, "status": status, "why": why,
                    "exit-code": exit_code, "seconds": milliseconds / 1000.0,
                }),
                copy.as_ref(),
                figures.as_ref(),
            ),
            json!({"event": "run-finished", "time": end}),
        ];
        let mut lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        // The last line has an end, too.
        lines.push(String::new());
        lines.join("\n")
    }
}

/// The same event with the name of the copy that it is about, and its figures.
fn about(mut event: Value, copy: Option<&String>, figures: Option<&CopyFigures>) -> Value {
    if let Some(event) = event.as_object_mut() {
        event.extend(copy.map(|copy| ("copy".to_owned(), json!(copy))));
        if let Ok(Value::Object(figures)) = serde_json::to_value(figures) {
            event.extend(figures);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::record::{PhaseFinished, Run};

    #[test]
    fn what_is_written_is_what_is_read() {
        let start: Timestamp = "2026-11-23T04:00:00.75Z".parse().unwrap();
        let end: Timestamp = "2026-11-23T06:00:00.25Z".parse().unwrap();
        for phase in Phase::BESIDE {
            let beside = Beside {
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
            let record = beside.record(id);
            let run = Run::read(id, record.as_bytes()).unwrap();
            assert!(run.is_beside && run.is_finished() && run.hosts.is_empty());
            assert_eq!((run.bad_lines.count, run.unknown_events), (0, 0));
            let done = &run.phases[&phase];
            assert_eq!(done.start.unwrap().to_string(), "2026-11-23T04:00:00Z");
            assert_eq!(done.end.unwrap().to_string(), "2026-11-23T06:00:00Z");
            let finished = PhaseFinished {
                status: Status::Failed,
                why: beside.why,
                exit_code: Some(3),
                seconds: Some(7199.5),
                ..PhaseFinished::default()
            };
            assert_eq!(done.finished.as_ref().unwrap(), &finished);
        }
    }
}

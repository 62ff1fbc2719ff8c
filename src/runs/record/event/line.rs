//! An event as one line of a record, and back.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::from_str;

use super::{CopyFigures, Event, PhaseFinished, What};
use crate::model::Phase;
use crate::runs::record::Reason;

/// What every event has.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow)]
    event: Cow<'l, str>,
    time: Timestamp,
}

impl Event {
    /// Reads one line, without its newline.
    ///
    /// # Errors
    /// Why it is no event.
    pub fn parse(line: &str) -> Result<Self, Reason> {
        // serde takes a list for a struct, as its values in order; an event is an object.
        let is_object = line.trim_start().starts_with('{');
        let event = is_object.then(|| Self::of_object(line).ok()).flatten();
        event.ok_or_else(|| match from_str::<IgnoredAny>(line) {
            Ok(_) => Reason::NotAnEvent,
            Err(_) => Reason::NotJson,
        })
    }

    fn of_object(line: &str) -> serde_json::Result<Self> {
        let Head { event, time } = from_str(line)?;
        let what = match event.as_ref() {
            "run-started" => What::RunStarted(from_str(line)?),
            "host-started" => What::HostStarted(from_str(line)?),
            "restic" => What::Restic(from_str(line)?),
            "host-finished" => What::HostFinished(Box::new(from_str(line)?)),
            "warning" => What::Warning(from_str(line)?),
            "run-finished" => What::RunFinished,
            "run-stopped" => What::RunStopped(from_str(line)?),
            name => match Phase::of_event(name) {
                Some((phase, "started")) => What::PhaseStarted(phase, from_str(line)?),
                Some((phase, "finished")) => {
                    let mut finished: PhaseFinished = from_str(line)?;
                    // serde finds figures in every object, because none of them is required.
                    finished.figures = finished
                        .figures
                        .filter(|figures| finished.copy.is_some() || **figures != CopyFigures::default());
                    What::PhaseFinished(phase, finished)
                }
                _ => What::Other(name.to_owned()),
            },
        };
        Ok(Self { time, what })
    }

    /// What happens now.
    #[must_use]
    pub fn now(what: What) -> Self {
        Self {
            time: Timestamp::now(),
            what,
        }
    }

    /// The event as one line of a record, with its newline. The time is written to the second.
    ///
    /// # Errors
    /// None that is known: each field can be written as JSON.
    pub fn line(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// The object of an event that has these fields.
#[derive(Serialize)]
struct Object<'e, Fields> {
    event: &'e str,
    time: Timestamp,
    #[serde(flatten)]
    fields: Fields,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { time, what } = self;
        let time = Timestamp::from_second(time.as_second()).unwrap_or(*time);
        macro_rules! object {
            ($event:expr, $fields:expr) => {
                Object {
                    event: $event,
                    time,
                    fields: $fields,
                }
                .serialize(serializer)
            };
        }
        match what {
            What::RunStarted(fields) => object!("run-started", fields),
            What::HostStarted(fields) => object!("host-started", fields),
            What::Restic(fields) => object!("restic", fields),
            What::HostFinished(fields) => object!("host-finished", fields),
            What::PhaseStarted(phase, fields) => object!(&format!("{}-started", phase.name()), fields),
            What::PhaseFinished(phase, fields) => object!(&format!("{}-finished", phase.name()), fields),
            What::Warning(fields) => object!("warning", fields),
            What::RunFinished => object!("run-finished", ()),
            What::RunStopped(fields) => object!("run-stopped", fields),
            What::Other(name) => object!(name, ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::record::{HostFinished, Status};

    const TIME: &str = r#""time":"2026-11-23T06:06:41Z""#;

    fn what(rest: &str) -> What {
        let line = format!("{{{TIME},{rest}}}");
        let Ok(Event { time, what }) = Event::parse(&line) else {
            panic!("{line} is no event");
        };
        assert_eq!(time.to_string(), "2026-11-23T06:06:41Z");
        what
    }

    fn host(rest: &str) -> HostFinished {
        match what(&format!(r#""event":"host-finished","host":"ziz"{rest}"#)) {
            What::HostFinished(finished) => *finished,
            what => panic!("{what:?}"),
        }
    }

    #[test]
    fn a_status_that_is_absent_unknown_or_odd_is_not_ok() {
        for (rest, word) in [
            ("", ""),
            (r#","status":null"#, ""),
            (r#","status":true"#, ""),
            (r#","status":["ok"]"#, ""),
            (r#","status":"OK""#, "OK"),
            (r#","status":"ok ""#, "ok "),
            (r#","status":"splendid""#, "splendid"),
        ] {
            assert_eq!(host(rest).status, Status::Unknown(word.to_owned()), "{rest}");
        }
        assert_eq!(host(r#","status":"ok""#).status, Status::Ok);
    }

    #[test]
    fn a_field_of_another_kind_costs_nothing_but_itself() {
        let finished = host(
            r#","status":"failed","why":{"text":"x"},"exit-code":0.5,"seconds":"2","missing":["/a",null],
               "missing-count":-1,"unreadable":["/b"],"unreadable-count":1,"clock-off":-7200,"empty":7"#,
        );
        let expected = HostFinished {
            host: "ziz".to_owned(),
            status: Status::Failed,
            unreadable: vec!["/b".to_owned()],
            unreadable_count: 1,
            clock_off: Some(-7200.0),
            ..HostFinished::default()
        };
        assert_eq!(finished, expected);
    }

    #[test]
    fn a_line_that_is_no_event_is_reported_as_such() {
        let without_host = format!(r#"{{"event":"host-finished",{TIME},"status":"ok"}}"#);
        let twice =
            format!(r#"{{"event":"host-finished",{TIME},"host":"ziz","status":"failed","status":"ok"}}"#);
        for line in [
            // serde would take this list for an event: its values are in the right order.
            r#"["run-finished","2026-11-23T06:06:41Z"]"#,
            r#"{"event":"run-finished"}"#,
            r#"{"event":"run-finished","time":"yesterday"}"#,
            r#"{"event":7,"time":"2026-11-23T06:06:41Z"}"#,
            r#"{"time":"2026-11-23T06:06:41Z"}"#,
            "{}",
            "null",
            "\"run-finished\"",
            &without_host,
            &twice,
        ] {
            assert_eq!(Event::parse(line), Err(Reason::NotAnEvent), "{line}");
        }
        let finished = format!(r#"{{"event":"run-finished",{TIME}}}"#);
        for line in [
            "",
            " ",
            "{",
            "\0\0\0",
            "ok",
            r#"{"event":7"#,
            &format!("{finished}{finished}"),
        ] {
            assert_eq!(Event::parse(line), Err(Reason::NotJson), "{line}");
        }
    }

    #[test]
    fn each_event_is_read_as_it_was_written() {
        let texts = |name: &str| [(name.to_owned(), "a\u{1b} \"b\"\n".to_owned())].into();
        let finished = HostFinished {
            host: "ziz".to_owned(),
            status: Status::Partial,
            missing: vec!["/srv/größe".to_owned()],
            missing_count: 1,
            hooks: texts("before-db"),
            clock_off: Some(-301.0),
            ..HostFinished::default()
        };
        let copied = PhaseFinished {
            status: Status::Ok,
            copy: Some("cloud".to_owned()),
            figures: Some(Box::default()),
            ..PhaseFinished::default()
        };
        let forgot = PhaseFinished {
            status: Status::Failed,
            kept: Some(3),
            held: texts("kai"),
            ..PhaseFinished::default()
        };
        for what in [
            What::HostFinished(Box::new(finished)),
            What::PhaseFinished(Phase::Offsite, copied),
            What::PhaseFinished(Phase::Forget, forgot),
            What::RunFinished,
        ] {
            let event = Event {
                time: "2026-11-23T06:06:41Z".parse().unwrap(),
                what,
            };
            let line = event.line().unwrap();
            assert_eq!(Event::parse(line.trim_end()), Ok(event), "{line}");
        }
    }
}

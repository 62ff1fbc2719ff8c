//! An event as one line of a record, and back.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Deserializer, Value, from_str};

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

/// The names of these fields.
const HEAD: [&str; 2] = ["event", "time"];

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
        let mut fields = Fields {
            line,
            unknown: BTreeSet::new(),
        };
        let what = match event.as_ref() {
            "run-started" => What::RunStarted(fields.read()?),
            "host-started" => What::HostStarted(fields.read()?),
            "restic" => What::Restic(fields.read()?),
            "host-finished" => What::HostFinished(Box::new(fields.read()?)),
            "warning" => What::Warning(fields.read()?),
            "run-finished" => fields.read().map(|NoFields {}| What::RunFinished)?,
            "run-stopped" => What::RunStopped(fields.read()?),
            name => match Phase::of_event(name) {
                Some((phase, "started")) => What::PhaseStarted(phase, fields.read()?),
                Some((phase, "finished")) => What::PhaseFinished(phase, fields.phase_finished(phase)?),
                _ => fields.read().map(|NoFields {}| What::Other(name.to_owned()))?,
            },
        };
        Ok(Self {
            time,
            what,
            unknown: fields.into_unknown()?,
        })
    }

    /// What happens now.
    #[must_use]
    pub fn now(what: What) -> Self {
        Self {
            time: Timestamp::now(),
            what,
            unknown: BTreeMap::new(),
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

/// An event without fields of its kind.
#[derive(Deserialize)]
#[expect(
    clippy::empty_structs_with_brackets,
    reason = "serde reads a unit struct from `null`, and this one from an object"
)]
struct NoFields {}

/// The fields of an event's line, and the names of those that no type has asked for.
struct Fields<'l> {
    line: &'l str,
    unknown: BTreeSet<String>,
}

impl Fields<'_> {
    /// Reads the fields of one kind of event.
    fn read<T: DeserializeOwned>(&mut self) -> serde_json::Result<T> {
        let unknown = &mut self.unknown;
        serde_ignored::deserialize(&mut Deserializer::from_str(self.line), |path| {
            let name = path.to_string();
            if !HEAD.contains(&name.as_str()) {
                unknown.insert(name);
            }
        })
    }

    fn phase_finished(&mut self, phase: Phase) -> serde_json::Result<PhaseFinished> {
        let mut finished: PhaseFinished = self.read()?;
        if phase == Phase::Offsite {
            let unknown = std::mem::take(&mut self.unknown);
            let figures: CopyFigures = self.read()?;
            self.unknown.retain(|name| unknown.contains(name));
            // Each object has figures, because none of them is required.
            let is_of_copy = finished.copy.is_some() || figures != CopyFigures::default();
            finished.figures = is_of_copy.then(|| Box::new(figures));
        }
        Ok(finished)
    }

    fn into_unknown(self) -> serde_json::Result<BTreeMap<String, Value>> {
        if self.unknown.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut all: BTreeMap<String, Value> = from_str(self.line)?;
        all.retain(|name, _| self.unknown.contains(name));
        Ok(all)
    }
}

/// The object of an event that has these fields.
#[derive(Serialize)]
struct Object<'e, Fields> {
    event: &'e str,
    time: Timestamp,
    #[serde(flatten)]
    fields: Fields,
    #[serde(flatten)]
    unknown: &'e BTreeMap<String, Value>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { time, what, unknown } = self;
        let time = Timestamp::from_second(time.as_second()).unwrap_or(*time);
        macro_rules! object {
            ($event:expr, $fields:expr) => {
                Object {
                    event: $event,
                    time,
                    fields: $fields,
                    unknown,
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
        let Ok(Event { time, what, .. }) = Event::parse(&line) else {
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
    fn fields_of_a_newer_version_are_kept_apart() {
        for (event, more) in [
            (r#""event":"run-finished""#, ""),
            (r#""event":"warning","why":"x""#, ""),
            (
                r#""event":"host-finished","host":"ziz","status":"ok""#,
                r#""missing":[]"#,
            ),
            (r#""event":"prune-finished","status":"ok""#, r#""files":3"#),
            (
                r#""event":"offsite-finished","status":"ok","copy":"cloud","files":3"#,
                "",
            ),
            (r#""event":"offsite-finished","status":"ok","files":3"#, ""),
            (r#""event":"settle-finished""#, r#""status":"ok""#),
        ] {
            let unknown = r#""a.b":[{"c":1}],"z":null"#;
            let line = format!(
                "{{{TIME},{event},{unknown}{}{more}}}",
                if more.is_empty() { "" } else { "," }
            );
            let event = Event::parse(&line).unwrap();
            let mut expected: BTreeMap<String, Value> = from_str(&format!("{{{unknown}}}")).unwrap();
            if matches!(event.what, What::PhaseFinished(Phase::Prune, _) | What::Other(_)) {
                expected.extend(from_str::<BTreeMap<String, Value>>(&format!("{{{more}}}")).unwrap());
            }
            assert_eq!(event.unknown, expected, "{line}");
            // They are written again.
            let written = event.line().unwrap();
            assert_eq!(Event::parse(written.trim_end()), Ok(event), "{line}");
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
                unknown: BTreeMap::new(),
            };
            let line = event.line().unwrap();
            assert_eq!(Event::parse(line.trim_end()), Ok(event), "{line}");
        }
    }
}

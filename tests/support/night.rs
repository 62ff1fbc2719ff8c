//! Records of nights, as the scripts would have written them.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "records are written as scripts would; a time that a test makes up is one, or the test fails"
)]

use std::fs;
use std::path::Path;

use anyhow::Result;
use genbackup::runs::record::{About, AdHoc, CopyFigures, Phase, Run, RunId, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The hosts of the fleet `post`.
pub(crate) const HOSTS: [&str; 3] = ["jak", "kai", "ziz"];

/// How long a step of a night takes if it does not name a time.
const STEP: SignedDuration = SignedDuration::from_mins(1);

/// One night, built step by step.
#[derive(Debug, Clone)]
pub(crate) struct Night {
    start: Timestamp,
    time: Timestamp,
    lines: Vec<Value>,
}

impl Night {
    /// A night that begins at a time, for some hosts.
    pub(crate) fn at(start: &str, hosts: &[&str]) -> Self {
        Self::with_versions(
            start,
            hosts,
            &json!({"genbackup": "0.1.0", "systemd": "systemd 257"}),
        )
    }

    pub(crate) fn with_versions(start: &str, hosts: &[&str], versions: &Value) -> Self {
        let start: Timestamp = start.parse().unwrap();
        let night = Self {
            start,
            time: start,
            lines: Vec::new(),
        };
        let run = night.id().to_string();
        night.event(
            "run-started",
            json!({"run": run, "hosts": hosts, "versions": versions}),
        )
    }

    /// A night on which everything succeeds.
    pub(crate) fn good(start: &str, hosts: &[&str]) -> Self {
        let night = Self::at(start, hosts);
        let night = hosts.iter().fold(night, |night, host| night.host(host, "ok"));
        night.maintained()
    }

    /// The same, where somebody chose its hosts.
    pub(crate) fn of_chosen(mut self) -> Self {
        if let Some(started) = self.lines.first_mut() {
            started["chosen"] = true.into();
        }
        self
    }

    /// What `genbackup record` notes of a phase, which took a minute.
    pub(crate) fn ad_hoc(start: &str, phase: &str, status: &str) -> Self {
        let mut night = Self::with_versions(start, &[], &json!({"genbackup": "0.1.0"}));
        if let Some(started) = night.lines.first_mut() {
            started["beside"] = true.into();
        }
        night.phase(phase, status).ends()
    }

    pub(crate) fn id(&self) -> RunId {
        let name = self.start.strftime("%Y%m%dT%H%M%SZ").to_string();
        name.parse().unwrap()
    }

    /// A host's turn: it begins, and a minute later it is over.
    pub(crate) fn host(self, host: &str, status: &str) -> Self {
        let why = (status != "ok").then(|| format!("{host} is not well"));
        self.host_that(host, json!({"status": status, "why": why}))
    }

    /// A host's turn, with this event at its end.
    pub(crate) fn host_that(self, host: &str, end: Value) -> Self {
        let is_good = matches!(end["status"].as_str(), Some("ok" | "partial"));
        let seconds = end["seconds"].as_f64().filter(|seconds| *seconds > 0.0);
        let summary = json!({"host": host, "message": {"message_type": "summary", "data_added": 3_008_008,
            "total_files_processed": 11, "total_bytes_processed": 6_000_069}});
        let mut ended =
            json!({"host": host, "seconds": 60.5, "restic-version": "restic 0.18.0 compiled with go1.24"});
        merge(&mut ended, end);
        let mut night = self.starts(host);
        night.time += seconds.map_or(STEP, SignedDuration::from_secs_f64);
        if is_good {
            night = night.event("restic", summary);
        }
        night.event("host-finished", ended)
    }

    /// A host's turn begins.
    pub(crate) fn starts(self, host: &str) -> Self {
        self.event("host-started", json!({"host": host}))
    }

    /// Forget or prune begins.
    pub(crate) fn begins(self, phase: &str) -> Self {
        self.event(&format!("{phase}-started"), json!({}))
    }

    /// Forget or prune, begun and over a minute later.
    pub(crate) fn phase(self, phase: &str, status: &str) -> Self {
        let why = (status != "ok").then(|| format!("{phase} is not well"));
        let mut night = self.begins(phase);
        night.time += STEP;
        let kept = (phase == "forget" && status == "ok").then_some(30);
        night.event(
            &format!("{phase}-finished"),
            json!({"status": status, "why": why, "seconds": 60.0, "kept": kept, "removed": kept.map(|_| 1)}),
        )
    }

    /// Forget, prune, and the end.
    pub(crate) fn maintained(self) -> Self {
        self.phase("forget", "ok").phase("prune", "ok").ends()
    }

    pub(crate) fn warns(self, why: &str) -> Self {
        self.event("warning", json!({"why": why}))
    }

    pub(crate) fn ends(self) -> Self {
        self.event("run-finished", json!({}))
    }

    pub(crate) fn event(mut self, name: &str, rest: Value) -> Self {
        let mut line = json!({"event": name, "time": self.time});
        merge(&mut line, rest);
        self.lines.push(line);
        self
    }

    /// Sets the time of the next event.
    pub(crate) fn later_at(mut self, time: &str) -> Self {
        self.time = time.parse().unwrap();
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<String> = self.lines.iter().map(Value::to_string).collect();
        // The last line has an end, too.
        lines.push(String::new());
        lines.join("\n")
    }

    pub(crate) fn read(&self, about: Option<About>) -> Result<Run> {
        let text = self.text();
        Ok(match about {
            None => Run::read(self.id(), text.as_bytes())?,
            Some(about) => Run::read_about(self.id(), text.as_bytes(), about)?,
        })
    }

    /// Writes its record into a directory.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        Ok(fs::write(
            directory.join(format!("{}.jsonl", self.id())),
            self.text(),
        )?)
    }
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// Writes the record of a phase, or of a copy of that name, which ended so after a minute.
pub(crate) fn add_ad_hoc(
    directory: &Path,
    time: &str,
    phase: Phase,
    copy: Option<&str>,
    status: Status,
    figures: CopyFigures,
) -> Result<()> {
    let start: Timestamp = time.parse()?;
    let ad_hoc = AdHoc {
        phase,
        copy: copy.map(str::to_owned),
        start,
        end: start + SignedDuration::from_mins(1),
        seconds: 60.0,
        why: (status != Status::Ok).then(|| "the remote is full".to_owned()),
        status,
        exit_code: None,
        figures: copy.map(|_| figures),
    };
    let name = RunId::at(start);
    fs::write(directory.join(format!("{name}.jsonl")), ad_hoc.record(name)?)?;
    Ok(())
}

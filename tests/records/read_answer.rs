//! `read-answer.jq` turns what a host answers, whatever it is, into events of the run's record.

#![expect(
    clippy::disallowed_methods,
    reason = "jq is run, as `run-backups` runs it, on answers that the tests make"
)]

mod bounds;
mod connection;
mod hooks;
mod snapshots;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::runs::record::{Event, What};
use serde_json::{Value, json};

/// A host's answer, and how the connection to it ended.
struct Answer {
    text: Vec<u8>,
    /// Exit status of the connecting process.
    code: u8,
    /// What the connecting process said on standard error.
    complaint: Vec<u8>,
    /// Bytes after which an answer is cut off.
    limit: usize,
    /// Bytes of memory that jq may have.
    memory: Option<u64>,
}

impl Answer {
    fn of(text: impl Into<Vec<u8>>) -> Self {
        Self {
            text: text.into(),
            code: 0,
            complaint: Vec::new(),
            limit: 64 << 20,
            memory: None,
        }
    }

    fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    fn with_complaint(self, complaint: impl Into<Vec<u8>>) -> Self {
        let complaint = complaint.into();
        Self { complaint, ..self }
    }

    /// All events but the last, and the last, which is host-finished.
    fn events(self) -> Result<(Vec<Value>, Value)> {
        let Self {
            text,
            code,
            complaint,
            limit,
            memory,
        } = self;
        let folder = tempfile::tempdir()?;
        let (answer, said) = (folder.path().join("answer"), folder.path().join("stderr"));
        std::fs::write(&answer, &text)?;
        std::fs::write(&said, complaint)?;
        let jq = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/scripts/read-answer.jq");
        let mut command = Command::new("prlimit");
        // Seconds of processor time, since a busy machine takes more of any other.
        command.arg("--cpu=60");
        command.args(memory.map(|bytes| format!("--as={bytes}")));
        let output = command
            .args([
                "jq",
                "-L",
                concat!(env!("CARGO_MANIFEST_DIR"), "/templates/scripts"),
                "--raw-input",
                "--null-input",
                "--raw-output",
                "--compact-output",
                "--from-file",
                jq,
            ])
            .args(["--arg", "host", "ziz"])
            .args(["--argjson", "started", "1000.5"])
            .args(["--argjson", "limit", &limit.to_string()])
            .args(["--argjson", "code", &code.to_string()])
            .args(["--argjson", "bytes", &text.len().to_string()])
            .args(["--arg", "storage", "jak=jak"])
            .args(["--rawfile", "complaint"])
            .arg(said)
            .arg(answer)
            .output()?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            output.status.success() && complaint.is_empty(),
            "jq says {complaint}"
        );
        let mut events = Vec::new();
        let text = String::from_utf8(output.stdout)?;
        let (text, words) = text
            .trim_end()
            .rsplit_once('\n')
            .context("no line for the journal")?;
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
            ensure!(event["host"] == "ziz" && event["time"].is_string(), "{event}");
            let read = Event::parse(line);
            let is_known = matches!(&read, Ok(event) if !matches!(event.what, What::Other(_)));
            ensure!(is_known, "the record's reader has {read:?} for {line}");
            events.push(event);
        }
        let last = events.pop().context("no event at all")?;
        ensure!(last["event"] == "host-finished", "the last is {last}");
        let status = last["status"].as_str().context("no status")?;
        ensure!(
            words.starts_with(&format!("{status} ziz: {status} in ")) && !words.contains(char::is_control),
            "the line for the journal is {words:?}"
        );
        ensure!(
            events.iter().all(|event| event["event"] == "restic"),
            "a host makes other events than restic's: {events:?}"
        );
        Ok((events, last))
    }

    /// The status and the reason.
    fn judged(self) -> Result<(String, Value)> {
        let (_, last) = self.events()?;
        let status = last["status"].as_str().context("no status")?.to_owned();
        Ok((status, last["why"].clone()))
    }
}

const SUMMARY: &str = r#"out {"message_type":"summary","files_new":3,"snapshot_id":"1a2b3c4d"}"#;

fn is(judged: &(String, Value), status: &str, why: &str) {
    assert_eq!((judged.0.as_str(), &judged.1), (status, &json!(why)));
}

//! What a host answers, whatever it is, becomes events of the run's record.

mod bounds;
mod connection;
mod hooks;
mod snapshots;

use anyhow::{Context, Result, ensure};
use genbackup::runs::coordinate::answer::{Answer as Lines, LONGEST_LINE};
use genbackup::runs::coordinate::judge::{Ending, How, StorageHost, in_words, judge};
use genbackup::runs::record::{Event, Restic, What};
use jiff::Timestamp;
use serde_json::Value;

/// A host's answer, and how the connection to it ended.
struct Answer {
    text: Vec<u8>,
    how: How,
    /// What the connecting process printed on standard error.
    complaint: Vec<u8>,
    /// Bytes after which an answer is cut off.
    limit: usize,
}

impl Answer {
    fn of(text: impl Into<Vec<u8>>) -> Self {
        Self {
            text: text.into(),
            how: How::Closed,
            complaint: Vec::new(),
            limit: 64 << 20,
        }
    }

    fn after(self, how: How) -> Self {
        Self { how, ..self }
    }

    fn with_complaint(self, complaint: impl Into<Vec<u8>>) -> Self {
        let complaint = complaint.into();
        Self { complaint, ..self }
    }

    /// All events but the last, and the last, which is host-finished.
    fn events(self) -> Result<(Vec<Value>, Value)> {
        let Self {
            text,
            how,
            complaint,
            limit,
        } = self;
        let mut answer = Lines::default();
        for line in text
            .strip_suffix(b"\n")
            .unwrap_or(&text)
            .split(|byte| *byte == b'\n')
        {
            let kept = &line[..line.len().min(LONGEST_LINE)];
            answer.add(kept, kept.len() < line.len());
        }
        let ending = Ending {
            how,
            complaint: String::from_utf8_lossy(&complaint).into_owned(),
            cut_off_at: (text.len() >= limit).then_some(limit as u64),
        };
        let storage = StorageHost {
            name: "jak",
            kernel_name: "jak",
        };
        let summary = answer.summary().cloned();
        let finished = judge("ziz", answer, &ending, Some(storage), 1.25, Timestamp::now());
        let status = finished.status.to_string();
        let words = in_words(&finished);
        ensure!(
            words.starts_with(&format!("ziz: {status} in 1.25 s")) && !words.contains(char::is_control),
            "the line for the journal is {words:?}"
        );
        let restic = summary.map(|message| {
            What::Restic(Restic {
                host: "ziz".to_owned(),
                message,
            })
        });
        let mut events = Vec::new();
        for what in restic.into_iter().chain([What::HostFinished(Box::new(finished))]) {
            let event = Event::now(what);
            let line = event.line()?;
            let text = line.strip_suffix('\n').context("a line has an end")?;
            ensure!(!text.contains('\n'), "{text}");
            let read = Event::parse(text);
            let is_same = matches!(&read, Ok(read) if read.what == event.what);
            ensure!(is_same, "the record's reader has {read:?} for {text}");
            let event: Value = serde_json::from_str(text)?;
            ensure!(event["host"] == "ziz" && event["time"].is_string(), "{event}");
            events.push(event);
        }
        let last = events.pop().context("no event at all")?;
        ensure!(last["event"] == "host-finished", "the last is {last}");
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
    assert_eq!((judged.0.as_str(), &judged.1), (status, &Value::from(why)));
}

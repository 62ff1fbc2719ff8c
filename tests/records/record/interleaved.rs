//! Good lines among garbage: each of them comes out, and nothing else.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::time::Duration;

use genbackup::runs::record::{
    BadLine, Event, HostFinished, HostStarted, Line, Lines, Phase, PhaseFinished, Reason, RunStarted, Status,
    Warning, What,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// An event, as the scripts write it and as it should be read.
fn good_line() -> impl Strategy<Value = (Value, What)> {
    let text = || prop_oneof![any::<String>(), "[a-z]{1,8}"];
    prop_oneof![
        (
            text(),
            prop::collection::vec(text(), 0..4),
            prop::option::of(text()),
        )
            .prop_map(|(run, hosts, invocation)| {
                let line =
                    json!({"event": "run-started", "run": run, "hosts": hosts, "invocation": invocation});
                (
                    line,
                    What::RunStarted(RunStarted {
                        run,
                        hosts,
                        versions: [].into(),
                        chosen: false,
                        beside: false,
                        invocation,
                    }),
                )
            }),
        text().prop_map(|host| {
            (
                json!({"event": "host-started", "host": host}),
                What::HostStarted(HostStarted { host }),
            )
        }),
        (
            text(),
            text(),
            prop::collection::vec(text(), 0..4),
            any::<u64>(),
            any::<i64>()
        )
            .prop_map(|(host, why, missing, missing_count, code)| {
                let line = json!({"event": "host-finished", "host": host, "status": "partial", "why": why,
                    "missing": missing, "missing-count": missing_count, "exit-code": code});
                let finished = HostFinished {
                    host,
                    status: Status::Partial,
                    why: Some(why),
                    missing,
                    missing_count,
                    exit_code: Some(code),
                    ..HostFinished::default()
                };
                (line, What::HostFinished(Box::new(finished)))
            }),
        any::<u64>().prop_map(|kept| {
            let line = json!({"event": "forget-finished", "status": "ok", "kept": kept});
            let finished = PhaseFinished {
                status: Status::Ok,
                kept: Some(kept),
                ..PhaseFinished::default()
            };
            (line, What::PhaseFinished(Phase::Forget, finished))
        }),
        text().prop_map(|why| (
            json!({"event": "warning", "why": why}),
            What::Warning(Warning { why })
        )),
        "[a-z]{3,5}-[a-z]{3,5}".prop_map(|name| (json!({"event": name}), What::Other(name))),
    ]
}

/// A good line with its time, which distinguishes it from all others.
fn timed((mut line, what): (Value, What), second: usize) -> (Vec<u8>, Event) {
    let time = Timestamp::UNIX_EPOCH + Duration::from_secs(second as u64);
    line["time"] = json!(time.to_string());
    (
        line.to_string().into_bytes(),
        Event {
            time,
            what,
            unknown: BTreeMap::new(),
        },
    )
}

/// What is no event, and has no newline.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let without_newline = |mut bytes: Vec<u8>| {
        bytes.retain(|byte| *byte != b'\n');
        bytes
    };
    let good = || good_line().prop_map(|line| timed(line, 0).0);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(without_newline),
        any::<String>().prop_map(move |text| without_newline(text.into_bytes())),
        // Cut off, with a byte that is not UTF-8 in it, and two in one line.
        (good(), any::<prop::sample::Index>()).prop_map(|(line, at)| line[..at.index(line.len())].to_vec()),
        (good(), any::<prop::sample::Index>()).prop_map(|(mut line, at)| {
            line.insert(at.index(line.len()), 0xff);
            line
        }),
        (good(), good()).prop_map(|(left, right)| [left, right].concat()),
        // The values of an event without their keys.
        good_line().prop_map(|(line, _)| {
            let values: Option<Vec<_>> = line.as_object().map(|line| line.values().collect());
            json!(values).to_string().into_bytes()
        }),
        Just(b"[\"run-finished\",\"2026-11-23T06:06:41Z\"]".to_vec()),
    ]
}

fn lines_of(record: impl BufRead) -> io::Result<Vec<Line>> {
    Lines::of(record).collect()
}

proptest! {
    /// Every good line comes out, in order, none is invented, and each bad one is counted, however the bytes come in.
    #[test]
    fn good_lines_among_garbage_all_come_out(
        lines in prop::collection::vec(
            prop_oneof![good_line().prop_map(Ok), garbage().prop_map(Err)], 0..40),
        last_has_end in any::<bool>(),
        chunk in 1_usize..300,
    ) {
        let (mut record, mut expected) = (Vec::new(), Vec::new());
        let count = lines.len();
        for (index, line) in lines.into_iter().enumerate() {
            let number = index as u64 + 1;
            let is_last_without_end = index + 1 == count && !last_has_end;
            match line {
                Ok(line) => {
                    let (bytes, event) = timed(line, index);
                    record.extend(bytes);
                    expected.push(Ok(event));
                }
                // Nothing at all, without an end, is no line.
                Err(bytes) if bytes.is_empty() && is_last_without_end => continue,
                Err(bytes) => {
                    record.extend(bytes);
                    expected.push(Err((number, is_last_without_end)));
                }
            }
            if !is_last_without_end {
                record.push(b'\n');
            }
        }
        let read = lines_of(&record[..])?;
        let seen: Vec<_> = read.iter().map(|line| match line {
            Line::Good(event) => Ok(event.clone()),
            Line::Bad(BadLine { number, reason }) => Err((*number, *reason == Reason::CutOff)),
        }).collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(lines_of(BufReader::with_capacity(chunk, &record[..]))?, read);
    }
}

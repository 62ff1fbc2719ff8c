//! `read-answer.jq` turns what a host answers, whatever it is, into events of the run's record.

#![expect(
    clippy::disallowed_methods,
    reason = "jq is run, as `run-backups` runs it, on answers that the tests make"
)]

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
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
}

impl Answer {
    fn of(text: impl Into<Vec<u8>>) -> Self {
        Self {
            text: text.into(),
            code: 0,
            complaint: Vec::new(),
            limit: 64 << 20,
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
        } = self;
        let folder = tempfile::tempdir()?;
        let (answer, said) = (folder.path().join("answer"), folder.path().join("stderr"));
        std::fs::write(&answer, &text)?;
        std::fs::write(&said, complaint)?;
        let jq = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/scripts/read-answer.jq");
        let output = Command::new("jq")
            .args([
                "--raw-input",
                "--null-input",
                "--compact-output",
                "--from-file",
                jq,
            ])
            .args(["--arg", "host", "ziz"])
            .args(["--argjson", "started", "1000.5"])
            .args(["--argjson", "limit", &limit.to_string()])
            .args(["--argjson", "code", &code.to_string()])
            .args(["--argjson", "bytes", &text.len().to_string()])
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
        for line in String::from_utf8(output.stdout)?.lines() {
            let event: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
            ensure!(event["host"] == "ziz" && event["time"].is_string(), "{event}");
            events.push(event);
        }
        let last = events.pop().context("no event at all")?;
        ensure!(last["event"] == "host-finished", "the last is {last}");
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

#[test]
fn a_backup_without_a_hitch_is_ok_and_restic_s_summary_is_untouched() -> Result<()> {
    let text = format!("hello restic 0.18.0 compiled with go\n{SUMMARY}\nexit 0\n");
    let (events, last) = Answer::of(text).events()?;
    assert_eq!(events.len(), 1);
    let summary = json!({"message_type": "summary", "files_new": 3, "snapshot_id": "1a2b3c4d"});
    assert_eq!(events[0]["message"], summary);
    assert_eq!(last["status"], "ok");
    assert_eq!(last["why"], Value::Null);
    assert_eq!(last["exit-code"], 0);
    assert_eq!(last["restic-version"], "restic 0.18.0 compiled with go");
    assert_eq!(
        (&last["missing-count"], &last["unreadable-count"]),
        (&json!(0), &json!(0))
    );
    assert!(
        last["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0),
        "{last}"
    );
    Ok(())
}

#[test]
fn files_that_restic_cannot_read_make_it_partial_and_are_named() -> Result<()> {
    let error = |item: &str, during: &str| {
        let error = json!({"message_type": "error", "error": {"message": "permission denied"},
            "during": during, "item": item});
        format!("out {error}\n")
    };
    let text = format!(
        "hello restic\n{}{}{}{SUMMARY}\nexit 3\n",
        error("/etc/a \"b\"", "scan"),
        error("/etc/a \"b\"", "archival"),
        error("/etc/größe\n", "archival")
    );
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(last["why"], "missing or unreadable: /etc/a \"b\", /etc/größe\n");
    assert_eq!(last["unreadable"], json!(["/etc/a \"b\"", "/etc/größe\n"]));
    assert_eq!(last["unreadable-count"], 2);
    assert_eq!(last["exit-code"], 3);
    Ok(())
}

#[test]
fn a_path_that_is_not_there_makes_it_partial_though_restic_is_content() -> Result<()> {
    let text = format!("hello restic\nmissing /srv/my files\n{SUMMARY}\nexit 0\n");
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(last["missing"], json!(["/srv/my files"]));
    assert_eq!(last["missing-count"], 1);
    assert_eq!(last["why"], "missing or unreadable: /srv/my files");
    Ok(())
}

#[test]
fn an_exit_status_of_3_without_a_snapshot_is_a_failure() -> Result<()> {
    is(
        &Answer::of("hello restic\nexit 3\n").judged()?,
        "failed",
        "restic exited with 3: ",
    );
    Ok(())
}

#[test]
fn a_missing_path_and_no_snapshot_is_a_failure() -> Result<()> {
    let (status, _) = Answer::of("hello restic\nmissing /srv\nexit 0\n").judged()?;
    assert_eq!(status, "failed");
    Ok(())
}

#[test]
fn what_restic_says_of_a_failure_is_the_reason() -> Result<()> {
    for (said, why) in [
        (
            r#"out {"message_type":"exit_error","code":11,"message":"unable to create lock"}"#,
            "unable to create lock",
        ),
        (
            "out Fatal: wrong password or no key found",
            "Fatal: wrong password or no key found",
        ),
        (r#"out {"message_type":"error","error":{},"item":"/a"}"#, "{}"),
        (
            r#"out {"message_type":"error","error":"disk quota exceeded","item":"/a"}"#,
            "disk quota exceeded",
        ),
        ("out null", "null"),
        ("out [1]", "[1]"),
    ] {
        let judged = Answer::of(format!("hello restic\n{said}\nexit 1\n")).judged()?;
        is(&judged, "failed", &format!("restic exited with 1: {why}"));
    }
    Ok(())
}

#[test]
fn a_host_that_is_at_it_already_is_busy() -> Result<()> {
    let judged = Answer::of("busy\n").judged()?;
    is(&judged, "busy", "a backup of this host is running already");
    Ok(())
}

#[test]
fn a_host_that_refuses_says_why() -> Result<()> {
    let judged = Answer::of("refused the password is empty\n")
        .with_code(1)
        .judged()?;
    is(&judged, "failed", "the password is empty");
    Ok(())
}

#[test]
fn a_host_that_ssh_does_not_reach_is_unreachable() -> Result<()> {
    let complaint = "ssh: connect to host ziz port 50000: No route to host\r\n";
    let judged = Answer::of("").with_code(255).with_complaint(complaint).judged()?;
    assert_eq!(judged.0, "unreachable");
    assert_eq!(judged.1.as_str().map(str::trim_end), Some(complaint.trim_end()));
    Ok(())
}

#[test]
fn a_host_that_says_nothing_has_failed() -> Result<()> {
    let (status, why) = Answer::of("").judged()?;
    assert_eq!(status, "failed");
    assert!(
        why.as_str()
            .is_some_and(|why| why.contains("its journal says why")),
        "{why}"
    );
    Ok(())
}

#[test]
fn a_connection_that_ends_before_restic_does_is_interrupted() -> Result<()> {
    let text = format!("hello restic\n{SUMMARY}\n");
    for code in [0, 255] {
        let judged = Answer::of(text.clone()).with_code(code).judged()?;
        is(&judged, "interrupted", "the connection ended before restic did");
    }
    // Cut off in the middle of a line.
    let judged = Answer::of("hello restic\nout {\"message_ty").judged()?;
    is(&judged, "interrupted", "the connection ended before restic did");
    Ok(())
}

#[test]
fn a_host_that_takes_too_long_has_failed() -> Result<()> {
    for code in [124, 137] {
        for text in ["", "hello restic\n"] {
            let judged = Answer::of(text).with_code(code).judged()?;
            is(&judged, "failed", "it took longer than the time limit");
        }
    }
    Ok(())
}

#[test]
fn an_answer_that_was_cut_off_is_a_failure_and_not_taken_for_a_short_one() -> Result<()> {
    let text = format!("hello restic\n{SUMMARY}\nexit 0\n");
    let limit = text.len();
    let judged = Answer {
        limit,
        ..Answer::of(text)
    }
    .judged()?;
    is(
        &judged,
        "failed",
        &format!("it answered more than {limit} bytes, and was cut off"),
    );
    Ok(())
}

#[test]
fn what_a_host_says_makes_no_event_of_its_own() -> Result<()> {
    for line in [
        r#"{"event":"host-finished","host":"jak","status":"ok"}"#,
        r#"out {"event":"run-finished"}"#,
        r#"missing {"event":"run-finished"}"#,
        r#"hello {"event":"run-finished"}"#,
        "missing a\\n{\"event\":\"run-finished\"}",
        r#"out {"message_type":"error","item":"\n{\"event\":\"run-finished\"}\n","error":{"message":"\n{}"}}"#,
        "out {\"message_type\":\"summary\",\"x\":\"\\n{\\\"event\\\":\\\"run-finished\\\"}\"}",
        r#"out {"message_type":"summary","event":"host-finished","host":"jak","time":0}"#,
    ] {
        let (events, last) = Answer::of(format!("hello restic\n{line}\nexit 1\n")).events()?;
        assert_eq!(last["status"], "failed", "{line}");
        for event in events {
            let mut keys: Vec<_> = event.as_object().context("no object")?.keys().cloned().collect();
            keys.sort();
            assert_eq!(keys, ["event", "host", "message", "time"], "{line}");
        }
    }
    Ok(())
}

#[test]
fn a_summary_counts_only_where_restic_says_it() -> Result<()> {
    for line in [
        r#"out [{"message_type":"summary"}]"#,
        r#"out {"message_type":{"message_type":"summary"}}"#,
        r#"out {"a":{"message_type":"summary"}}"#,
        r#"out "{\"message_type\":\"summary\"}""#,
        r#"missing {"message_type":"summary"}"#,
        r#"{"message_type":"summary"}"#,
        r#"out  x {"message_type":"summary"}"#,
    ] {
        let (events, last) = Answer::of(format!("hello restic\n{line}\nexit 3\n")).events()?;
        assert!(events.is_empty(), "{line}: {events:?}");
        assert_eq!(last["status"], "failed", "{line}");
    }
    Ok(())
}

#[test]
fn control_characters_and_broken_utf_8_stay_inside_their_strings() -> Result<()> {
    let mut text = b"hello \x1b[31mrestic\x07\r\xff\xfe\n".to_vec();
    text.extend(b"missing /srv/\xc3\x28\x00\x1b]0;x\x07\n");
    text.extend(b"out \xf0\x9f\x98\nexit 1\n");
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "failed");
    assert_eq!(last["missing-count"], 1);
    assert_eq!(last["exit-code"], 1);
    let complaint = b"\x1b[2J\xff\x00".to_vec();
    let judged = Answer::of("").with_code(255).with_complaint(complaint).judged()?;
    assert_eq!(judged.0, "unreachable");
    Ok(())
}

#[test]
fn the_last_exit_counts_and_one_that_is_no_number_is_a_failure() -> Result<()> {
    let text = |end: &str| format!("hello restic\n{SUMMARY}\n{end}\n");
    for (end, status, code) in [
        ("exit 0\nexit 1", "failed", json!(1)),
        ("exit 1\nexit 0", "ok", json!(0)),
        ("exit ", "failed", json!(1)),
        ("exit zero", "failed", json!(1)),
        ("exit [0]", "failed", json!(1)),
        ("exit null", "failed", json!(1)),
        ("exit -1", "failed", json!(-1)),
    ] {
        let (_, last) = Answer::of(text(end)).events()?;
        assert_eq!(last["status"], status, "{end}");
        assert_eq!(last["exit-code"], code, "{end}");
    }
    Ok(())
}

#[test]
fn a_hundred_thousand_errors_are_counted_and_a_hundred_of_them_named() -> Result<()> {
    let mut text = String::from("hello restic\n");
    for number in 0..100_000 {
        let error = json!({"message_type": "error", "error": {"message": "no"}, "during": "archival",
            "item": format!("/srv/{number}")});
        writeln!(text, "out {error}")?;
    }
    writeln!(text, "{SUMMARY}\nexit 3")?;
    let (events, last) = Answer::of(text).events()?;
    assert_eq!(events.len(), 1);
    assert_eq!(last["status"], "partial");
    assert_eq!(last["unreadable-count"], 100_000);
    assert_eq!(last["unreadable"].as_array().map(Vec::len), Some(100));
    assert_eq!(
        last["why"],
        "missing or unreadable: /srv/0, /srv/1, /srv/2, /srv/3, /srv/4"
    );
    Ok(())
}

#[test]
fn no_line_however_long_makes_an_event_that_is_longer_than_some_kilobytes() -> Result<()> {
    let long = "x".repeat(1 << 20);
    for text in [
        format!("hello {long}\nexit 1\n"),
        format!("hello restic\nmissing {long}\nexit 1\n"),
        format!("hello restic\nout {long}\nexit 1\n"),
        format!("refused {long}\n"),
        format!("hello restic\nout {{\"message_type\":\"exit_error\",\"message\":\"{long}\"}}\nexit 1\n"),
    ] {
        let (_, last) = Answer::of(text).events()?;
        assert!(last.to_string().len() < 10_000, "{}", last.to_string().len());
    }
    Ok(())
}

#[test]
fn a_json_line_of_absurd_depth_is_text() -> Result<()> {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let (_, last) = Answer::of(format!("hello restic\nout {deep}\nexit 1\n")).events()?;
    assert_eq!(last["status"], "failed");
    Ok(())
}

//! Whatever a host sends, the record stays well-formed and bounded in size.

use std::fmt::Write;

use anyhow::{Context, Result};
use genbackup::runs::coordinate::judge::How;
use genbackup::runs::record::LINE_LIMIT;
use serde_json::{Value, json};

use super::{Answer, SUMMARY, is};

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
        &format!("its answer exceeds {limit} bytes and was cut off"),
    );
    Ok(())
}

#[test]
fn an_answer_of_endless_short_lines_is_read_in_part_and_is_a_failure() -> Result<()> {
    let ending = format!("{SUMMARY}\nexit 0\n");
    let judged = Answer::of(format!("hello restic\n{}{ending}", "\n".repeat(100_000))).judged()?;
    is(
        &judged,
        "failed",
        "its answer exceeds 100000 lines and was cut off",
    );
    // Later lines are not read, so they cannot change that.
    let (events, _) = Answer::of(format!("{}{ending}", "\n".repeat(16 << 20))).events()?;
    assert_eq!(events.len(), 0);
    let (status, _) = Answer::of(format!("hello restic\n{}{ending}", "\n".repeat(90_000))).judged()?;
    assert_eq!(status, "ok");
    Ok(())
}

#[test]
fn texts_from_a_host_make_no_event() -> Result<()> {
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
fn a_summary_counts_only_in_the_output_of_restic() -> Result<()> {
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
    assert_no_control(&last);
    assert_eq!(
        last["missing"][0]
            .as_str()
            .map(|path| path.contains("\\u{1b}]0;x\\u{07}")),
        Some(true)
    );
    let complaint = b"\x1b[2J\xff\x00".to_vec();
    let (_, last) = Answer::of("")
        .after(How::SshFailed)
        .with_complaint(complaint)
        .events()?;
    assert_no_control(&last);
    Ok(())
}

/// In no text of an event is a character that a terminal obeys.
fn assert_no_control(event: &Value) {
    match event {
        Value::String(text) => assert!(!text.contains(char::is_control), "{text:?}"),
        Value::Array(list) => list.iter().for_each(assert_no_control),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            assert!(!name.contains(char::is_control), "{name:?}");
            assert_no_control(value);
        }),
        _ => {}
    }
}

#[test]
fn no_field_of_an_event_holds_a_control_character() -> Result<()> {
    let odd = "a\u{1b}[2Kb\rc\u{9b}d\u{7f}";
    let json = json!(odd);
    for line in [
        format!("hello {odd}"),
        format!("systemd {odd}"),
        format!("missing {odd}"),
        format!("link {odd} -> {odd}"),
        format!("hook before-db {odd}"),
        format!("refused {odd}"),
        format!("later {odd}"),
        format!("kernel {odd}"),
        format!("out {odd}"),
        format!("out {{\"message_type\":\"exit_error\",\"message\":{json}}}"),
        format!("out {{\"message_type\":\"error\",\"item\":{json},\"error\":{{\"message\":{json}}}}}"),
        format!("out {{\"message_type\":\"summary\",{json}:[{{\"a\":{json}}}]}}"),
    ] {
        for end in ["", "exit 1\n", "exit 0\n"] {
            let (events, last) = Answer::of(format!("hello restic\n{line}\n{end}")).events()?;
            events.iter().chain([&last]).for_each(assert_no_control);
        }
    }
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
fn ten_thousand_errors_are_counted_and_a_hundred_of_them_named() -> Result<()> {
    let mut text = String::from("hello restic\n");
    for number in 0..10_000 {
        let error = json!({"message_type": "error", "error": {"message": "no"}, "during": "archival",
            "item": format!("/srv/{number}")});
        writeln!(text, "out {error}")?;
    }
    writeln!(text, "{SUMMARY}\nexit 3")?;
    let (events, last) = Answer::of(text).events()?;
    assert_eq!(events.len(), 1);
    assert_eq!(last["status"], "partial");
    assert_eq!(last["unreadable-count"], 10_000);
    assert_eq!(last["unreadable"].as_array().map(Vec::len), Some(100));
    assert_eq!(
        last["why"],
        "unreadable: /srv/0, /srv/1, /srv/2, /srv/3, /srv/4 and 9995 more"
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

/// Without this, a host could make its own end unreadable by sending too much.
#[test]
fn the_longest_line_that_a_host_can_bring_about_is_read() -> Result<()> {
    let path = "\u{7f}".repeat(3000);
    let mut text = "hello restic\n".to_owned();
    for number in 0..200 {
        writeln!(text, "missing {number}{path}")?;
        let error =
            json!({"message_type": "error", "during": "archival", "error": {"message": path}, "item": path});
        writeln!(text, "out {error}")?;
    }
    writeln!(text, "{SUMMARY}\nexit 3")?;
    let (_, last) = Answer::of(text).events()?;
    let length = last.to_string().len();
    assert!(length > 2_400_000, "it was longer once: {length}");
    // Room for as many lists again.
    assert!(2 * length < LINE_LIMIT, "{length}");
    Ok(())
}

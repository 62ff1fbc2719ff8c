//! What a real terminal gets: colours, unless nobody wants them, and no line that is wider than it.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::json;

use super::{file, records, run_verb};
use crate::command::{genbackup, run};
use crate::night::{HOSTS, Night};
use crate::pty::terminal;

const NOON: &str = "2026-11-23T12:00:00Z";
/// What starts a colour, and anything else that a terminal obeys.
const ESCAPE: char = '\u{1b}';

fn nights() -> Vec<Night> {
    let long = "/srv/a directory whose name goes on and on".repeat(4);
    let last = Night::with_versions("2026-11-23T04:00:00Z", &HOSTS, &json!({"systemd": "systemd 258"}))
        .host("jak", "ok")
        .host_that(
            "kai",
            json!({"status": "partial", "why": format!("missing: {long}")}),
        )
        .host_that("ziz", json!({"status": "failed", "why": "größe 日本 \u{1b}[2J"}))
        .warns("the repository's file system is 91% full, and there are many words to say it");
    vec![Night::good("2026-11-22T04:00:00Z", &HOSTS), last.maintained()]
}

/// The lines that a verb writes to a terminal with this number of columns.
fn on_a_terminal(columns: u16, verb: &str, variables: &[(&str, &str)]) -> Result<Vec<String>> {
    let (mut master, slave) = terminal(columns)?;
    let directory = records(&nights())?;
    let mut command = genbackup();
    command
        .arg("--fleet")
        .arg(file("post"))
        .args([verb, "--now", NOON, "--runs"])
        .arg(directory.path())
        .stdout(Stdio::from(slave))
        .env("TZ", "UTC")
        .env("TERM", "xterm")
        .envs(variables.iter().copied());
    let mut child = command.spawn()?;
    // Its end of the terminal is closed with the command: then ours ends, too.
    drop(command);
    let mut output = Vec::new();
    let mut chunk = [0; 4096];
    // A terminal that nobody else has open is an error to read (EIO), and the end.
    while let Ok(read @ 1..) = master.read(&mut chunk) {
        output.extend(chunk.iter().take(read));
    }
    child.wait()?;
    let output = String::from_utf8(output)?;
    Ok(output.lines().map(str::to_owned).collect())
}

/// A line without its colours; whatever else a terminal obeys stays.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let is_of_colour = |character: char| character.is_ascii_digit() || character == ';';
        match part.trim_start_matches(is_of_colour).strip_prefix('m') {
            Some(rest) => plain + rest,
            None => plain + "\u{1b}[" + part,
        }
    })
}

#[test]
fn states_have_colours_on_a_terminal_and_nothing_else_is_obeyed() -> Result<()> {
    for verb in ["status", "history"] {
        let lines = on_a_terminal(100, verb, &[])?;
        let colours = lines.iter().filter(|line| line.contains(ESCAPE)).count();
        assert!(colours >= 2, "{lines:#?}");
        for line in &lines {
            assert!(!plain(line).contains(ESCAPE), "{line:?}");
        }
    }
    let lines = on_a_terminal(100, "status", &[])?;
    let ziz = lines
        .iter()
        .find(|line| line.contains(" ziz "))
        .context("no ziz")?;
    assert!(ziz.starts_with("\u{1b}[1m\u{1b}[31mALERT"), "{ziz:?}");
    Ok(())
}

#[test]
fn no_color_and_a_dumb_terminal_remove_the_colours() -> Result<()> {
    for verb in ["status", "history"] {
        for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let lines = on_a_terminal(100, verb, &[variable])?;
            assert!(lines.len() > 3, "{lines:#?}");
            for line in lines {
                assert!(!line.contains(ESCAPE), "{variable:?}: {line:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn output_without_a_terminal_has_no_colours_and_whole_lines() -> Result<()> {
    let directory = records(&nights())?;
    for verb in ["status", "history"] {
        let output = run_verb(verb, directory.path(), NOON, &[])?.stdout;
        assert!(!output.contains(ESCAPE), "{output:?}");
        let long = match verb {
            "status" => "goes on and on/srv/a directory whose name goes on and on/srv/a",
            _ => "the repository's file system is 91% full, and there are many words to say it",
        };
        assert!(output.contains(long), "{output}");
    }
    Ok(())
}

#[test]
fn no_line_is_wider_than_the_terminal() -> Result<()> {
    for columns in [40, 60, 80, 120, 200] {
        for verb in ["status", "history"] {
            let lines = on_a_terminal(columns, verb, &[])?;
            // The first line of status is for machines, too: it stays one.
            let lines = lines.iter().skip(usize::from(verb == "status"));
            for line in lines {
                let wide = textwrap::core::display_width(&plain(line));
                assert!(
                    wide <= usize::from(columns),
                    "{wide} of {columns} columns: {line:?}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn figures_go_before_words_are_broken() -> Result<()> {
    for (columns, shown, gone) in [
        (100, &["ADDED", "FILES"][..], &[][..]),
        (64, &["ADDED"], &["FILES"]),
        (56, &[], &["FILES", "ADDED"]),
    ] {
        let lines = on_a_terminal(columns, "history", &[])?;
        let head = lines.first().context("no head")?;
        let has = |name: &&str| head.contains(*name);
        assert!(
            shown.iter().all(has) && !gone.iter().any(has),
            "{columns}: {head:?}"
        );
        assert!(head.contains("STARTED"), "{head:?}");
    }
    Ok(())
}

#[test]
fn nothing_is_lost_where_lines_are_broken() -> Result<()> {
    let words = |lines: Vec<String>| {
        lines
            .iter()
            .map(|line| plain(line))
            .collect::<String>()
            .replace(' ', "")
    };
    let narrow = words(on_a_terminal(60, "status", &[])?);
    let wide = words(on_a_terminal(2000, "status", &[])?);
    assert_eq!(narrow, wide);
    Ok(())
}

#[test]
fn json_has_no_colours_even_on_a_terminal() -> Result<()> {
    let directory = records(&nights())?;
    for verb in ["status", "history"] {
        let output = run(genbackup()
            .arg("--fleet")
            .arg(file("post"))
            .args([verb, "--json", "--now", NOON, "--runs"])
            .arg(directory.path())
            .env("CLICOLOR_FORCE", "1"))?;
        let output: serde_json::Value = serde_json::from_str(&output.stdout)?;
        assert!(output.is_object() || output.is_array());
    }
    Ok(())
}

#[test]
fn a_reader_may_close_the_pipe_early() -> Result<()> {
    let directory = records(&nights())?;
    for (verb, exit_status) in [("status", 2), ("history", 0), ("metrics", 0)] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = genbackup()
            .arg("--fleet")
            .arg(file("post"))
            .args([verb, "--now", NOON, "--runs"])
            .arg(directory.path())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()?
            .wait_with_output()?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(
            (output.status.code(), stderr.as_str()),
            (Some(exit_status), ""),
            "{verb}"
        );
    }
    Ok(())
}

#[test]
fn what_cannot_be_written_is_an_error() -> Result<()> {
    let directory = records(&nights())?;
    for (verb, exit_status) in [("status", 3), ("history", 1), ("metrics", 1)] {
        let full = File::options().write(true).open("/dev/full")?;
        let output = genbackup()
            .arg("--fleet")
            .arg(file("post"))
            .args([verb, "--now", NOON, "--runs"])
            .arg(directory.path())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()?
            .wait_with_output()?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(exit_status), "{verb}: {stderr}");
        assert!(
            stderr.contains("cannot write to standard output: No space left"),
            "{stderr}"
        );
    }
    Ok(())
}

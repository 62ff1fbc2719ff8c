//! What is shown of a run while it is at work: bars in a real terminal, plain lines elsewhere.

use std::fs;
use std::process::Stdio;

use anyhow::Result;

use crate::program::{Program, Storage};
use crate::pty::terminal;

const STARTED: &str = r#""event":"run-started","run":"20270115T080001Z","hosts":["kai","ziz"]"#;
const AT_WORK: &str = r#""event":"host-started","host":"kai""#;
const PARTIAL: &str = r#""event":"host-finished","host":"kai","status":"partial","seconds":61.5,"why":"missing: /srv/\u001b[2J"#;
const STATUS: &str = "hello restic 0.18.0\nout {\"message_type\":\"status\",\"seconds_remaining\":90,\"percent_done\":0.25,\
                      \"total_files\":9,\"files_done\":2,\"total_bytes\":4000000,\"bytes_done\":1000000}\nout {\"mess";

/// The program in a terminal of so many columns.
fn on_a_terminal(storage: &Storage, columns: u16, variables: &[(&str, &str)]) -> Result<Program> {
    let (master, slave) = terminal(columns)?;
    let mut command = storage.command(&["run"]);
    command.envs(variables.iter().copied());
    let child = command
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(slave)
        .spawn()?;
    // Its end of the terminal is closed with the command: then ours ends, too.
    drop(command);
    Ok(Program::new(child, master))
}

fn partial() -> String {
    format!("{PARTIAL}\"")
}

#[test]
fn lines_say_who_is_at_work_and_how_that_ended() -> Result<()> {
    let storage = Storage::new()?;
    fs::write(storage.path("answers/genbackup-run/kai.answer"), STATUS)?;
    let mut run = storage.start(&["run"])?;
    run.until("a run has been started\n")?;
    storage.record(&[STARTED, AT_WORK])?;
    run.until("kai: at work\n")?;
    storage.record(&[
        STARTED,
        AT_WORK,
        &partial(),
        r#""event":"warning","why":"the clock""#,
    ])?;
    run.until("kai: partial in 1m 1s: missing: /srv/\\u{1b}[2J\n")?;
    run.until("warning: the clock\n")?;
    storage.manager.end("failed", 3)?;
    let (code, said) = run.ended()?;
    assert_eq!(code, Some(3), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(!said.contains("ziz"), "its turn did not come: {said}");
    Ok(())
}

#[test]
fn a_terminal_has_a_bar_for_each_host_with_restic_s_own_figures() -> Result<()> {
    let storage = Storage::new()?;
    fs::write(storage.path("answers/genbackup-run/kai.answer"), STATUS)?;
    let mut run = on_a_terminal(&storage, 100, &[])?;
    run.until("a run has been started")?;
    storage.record(&[STARTED, AT_WORK])?;
    run.until("kai [=====")?;
    run.until("25%, 976.6 KiB of 3.8 MiB, 2 of 9 files, 1m 30s left")?;
    storage.record(&[STARTED, AT_WORK, &partial(), r#""event":"forget-started""#])?;
    run.until("forget [")?;
    storage.manager.end("failed", 3)?;
    let (code, said) = run.ended()?;
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("kai: \u{1b}[1m\u{1b}[33mpartial\u{1b}[0m in"),
        "{said:?}"
    );
    assert!(!said.contains("\u{1b}[2J"), "{said:?}");
    Ok(())
}

#[test]
fn a_bar_is_no_wider_than_its_terminal() -> Result<()> {
    let storage = Storage::new()?;
    fs::write(storage.path("answers/genbackup-run/kai.answer"), STATUS)?;
    let mut run = on_a_terminal(&storage, 40, &[])?;
    run.until("a run has been started")?;
    storage.record(&[STARTED, AT_WORK])?;
    run.until("25%")?;
    storage.manager.end("done", 0)?;
    let (_, said) = run.ended()?;
    let bars: Vec<&str> = said
        .split(['\r', '\n'])
        .filter_map(|line| line.find("kai [").and_then(|start| line.get(start..)))
        .filter_map(|line| line.split('\u{1b}').next())
        .collect();
    assert!(bars.iter().any(|bar| bar.contains("25%")), "{said:?}");
    for bar in bars {
        assert!(textwrap::core::display_width(bar) <= 40, "{bar:?}");
    }
    Ok(())
}

#[test]
fn who_wants_no_colours_gets_none_and_a_dumb_terminal_gets_lines() -> Result<()> {
    for (variable, has_bars) in [(("NO_COLOR", "1"), true), (("TERM", "dumb"), false)] {
        let storage = Storage::new()?;
        let mut run = on_a_terminal(&storage, 100, &[variable])?;
        run.until("a run has been started")?;
        storage.record(&[STARTED, AT_WORK])?;
        run.until("at work")?;
        storage.record(&[STARTED, AT_WORK, &partial()])?;
        run.until("partial in 1m 1s")?;
        storage.manager.end("failed", 3)?;
        let (_, said) = run.ended()?;
        assert!(!said.contains("\u{1b}[33m"), "{said:?}");
        assert_eq!(said.contains("kai ["), has_bars, "{said:?}");
        assert_eq!(said.contains('\u{1b}'), has_bars, "{said:?}");
    }
    Ok(())
}

#[test]
fn where_nothing_can_be_read_the_run_is_waited_for_all_the_same() -> Result<()> {
    let storage = Storage::new()?;
    fs::remove_dir(storage.path("runs"))?;
    // A file where the folder was: root, too, can't read it.
    fs::write(storage.path("runs"), "")?;
    let mut run = storage.start(&["run"])?;
    run.until("how far it comes can't be shown: can't read the folder of the records")?;
    storage.manager.end("done", 0)?;
    assert_eq!(run.ended()?.0, Some(0));
    Ok(())
}

#[test]
fn what_is_noted_beside_the_run_is_not_taken_for_it() -> Result<()> {
    let storage = Storage::new()?;
    let beside = r#"{"event":"run-started","time":"2027-01-15T08:00:00Z","run":"20270115T080000Z","hosts":[],"beside":true}
{"event":"offsite-started","time":"2027-01-15T08:00:00Z"}
"#;
    fs::write(storage.path("runs/20270115T080000Z.jsonl"), beside)?;
    let mut run = storage.start(&["run"])?;
    run.until("a run has been started\n")?;
    storage.record(&[STARTED, AT_WORK])?;
    run.until("kai: at work\n")?;
    storage.manager.end("done", 0)?;
    let (code, said) = run.ended()?;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("offsite"), "{said}");
    Ok(())
}

//! What is shown of a run in progress: bars in a real terminal, plain lines elsewhere.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::program::{Program, Storage};
use crate::pty::terminal;

const STARTED: &str = r#""event":"run-started","run":"20270115T080001Z","hosts":["kai","ziz"]"#;
const HOST_STARTED: &str = r#""event":"host-started","host":"kai""#;
const PARTIAL: &str = r#""event":"host-finished","host":"kai","status":"partial","seconds":61.5,"why":"missing: /srv/\u001b[2J"#;
const STATUS: &str = "hello restic 0.18.0\nout {\"message_type\":\"status\",\"seconds_remaining\":90,\"percent_done\":0.25,\
                      \"total_files\":9,\"files_done\":2,\"total_bytes\":4000000,\"bytes_done\":1000000}\nout {\"mess";

/// The program in a terminal of this number of columns.
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
fn lines_name_the_running_host_and_how_it_ended() -> Result<()> {
    let storage = Storage::new()?;
    fs::write(storage.path("answers/genbackup-run/kai.answer"), STATUS)?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    storage.record(&[STARTED, HOST_STARTED])?;
    run.until("kai: running\n")?;
    storage.record(&[
        STARTED,
        HOST_STARTED,
        &partial(),
        r#""event":"warning","why":"the clock""#,
    ])?;
    run.until("kai: partial in 1m 1s: missing: /srv/\\u{1b}[2J\n")?;
    run.until("warning: the clock\n")?;
    storage.manager.end("failed", 3)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(3), "{printed}");
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
    assert!(!printed.contains("ziz"), "its turn did not come: {printed}");
    let summary = "\nnone of 2 hosts succeeded, in 1s; forget and prune did not start\nerror: at least one snapshot is partial";
    assert!(printed.contains(summary), "{printed}");
    Ok(())
}

#[test]
fn a_terminal_has_a_bar_for_each_host_with_restic_s_own_figures() -> Result<()> {
    let storage = Storage::new()?;
    fs::write(storage.path("answers/genbackup-run/kai.answer"), STATUS)?;
    let mut run = on_a_terminal(&storage, 100, &[])?;
    run.until("a run was started")?;
    storage.record(&[STARTED, HOST_STARTED])?;
    run.until("kai    [=====>              ] 25%, 1m 30s left, 976.6 KiB of 3.8 MiB, 2 of 9 files")?;
    run.until("1 host is waiting")?;
    storage.record(&[STARTED, HOST_STARTED, &partial(), r#""event":"forget-started""#])?;
    run.until("forget running for 59m 58s")?;
    storage.manager.end("failed", 3)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(3), "{printed}");
    assert!(
        printed.contains("kai: \u{1b}[1m\u{1b}[33mpartial\u{1b}[0m in"),
        "{printed:?}"
    );
    assert!(!printed.contains("\u{1b}[2J"), "{printed:?}");
    Ok(())
}

/// The lines of a terminal of this number of columns.
fn lines(printed: &str, columns: u16) -> Vec<String> {
    let mut text = String::new();
    let mut parts = printed.split("\u{1b}[");
    text += parts.next().unwrap_or_default();
    for part in parts {
        let end = part
            .find(|character: char| character.is_ascii_alphabetic())
            .unwrap_or_default();
        text += "\n";
        text += part.get(end + 1..).unwrap_or_default();
    }
    let pieces = text.split(['\r', '\n']);
    // A line that fills the terminal has no other end.
    let lines = pieces.flat_map(|piece| {
        let characters: Vec<char> = piece.chars().collect();
        let lines = characters
            .chunks(usize::from(columns))
            .map(|line| line.iter().collect());
        lines.collect::<Vec<String>>()
    });
    lines.collect()
}

#[test]
fn how_far_and_how_long_are_seen_in_every_width() -> Result<()> {
    let domain = "internal.backup.example.net";
    let hosts = [
        format!("database-1.{domain}"),
        format!("database-2.{domain}"),
        format!("the-machine-with-the-long-name-a.{domain}"),
    ];
    assert_eq!(hosts[2].len(), 60);
    for columns in [100, 80, 60, 40] {
        let storage = Storage::new()?;
        for host in &hosts {
            fs::write(
                storage.path(&format!("answers/genbackup-run/{host}.answer")),
                STATUS,
            )?;
        }
        let mut run = on_a_terminal(&storage, columns, &[])?;
        run.until("a run was started")?;
        let quoted = hosts.each_ref().map(|host| format!("\"{host}\""));
        let started = format!(
            r#""event":"run-started","run":"20270115T080001Z","hosts":[{}]"#,
            quoted.join(",")
        );
        let mut events = vec![started];
        events.extend(quoted.map(|host| format!(r#""event":"host-started","host":{host}"#)));
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        storage.record(&events)?;
        for host in ["database-1", "database-2", "the-ma"] {
            run.until(host)?;
        }
        // The last of them has been drawn, and one has been drawn once more.
        storage.record(&[&events[..], &[r#""event":"forget-started""#]].concat())?;
        run.until("forget")?;
        storage.manager.end("done", 0)?;
        let (_, printed) = run.ended()?;
        let lines = lines(&printed, columns);
        let bars: Vec<&String> = lines.iter().filter(|line| line.contains('%')).collect();
        for name in ["database-1 ", "database-2 ", "the-ma"] {
            let bar = bars.iter().find(|bar| bar.contains(name));
            let bar = bar.with_context(|| format!("no {name} in {printed:?}"))?;
            assert!(bar.contains("25%, 1m 30s left"), "{columns}: {bar:?}");
            assert_eq!(bar.contains('['), columns >= 60, "{columns}: {bar:?}");
        }
        // A line that is too wide continues on another line, which begins with other text.
        let begins = ["database-", "the-ma", "forget", "a run", " "];
        let shown = lines.iter().filter(|line| !line.trim().is_empty());
        for line in shown.take_while(|line| !line.starts_with("none of 3")) {
            assert!(
                begins.iter().any(|begin| line.starts_with(begin)),
                "{columns}: {line:?}"
            );
        }
        let forget = lines.iter().find(|line| line.starts_with("forget"));
        assert!(
            forget.is_some_and(|forget| forget.contains("running for 59m 58s")),
            "{printed:?}"
        );
    }
    Ok(())
}

#[test]
fn who_wants_no_colours_gets_none_and_a_dumb_terminal_gets_lines() -> Result<()> {
    for (variable, has_bars) in [(("NO_COLOR", "1"), true), (("TERM", "dumb"), false)] {
        let storage = Storage::new()?;
        let mut run = on_a_terminal(&storage, 100, &[variable])?;
        run.until("a run was started")?;
        storage.record(&[STARTED, HOST_STARTED])?;
        run.until("running")?;
        storage.record(&[STARTED, HOST_STARTED, &partial()])?;
        run.until("partial in 1m 1s")?;
        storage.manager.end("failed", 3)?;
        let (_, printed) = run.ended()?;
        assert!(!printed.contains("\u{1b}[33m"), "{printed:?}");
        assert_eq!(printed.contains("kai    running for"), has_bars, "{printed:?}");
        assert_eq!(printed.contains('\u{1b}'), has_bars, "{printed:?}");
    }
    Ok(())
}

#[test]
fn where_nothing_can_be_read_the_run_is_waited_for_all_the_same() -> Result<()> {
    let storage = Storage::new()?;
    fs::remove_dir(storage.path("runs"))?;
    // A file where the directory was: even root cannot read it.
    fs::write(storage.path("runs"), "")?;
    let mut run = storage.start(&["run"])?;
    run.until("cannot show the progress: cannot read the directory of the records")?;
    storage.manager.end("done", 0)?;
    assert_eq!(run.ended()?.0, Some(0));
    Ok(())
}

#[test]
fn an_ad_hoc_record_is_not_taken_for_the_run() -> Result<()> {
    let storage = Storage::new()?;
    let ad_hoc = r#"{"event":"run-started","time":"2027-01-15T08:00:00Z","run":"20270115T080000Z","hosts":[],"beside":true}
{"event":"offsite-started","time":"2027-01-15T08:00:00Z"}
"#;
    fs::write(storage.path("runs/20270115T080000Z.jsonl"), ad_hoc)?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    storage.record(&[STARTED, HOST_STARTED])?;
    run.until("kai: running\n")?;
    storage.manager.end("done", 0)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("offsite"), "{printed}");
    Ok(())
}

#[test]
fn the_record_is_that_of_this_time_of_the_unit() -> Result<()> {
    // The stand-in's invocation is one byte, 1.
    for (own, mine) in [
        ("20270115T080003Z", r#","invocation":"01""#),
        // The clock was set between the two.
        ("20270115T073000Z", r#","invocation":"01""#),
        // As an older release wrote it.
        ("20270115T080003Z", ""),
    ] {
        let storage = Storage::new()?;
        let of = |run: &str, host: &str, more: &str, why: &str| {
            let started = format!(r#""event":"run-started","run":"{run}","hosts":["{host}"]{more}"#);
            let ended = format!(r#""event":"host-finished","host":"{host}","status":"failed","why":"{why}""#);
            storage.record_of(run, &[&started, &ended])
        };
        let mut run = storage.start(&["run"])?;
        run.until("a run was started\n")?;
        of("20270615T080000Z", "jak", "", "of the future")?;
        of(
            "20270115T080001Z",
            "kai",
            r#","chosen":true"#,
            "of hosts that were chosen",
        )?;
        of(
            "20270115T080002Z",
            "jak",
            r#","invocation":"02""#,
            "of another time",
        )?;
        of(own, "ziz", mine, "of this run")?;
        run.until("ziz: failed: of this run\n")?;
        storage.manager.end("failed", 1)?;
        let (_, printed) = run.ended()?;
        assert!(
            !printed.contains("jak") && !printed.contains("kai: "),
            "{printed}"
        );
    }
    Ok(())
}

#[test]
fn a_waiting_run_names_what_it_waits_for() -> Result<()> {
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fleets/post/fleet.toml");
    let storage = Storage::new()?;
    storage.manager.world().hosts.active = "activating";
    let mut run = storage.start(&["run", "--fleet", fleet, "ziz", "kai"])?;
    run.until("a run was started\nwaiting for the run of all hosts\n")?;
    // The record of that run does not belong to this one.
    storage.record(&[
        r#""event":"run-started","run":"20270115T080001Z","hosts":["jak","kai","ziz"]"#,
        HOST_STARTED,
    ])?;
    storage.record_of(
        "20270115T080004Z",
        &[
            r#""event":"run-started","run":"20270115T080004Z","hosts":["kai","ziz"],"chosen":true"#,
            r#""event":"host-started","host":"ziz""#,
        ],
    )?;
    run.until("ziz: running\n")?;
    storage.manager.end("done", 0)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("kai: running"), "{printed}");

    let storage = Storage::new()?;
    {
        let mut world = storage.manager.world();
        world.chosen.active = "activating";
        world.maintain.active = "activating";
    }
    let mut run = storage.start(&["run"])?;
    run.until("waiting; these are running, or waiting as well: the run of kai, ziz; forget and prune\n")?;
    Ok(())
}

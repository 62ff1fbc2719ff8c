//! What is reported of the end of forget and prune.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::storage::{Storage, event};

/// Makes restic print and exit with this instead of doing a verb.
fn restic_ends_with(storage: &Storage, verb: &str, output: &str, complaint: &str, code: u8) -> Result<()> {
    fs::write(storage.path("output"), output)?;
    fs::write(storage.path("complaint"), complaint)?;
    let [output, complaint] = ["output", "complaint"].map(|name| storage.path(name).display().to_string());
    storage.restic_does(&format!(
        "[[ $* != *{verb}* ]] || {{ cat {output}; cat {complaint} >&2; exit {code}; }}"
    ))
}

#[test]
fn a_forget_that_could_not_read_or_remove_a_snapshot_failed() -> Result<()> {
    let ignoring = "Load(<snapshot/0ae3ac9825>, 0, 0) failed: open r/snapshots/0ae3: permission denied\n\
                    Ignoring \"0ae3ac98\": failed to load snapshot 0ae3ac98: open r/snapshots/0ae3: permission denied\n";
    let listing = "\nList(snapshot) failed: open r/snapshots: permission denied\n\
                   could not load snapshots: open r/snapshots: permission denied\n";
    let staying = "Remove(<snapshot/1b90e8123a>) failed: remove r/snapshots/1b90: permission denied\n\
                   unable to remove snapshot/1b90 from the repository\n\
                   unable to remove snapshot/0ae3 from the repository\n";
    for (verb, output, complaint, expected) in [
        (
            "snapshots",
            "[]",
            ignoring,
            "a file: Ignoring \"0ae3ac98\": failed to load snapshot",
        ),
        (
            "snapshots",
            "[]",
            listing,
            "a file: could not load snapshots: open r/snapshots",
        ),
        ("forget", "[]", ignoring, "a file: Ignoring \"0ae3ac98\""),
        ("forget", "[]", staying, "2 files: unable to remove snapshot/1b90"),
        ("prune", "", staying, "2 files: unable to remove snapshot/1b90"),
    ] {
        let storage = Storage::new("1 last", "")?;
        storage.night("jak", "2026-11-01 04:00:00", "ok")?;
        restic_ends_with(&storage, verb, output, complaint, 0)?;
        let (ended, events) = storage.maintain()?;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        let phase = if verb == "prune" {
            "prune-finished"
        } else {
            "forget-finished"
        };
        let finished = event(&events, phase)?;
        assert_eq!(finished["status"], "failed", "{finished}");
        let why = finished["why"].as_str().context("no reason")?;
        let expected = format!("restic could not read or remove {expected}");
        assert!(why.starts_with(&expected), "{why}");
    }
    Ok(())
}

#[test]
fn a_reason_ends_before_the_stack_trace_and_holds_no_control_character() -> Result<()> {
    let text = "\u{1b}[2KFatal: unable to open repository at /r: permission denied\r\n\
                github.com/restic/restic/internal/backend/local.(*Local).Open\n\t/build/internal/backend/local/local.go:23\n\
                main.init\n\t/build/cmd/restic/main.go:3\nruntime.goexit\n\t/usr/lib/go/src/runtime/asm_amd64.s:1700\n";
    let json = "{\"message_type\":\"exit_error\",\"code\":3,\"message\":\"failed to remove one or more snapshots\\nmain.init\\n\
                \\tgithub.com/restic/restic/cmd/restic/cmd_forget.go:67\\nruntime.doInit1\\n\\t/usr/lib/go/proc.go:7291\"}\n";
    for (complaint, code, expected) in [
        (
            text,
            1,
            "restic exited with 1: Fatal: unable to open repository at /r: permission denied",
        ),
        (
            json,
            3,
            "restic exited with 3: failed to remove one or more snapshots",
        ),
    ] {
        let storage = Storage::new("1 last", "")?;
        storage.night("jak", "2026-11-01 04:00:00", "ok")?;
        restic_ends_with(&storage, "forget", "", complaint, code)?;
        let forget = storage.forget()?;
        assert_eq!(forget["why"], expected);
        assert_eq!(forget["status"], "failed");
    }
    Ok(())
}

/// Interrupts the script once restic is at that verb; its record.
fn stopped_at(verb: &str) -> Result<Vec<Value>> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    let begun = storage.path("begun");
    // As restic 0.18 does, which exits with 1 then. Its bash must not inherit that the signal is ignored.
    storage.program(
        "waits",
        &format!(
            "trap 'printf \"\\e[2Ksignal interrupt received, cleaning up\\n\" >&2; exit 1' INT\n: >{}\n\
             for ((n = 0; n < 600; n++)); do read -rt 0.1 <> <(:) || true; done",
            begun.display()
        ),
    )?;
    let waits = storage.path("programs/waits").display().to_string();
    storage.restic_does(&format!(
        "[[ $* != *{verb}* ]] || exec env --default-signal=INT {waits}"
    ))?;
    let mut script = storage.command().spawn()?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !begun.exists() {
        ensure!(Instant::now() < deadline, "restic did not start");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(script.id().cast_signed()), Signal::SIGINT)?;
    assert!(!script.wait()?.success());
    storage.newest_record()
}

#[test]
fn a_stopped_phase_is_interrupted_in_the_record() -> Result<()> {
    let events = stopped_at("forget")?;
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(
        names,
        ["run-started", "forget-started", "forget-finished", "run-stopped"]
    );
    let forget = event(&events, "forget-finished")?;
    assert_eq!(forget["status"], "interrupted", "{forget}");
    let why = forget["why"].as_str().context("no reason")?;
    assert!(!why.contains(char::is_control), "{why}");

    let events = stopped_at("prune")?;
    assert_eq!(event(&events, "forget-finished")?["status"], "ok");
    assert_eq!(event(&events, "prune-finished")?["status"], "interrupted");
    event(&events, "run-stopped").map(drop)
}

#[test]
fn a_restic_that_is_not_ready_for_a_signal_yet_is_stopped_all_the_same() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    // What bash starts in the background ignores SIGINT until it asks for it.
    storage.program(
        "waits",
        "trap 'exit 1' INT\nfor ((n = 0; n < 600; n++)); do read -rt 0.1 <> <(:) || true; done",
    )?;
    let waits = storage.path("programs/waits").display().to_string();
    storage.restic_does(&format!(
        "[[ $* != *forget* ]] || {{ kill -INT \"$PPID\"; sleep 0.2; exec env --default-signal=INT {waits}; }}"
    ))?;
    let (ended, events) = storage.maintain()?;
    assert!(!ended.status.success());
    assert_eq!(event(&events, "forget-finished")?["status"], "interrupted");
    event(&events, "run-stopped").map(drop)
}

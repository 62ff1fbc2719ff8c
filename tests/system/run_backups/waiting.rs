//! Only one run at a time: which run waits for what, and for how long.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

use super::{FLEET, Night, SUCCESS};

const RUN_BEFORE: &str = "20261123T040000Z";

fn night(lock_wait: &str) -> Result<Night> {
    let wait = format!("[repository]\nlock-wait = \"{lock_wait}\"");
    let night = Night::of(&FLEET.replace("[repository]", &wait))?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    Ok(night)
}

/// Another process of genbackup, which has the lock of the state directory.
fn lock(state: &Path) -> Result<File> {
    let lock = File::open(state)?;
    lock.lock()?;
    Ok(lock)
}

#[test]
fn a_run_waits_for_the_hosts_of_another_run_to_their_end() -> Result<()> {
    let night = night("1s")?;
    fs::write(night.path("state/current"), "at-work\n")?;
    let held = lock(&night.path("state"))?;
    let other = thread::spawn(move || {
        // Longer than lock-wait.
        thread::park_timeout(Duration::from_millis(2500));
        drop(held);
    });
    let ended = night.run()?;
    assert!(other.is_finished(), "the run did not wait");
    let ends = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
    assert_eq!(night.statuses()?, ends, "{}", ended.stderr);
    Ok(())
}

#[test]
fn a_run_waits_for_forget_and_prune_no_longer_than_for_a_lock() -> Result<()> {
    let night = night("1s")?;
    let held = lock(&night.path("state"))?;
    let ended = night.run()?;
    drop(held);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let why = "forget and prune of the previous run have been running for more than 1 s";
    assert_eq!(ended.stderr.trim_end(), why);
    let ends = night.ends()?;
    let whys: Vec<&str> = ends.iter().filter_map(|event| event["why"].as_str()).collect();
    assert_eq!(whys, [why, why]);
    let record = night.record()?;
    assert_eq!(record[0]["event"], "run-started");
    assert_eq!(record[record.len() - 1]["event"], "run-finished");
    assert!(!night.path("state/current").exists(), "nothing is handed over");
    Ok(())
}

/// Forget and prune of the previous run start after this delay; whether a host was asked before they had the lock.
fn forget_and_prune_start_after(delay: Duration) -> Result<()> {
    let night = night("1h")?;
    night.program(
        "ssh",
        "#!/bin/bash\ntouch \"$ANSWERS/asked\"\nread -r _; read -r _\ncat \"$ANSWERS/${!#}\"\n",
    )?;
    let current = night.path("state/current");
    fs::write(&current, format!("{RUN_BEFORE}\n"))?;
    let (state, asked) = (night.path("state"), night.path("answers/asked"));
    let maintain = thread::spawn(move || -> Result<bool> {
        thread::park_timeout(delay);
        let lock = lock(&state)?;
        let was_asked = asked.exists();
        // They take the record over.
        fs::remove_file(&current)?;
        drop(lock);
        Ok(was_asked)
    });
    let ended = night.run()?;
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    let was_asked = maintain.join().ok().context("forget and prune panicked")??;
    assert!(!was_asked, "the run went first");
    Ok(())
}

#[test]
fn forget_and_prune_of_the_previous_run_go_first() -> Result<()> {
    forget_and_prune_start_after(Duration::ZERO)
}

/// Longer than the 5 s that they have in any case.
#[test]
fn late_forget_and_prune_go_first_too() -> Result<()> {
    forget_and_prune_start_after(Duration::from_secs(7))
}

#[test]
fn other_records_of_the_same_seconds_change_nothing() -> Result<()> {
    let night = night("1h")?;
    let runs = night.path("state/runs");
    fs::create_dir(&runs)?;
    let is_over = AtomicBool::new(false);
    // Takes the names of the current seconds for others, as `genbackup record` does.
    let (ended, others) = thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut others = 0;
            // Two are enough: whoever takes every second leaves none for the run.
            while !is_over.load(Ordering::Relaxed) && others < 2 {
                let name = Timestamp::now().strftime("%Y%m%dT%H%M%SZ.jsonl").to_string();
                if let Ok(mut file) = File::create_new(runs.join(name)) {
                    others += u32::from(std::io::Write::write_all(&mut file, b"other\n").is_ok());
                }
                thread::yield_now();
            }
            others
        });
        let ended = night.run();
        is_over.store(true, Ordering::Relaxed);
        (ended, others.join())
    });
    let ended = ended?;
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    assert!(others.is_ok_and(|others| others > 0));
    let run = fs::read_to_string(night.path("state/current"))?;
    for file in fs::read_dir(&runs)? {
        let file = file?;
        let text = fs::read_to_string(file.path())?;
        if file.file_name().to_string_lossy() == format!("{}.jsonl", run.trim()) {
            assert!(text.starts_with("{\"event\":\"run-started\""), "{text}");
            assert!(
                !text.contains("other") && !text.contains("from the future"),
                "{text}"
            );
        } else {
            assert_eq!(text, "other\n");
        }
    }
    Ok(())
}

#[test]
fn a_record_whose_forget_and_prune_never_come_ends_and_nothing_waits_for_them() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    fs::create_dir(night.path("state/runs"))?;
    let before = night.path("state/runs/20261123T040000Z.jsonl");
    fs::write(
        &before,
        "{\"event\":\"run-started\",\"time\":\"2026-11-23T04:00:00Z\",\"run\":\"20261123T040000Z\",\"hosts\":[]}\n",
    )?;
    let current = night.path("state/current");
    fs::write(&current, "20261123T040000Z\n")?;
    // Left for longer than lock-wait.
    File::options()
        .write(true)
        .open(&current)?
        .set_modified(std::time::SystemTime::now() - Duration::from_secs(2 * 3600))?;
    let start = Instant::now();
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let text = fs::read_to_string(before)?;
    let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(events[1]["event"], "warning");
    assert_eq!(
        events[1]["why"],
        "forget and prune of the run 20261123T040000Z did not start; see `journalctl --unit=genbackup-maintain.service`"
    );
    assert_eq!(events[2]["event"], "run-finished");
    assert_ne!(fs::read_to_string(current)?.trim(), "20261123T040000Z");
    Ok(())
}

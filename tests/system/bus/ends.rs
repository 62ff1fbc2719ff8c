//! How a run ends, as seen from `genbackup run` and `stop`: every result of a job, and none.

use anyhow::Result;

use super::manager::{Answer, CHOSEN, HOSTS, MAINTAIN};
use super::program::Storage;

#[test]
fn every_result_of_the_job_has_its_exit_status_and_its_words() -> Result<()> {
    for (result, script, status, words) in [
        ("done", 0, 0, ""),
        ("failed", 3, 3, "error: at least one snapshot is partial"),
        (
            "failed",
            1,
            1,
            "error: at least one host has no snapshot of this run",
        ),
        (
            "canceled",
            0,
            1,
            "error: genbackup.service was stopped before it finished",
        ),
        ("timeout", 0, 1, "error: genbackup.service timed out"),
        (
            "dependency",
            0,
            1,
            "error: genbackup.service did not start: a unit that it needs did not start",
        ),
        (
            "skipped",
            0,
            1,
            "error: genbackup.service did not start: a condition is not met",
        ),
        (
            "\u{1b}[2J",
            0,
            1,
            "error: the start of genbackup.service ended with the result `\\u{1b}[2J`",
        ),
    ] {
        let storage = Storage::new()?;
        let mut run = storage.start(&["run"])?;
        run.until("a run was started\n")?;
        storage.manager.end(result, script)?;
        let (code, printed) = run.ended()?;
        assert_eq!(code, Some(status), "{result}: {printed}");
        assert!(printed.contains(words), "{result}: {printed}");
        assert_eq!(printed.contains("error:"), status != 0, "{result}: {printed}");
        let asked = storage.manager.world().asked.clone();
        assert_eq!(
            asked,
            ["subscribe".to_owned(), format!("start {HOSTS} replace")],
            "no other order"
        );
    }
    Ok(())
}

#[test]
fn a_unit_that_failed_or_did_not_start_is_no_success() -> Result<()> {
    let words = "error: genbackup.service ";
    for (job, active, result, began, message) in [
        ("failed", "failed", "timeout", true, "timed out"),
        (
            "failed",
            "failed",
            "oom-kill",
            true,
            "failed: oom-kill; see `systemctl status",
        ),
        // As systemd has it where a condition is not met.
        (
            "done",
            "inactive",
            "success",
            false,
            "did not start: a condition is not met",
        ),
    ] {
        let storage = Storage::new()?;
        let mut run = storage.start(&["run"])?;
        run.until("a run was started\n")?;
        storage.manager.end_as(job, |unit| {
            (unit.active, unit.result) = (active, result);
            if !began {
                unit.invocation = vec![0];
            }
        })?;
        let (code, printed) = run.ended()?;
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains(&format!("{words}{message}")), "{printed}");
    }
    Ok(())
}

/// systemd forgets the unit of chosen hosts, since nothing refers to it any more.
#[test]
fn a_unit_that_systemd_forgets_at_its_end_has_run() -> Result<()> {
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fleets/post/fleet.toml");
    let storage = Storage::new()?;
    let mut run = storage.start(&["run", "--fleet", fleet, "kai", "ziz"])?;
    run.until("a run was started\n")?;
    let started = r#""event":"run-started","run":"20270115T080001Z","hosts":["kai","ziz"],"chosen":true"#;
    storage.record(&[started, r#""event":"host-started","host":"ziz""#])?;
    run.until("ziz: running\n")?;
    storage.manager.end_as("done", |unit| {
        unit.active = "inactive";
        unit.invocation = Vec::new();
        unit.began = 0;
    })?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    Ok(())
}

#[test]
fn an_exit_status_of_systemd_s_own_is_none_of_the_hosts() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    storage.manager.end("failed", 226)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    let message = "error: genbackup.service failed before its script started (exit status 226 is systemd's own); see `systemctl status genbackup.service`";
    assert!(printed.contains(message), "{printed}");
    assert!(!printed.contains("no snapshot"), "{printed}");
    Ok(())
}

#[test]
fn forget_and_prune_are_waited_for_and_their_failure_is_the_run_s() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    {
        let mut world = storage.manager.world();
        world.maintain.active = "activating";
        world.maintain.invocation = vec![2];
    }
    storage.manager.end("done", 0)?;
    // `run` has seen the hosts' end, and still waits when the record gets a new line.
    storage.record(&[
        r#""event":"run-started","run":"20270115T080001Z","hosts":["kai","ziz"]"#,
        r#""event":"forget-started""#,
    ])?;
    run.until("forget: running\n")?;
    {
        let mut world = storage.manager.world();
        world.maintain.active = "failed";
        world.maintain.result = "exit-code";
    }
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("error: forget or prune failed; see `systemctl status genbackup-maintain.service`"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn a_failure_of_forget_before_this_run_is_none_of_it() -> Result<()> {
    let storage = Storage::new()?;
    storage.manager.world().maintain.active = "failed";
    storage.manager.world().maintain.result = "exit-code";
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    storage.manager.end("done", 0)?;
    assert_eq!(run.ended()?.0, Some(0));
    Ok(())
}

#[test]
fn a_user_without_the_right_learns_who_has_it() -> Result<()> {
    for (answer, verb) in [
        (Answer::Denied, "run"),
        (Answer::AskForAPassword, "run"),
        (Answer::Denied, "stop"),
    ] {
        let storage = Storage::new()?;
        storage.manager.world().answer = answer;
        if verb == "stop" {
            storage.manager.world().hosts.active = "activating";
        }
        let (code, printed) = storage.start(&[verb])?.ended()?;
        assert_eq!(code, Some(1), "{printed}");
        assert!(
            printed.contains("error: you are not allowed to start or stop genbackup.service"),
            "{printed}"
        );
        assert!(printed.contains("a member of the group `restic`"), "{printed}");
    }
    Ok(())
}

#[test]
fn a_missing_unit_is_named_with_the_command_that_makes_it() -> Result<()> {
    for verb in ["run", "stop"] {
        let storage = Storage::new()?;
        storage.manager.world().hosts.load = "not-found";
        let (code, printed) = storage.start(&[verb])?.ended()?;
        assert_eq!(code, Some(1), "{printed}");
        assert!(
            printed.contains("error: systemd does not know the unit genbackup.service"),
            "{printed}"
        );
        assert!(printed.contains("run `genbackup emit --now`"), "{printed}");
    }
    Ok(())
}

#[test]
fn a_missing_bus_and_a_missing_systemd_are_distinguished() -> Result<()> {
    let mut storage = Storage::new()?;
    storage.manager.go_away()?;
    let (code, printed) = storage.start(&["run"])?.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("error: systemd does not answer"), "{printed}");
    storage.bus.address = "unix:path=/nowhere".to_owned();
    let (code, printed) = storage.start(&["run"])?.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("error: cannot reach the system bus"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn a_systemd_that_starts_anew_costs_nothing() -> Result<()> {
    for ends_while_away in [false, true] {
        for (script, status) in [(0, 0), (3, 3)] {
            let mut storage = Storage::new()?;
            let mut run = storage.start(&["run"])?;
            run.until("a run was started\n")?;
            let result = if script == 0 { "done" } else { "failed" };
            storage.manager.go_away()?;
            if ends_while_away {
                // systemd is not on the bus, so nothing reports it.
                storage.manager.end(result, script)?;
            }
            run.until("systemd does not answer; waiting for it\n")?;
            storage.manager.come_back()?;
            run.until("systemd was restarted; the run continues\n")?;
            if !ends_while_away {
                storage.manager.end(result, script)?;
            }
            let (code, printed) = run.ended()?;
            assert_eq!(code, Some(status), "{printed}");
        }
    }
    Ok(())
}

#[test]
fn ctrl_c_leaves_the_run_alone_and_prints_how_to_stop_it() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    run.interrupt()?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(130), "{printed}");
    assert!(
        printed.contains("the run continues: `genbackup stop` stops it, `genbackup run` follows it again"),
        "{printed}"
    );
    let world = storage.manager.world();
    assert_eq!(world.hosts.active, "activating");
    assert!(
        !world.asked.iter().any(|asked| asked.starts_with("stop")),
        "{:?}",
        world.asked
    );
    drop(world);
    Ok(())
}

#[test]
fn a_run_in_progress_is_followed_and_no_other_is_started() -> Result<()> {
    let storage = Storage::new()?;
    {
        let mut world = storage.manager.world();
        world.hosts.active = "activating";
        world.hosts.has_job = true;
    }
    let mut run = storage.start(&["run"])?;
    run.until("a run is already in progress; no other run is started\n")?;
    // As systemd reports a script that SIGTERM ended during a stop.
    storage.manager.end("canceled", 0)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("was stopped before it finished"), "{printed}");
    assert_eq!(storage.manager.world().asked, ["subscribe"]);
    Ok(())
}

#[test]
fn a_run_that_is_being_stopped_is_no_success() -> Result<()> {
    for (active, job_type, message) in [
        (
            "deactivating",
            Some("stop"),
            "a run is being stopped; no other run is started\n",
        ),
        (
            "activating",
            Some("stop"),
            "a run is being stopped; no other run is started\n",
        ),
    ] {
        for (is, result) in [("inactive", "success"), ("failed", "signal")] {
            let storage = Storage::new()?;
            {
                let mut world = storage.manager.world();
                world.hosts.active = active;
                world.hosts.has_job = job_type.is_some();
                world.hosts.job_type = job_type.unwrap_or_default();
            }
            let mut run = storage.start(&["run"])?;
            run.until(message)?;
            storage
                .manager
                .end_as("done", |unit| (unit.active, unit.result) = (is, result))?;
            let (code, printed) = run.ended()?;
            assert_eq!(code, Some(1), "{printed}");
            assert!(
                printed.contains("genbackup.service was stopped before it finished"),
                "{printed}"
            );
            assert_eq!(storage.manager.world().asked, ["subscribe"]);
        }
    }
    Ok(())
}

#[test]
fn a_run_that_is_ending_is_judged_by_what_becomes_of_its_unit() -> Result<()> {
    for (is, result, status) in [("inactive", "success", 0), ("failed", "oom-kill", 1)] {
        let storage = Storage::new()?;
        storage.manager.world().hosts.active = "deactivating";
        let mut run = storage.start(&["run"])?;
        run.until("a run is just ending; no other run is started\n")?;
        storage
            .manager
            .end_as("done", |unit| (unit.active, unit.result) = (is, result))?;
        let (code, printed) = run.ended()?;
        assert_eq!(code, Some(status), "{printed}");
    }
    Ok(())
}

#[test]
fn done_is_no_success_where_the_unit_failed() -> Result<()> {
    let storage = Storage::new()?;
    let mut run = storage.start(&["run"])?;
    run.until("a run was started\n")?;
    storage
        .manager
        .end_as("done", |unit| (unit.active, unit.result) = ("failed", "signal"))?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("genbackup.service failed: signal"), "{printed}");
    Ok(())
}

#[test]
fn run_without_follow_does_not_wait() -> Result<()> {
    let storage = Storage::new()?;
    let (code, printed) = storage.start(&["run", "--no-follow"])?.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.starts_with("a run was started\n`genbackup stop` stops it"),
        "{printed}"
    );
    assert_eq!(storage.manager.world().hosts.active, "activating");
    Ok(())
}

#[test]
fn stop_stops_the_hosts_first_and_names_what_did_not_run() -> Result<()> {
    let storage = Storage::new()?;
    let (code, printed) = storage.start(&["stop"])?.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(
        printed,
        "the backup of all hosts: not running\nforget and prune: not running\n"
    );
    {
        let mut world = storage.manager.world();
        world.hosts.active = "activating";
        world.maintain.active = "activating";
    }
    let (code, printed) = storage.start(&["stop"])?.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(
        printed,
        "the backup of all hosts: stopped\nforget and prune: stopped\n"
    );
    let asked = storage.manager.world().asked.clone();
    let stops: Vec<&String> = asked.iter().filter(|asked| *asked != "subscribe").collect();
    assert_eq!(
        stops,
        [
            &format!("stop {HOSTS} replace"),
            &format!("stop {MAINTAIN} replace")
        ]
    );
    Ok(())
}

#[test]
fn named_hosts_have_a_separate_unit_and_others_are_refused() -> Result<()> {
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fleets/post/fleet.toml");
    let storage = Storage::new()?;
    // In the fleet's order, and each of them once.
    let mut run = storage.start(&["run", "--fleet", fleet, "ziz", "kai", "ziz"])?;
    run.until("a run was started\n")?;
    storage.manager.end("failed", 3)?;
    let (code, printed) = run.ended()?;
    assert_eq!(code, Some(3), "{printed}");
    // It only waits in the queue.
    {
        let mut world = storage.manager.world();
        world.chosen.active = "inactive";
        world.chosen.has_job = true;
    }
    let (code, printed) = storage.start(&["stop"])?.ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.starts_with("the backup of named hosts: stopped\n"),
        "{printed}"
    );
    let mut asked = storage.manager.world().asked.clone();
    asked.retain(|call| call != "subscribe");
    assert_eq!(
        asked,
        [
            format!("start {CHOSEN} replace"),
            format!("stop {CHOSEN} replace")
        ]
    );

    let (code, printed) = storage.start(&["run", "--fleet", fleet, "zzz", "kai"])?.ended()?;
    assert_eq!(code, Some(1));
    let words = "error: no host that is backed up is named `zzz`\n\nhint: name hosts that are backed up: jak, kai, ziz";
    assert!(printed.contains(words), "{printed}");
    assert_eq!(
        storage.manager.world().asked.len(),
        4,
        "nothing more is asked for"
    );
    Ok(())
}

#[test]
fn a_run_of_the_fleet_names_the_hosts_that_are_not_in_it() -> Result<()> {
    let fleet = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fleets/a-weekly-host/fleet.toml"
    );
    let storage = Storage::new()?;
    let (code, printed) = storage
        .start(&["run", "--fleet", fleet, "--no-follow"])?
        .ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.starts_with(
            "kai, www.example.net have their own schedules, and are not in this run; to back up now, run `genbackup run \
             kai www.example.net`\na run was started\n"
        ),
        "{printed}"
    );
    // Without a fleet file, no host is named, and the run starts.
    let storage = Storage::new()?;
    let (code, printed) = storage
        .start(&["run", "--fleet", "/nonexistent", "--no-follow"])?
        .ended()?;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.starts_with("a run was started\n"), "{printed}");
    Ok(())
}

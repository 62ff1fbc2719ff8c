//! Runs that are in progress, and runs that were interrupted. The fleet `post` gives each host twelve hours.

use anyhow::{Context, Result};
use genbackup::status::{Holder, Now, Present, Progress, State, judge};
use jiff::Timestamp;
use serde_json::json;

use super::{judged, of, verdict_of};
use crate::night::{HOSTS, Night};

/// jak is done, kai is in progress, ziz waits.
fn half_a_night() -> Night {
    Night::at("2026-11-24T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .starts("kai")
}

fn the_night_before() -> Night {
    Night::good("2026-11-23T04:00:00Z", &HOSTS)
}

#[test]
fn a_run_in_progress_postpones_the_warning() -> Result<()> {
    let nights = [the_night_before(), half_a_night()];
    let report = judged("post", &nights, "2026-11-24T06:00:00Z")?;
    assert_eq!(report.run.map(|run| run.progress), Some(Progress::Running));
    let does = |name| anyhow::Ok((of(&report, name)?.verdict.state, of(&report, name)?.verdict.now));
    assert_eq!(does("jak")?, (State::Ok, None));
    assert_eq!(does("kai")?, (State::Ok, Some(Now::Running)));
    assert_eq!(does("ziz")?, (State::Ok, Some(Now::Waiting)));
    assert_eq!(does("prune")?, (State::Ok, Some(Now::Waiting)));
    assert_eq!(report.remarks, []);
    Ok(())
}

#[test]
fn an_alert_stays_one_however_long_a_run_takes() -> Result<()> {
    let nights = [the_night_before(), half_a_night()];
    let report = judged("post", &nights, "2026-11-24T10:00:00Z")?;
    assert_eq!(report.run.map(|run| run.progress), Some(Progress::Running));
    assert_eq!(
        verdict_of(&report, "kai")?,
        (
            "ALERT",
            "the last backup is 1d 5h old, and the run that replaces it is still in progress".to_owned()
        )
    );
    Ok(())
}

#[test]
fn a_record_without_an_end_is_in_progress_within_the_limit() -> Result<()> {
    let nights = [the_night_before(), half_a_night()];
    // Its last line is of 04:01; twelve hours later, and five minutes for the clocks, nobody writes any more.
    for (now, progress) in [
        ("2026-11-24T16:06:00Z", Progress::Running),
        ("2026-11-24T16:06:01Z", Progress::Interrupted),
    ] {
        let report = judged("post", &nights, now)?;
        assert_eq!(report.run.map(|run| run.progress), Some(progress), "{now}");
    }
    Ok(())
}

#[test]
fn an_interrupted_run_is_shown_as_such_and_so_are_its_hosts() -> Result<()> {
    let nights = [the_night_before(), half_a_night()];
    let report = judged("post", &nights, "2026-11-24T17:00:00Z")?;
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    assert_eq!(
        remarks,
        ["the run 20261124T040000Z was interrupted: its record ends after 1m"]
    );
    assert_eq!(verdict_of(&report, "jak")?.0, "OK");
    for host in ["kai", "ziz"] {
        let (state, why) = verdict_of(&report, host)?;
        assert_eq!(state, "ALERT");
        assert_eq!(
            why, "interrupted: the record is incomplete; the last backup is 1d 12h old",
            "{host}"
        );
    }
    Ok(())
}

#[test]
fn a_record_that_breaks_off_before_another_run_is_of_one_that_was_interrupted() -> Result<()> {
    let nights = [
        the_night_before(),
        half_a_night(),
        Night::good("2026-11-24T05:00:00Z", &["jak"]),
    ];
    let report = judged("post", &nights, "2026-11-24T05:10:00Z")?;
    assert_eq!(
        verdict_of(&report, "kai")?.1,
        "interrupted: the record is incomplete; the last backup is 1d 1h old"
    );
    assert_eq!(of(&report, "kai")?.verdict.now, None);
    Ok(())
}

#[test]
fn forget_and_prune_count_as_in_progress() -> Result<()> {
    let night = Night::at("2026-11-24T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .host("kai", "ok")
        .host("ziz", "ok")
        .phase("forget", "ok")
        .begins("prune");
    let report = judged("post", &[the_night_before(), night], "2026-11-24T06:00:00Z")?;
    assert_eq!(of(&report, "forget")?.verdict.now, None);
    assert_eq!(of(&report, "prune")?.verdict.now, Some(Now::Running));
    assert_eq!(report.state(), State::Ok);
    Ok(())
}

#[test]
fn forget_and_prune_alone_are_no_run_that_left_the_hosts_out() -> Result<()> {
    let nights = [
        the_night_before(),
        Night::at("2026-11-23T12:00:00Z", &[]).maintained(),
    ];
    let report = judged("post", &nights, "2026-11-24T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "kai")?.1,
        "the last backup is 1d 7h old, and nothing has been attempted since"
    );
    assert_eq!(verdict_of(&report, "prune")?.0, "OK", "it is of noon");
    Ok(())
}

/// How far the newest run has come, by who holds the lock.
fn progress_when(nights: &[Night], now: &str, holder: Holder) -> Result<Option<Progress>> {
    let fleet = super::fleet("post")?;
    let now = now.parse::<Timestamp>()?;
    let ids = nights.iter().rev().map(Night::id);
    let present = Present { now, holder };
    let report = judge(&fleet, &super::expectations(&fleet), present, ids, |id, about| {
        let night = nights.iter().find(|night| night.id() == id);
        night.context("no such night")?.read(about)
    })?;
    Ok(report.run.map(|run| run.progress))
}

#[test]
fn the_lock_shows_whether_a_run_is_in_progress() -> Result<()> {
    let nights = [the_night_before(), half_a_night()];
    let this = half_a_night().id();
    let other = the_night_before().id();
    let (soon, late) = ("2026-11-24T04:02:00Z", "2026-11-26T04:00:00Z");
    for (now, holder, progress) in [
        (soon, Holder::Unknown, Progress::Running),
        (late, Holder::Unknown, Progress::Interrupted),
        (soon, Holder::Somebody, Progress::Running),
        // Prune may take days, and writes nothing meanwhile.
        (late, Holder::Somebody, Progress::Running),
        (soon, Holder::Nobody, Progress::Interrupted),
        // It may have begun after the lock was looked at.
        ("2026-11-24T04:00:00Z", Holder::Nobody, Progress::Running),
        // Forget and prune are about to begin, or should have long ago.
        (soon, Holder::Next(this), Progress::Running),
        (late, Holder::Next(this), Progress::Interrupted),
        (soon, Holder::Next(other), Progress::Interrupted),
    ] {
        let found = progress_when(&nights, now, holder)?;
        assert_eq!(found, Some(progress), "{now} {holder:?}");
    }
    Ok(())
}

#[test]
fn a_run_that_was_stopped_is_interrupted_at_once() -> Result<()> {
    let stopped = half_a_night().event("run-stopped", json!({"why": "forget or prune was stopped"}));
    let nights = [the_night_before(), stopped];
    let report = judged("post", &nights, "2026-11-24T04:01:30Z")?;
    assert_eq!(report.run.map(|run| run.progress), Some(Progress::Interrupted));
    let why = "interrupted: forget or prune was stopped";
    assert_eq!(verdict_of(&report, "kai")?, ("WARNING", why.to_owned()));
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    let what = "the run 20261124T040000Z was interrupted after 1m: forget or prune was stopped";
    assert_eq!(remarks, [what]);
    Ok(())
}

//! Clocks that are wrong, or were.

use anyhow::Result;
use genbackup::status::{Progress, State};

use super::{judged, of, records, run_verb, verdict_of};
use crate::night::{HOSTS, Night};

fn good(start: &str) -> Night {
    Night::good(start, &HOSTS)
}

#[test]
fn a_record_from_the_future_is_reported_and_makes_no_host_fresh() -> Result<()> {
    let nights = [good("2026-11-20T04:00:00Z"), good("2031-01-01T04:00:00Z")];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(verdict_of(&report, "ziz")?.0, "ALERT");
    let remarks: Vec<_> = report
        .remarks
        .iter()
        .map(|remark| (remark.state, remark.what.as_str()))
        .collect();
    assert_eq!(
        remarks,
        [(
            State::Warning,
            "the record 20310101T040000Z is from the future, and is ignored"
        )]
    );
    Ok(())
}

#[test]
fn a_record_from_the_future_among_good_ones_is_a_warning() -> Result<()> {
    let nights = [good("2026-11-23T04:00:00Z"), good("2031-01-01T04:00:00Z")];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(verdict_of(&report, "ziz")?.0, "OK");
    assert_eq!(report.state(), State::Warning);
    Ok(())
}

#[test]
fn a_clock_that_was_set_back_makes_all_records_those_of_the_future() -> Result<()> {
    let nights = [good("2026-11-22T04:00:00Z"), good("2026-11-23T04:00:00Z")];
    let report = judged("post", &nights, "1970-01-01T00:10:00Z")?;
    assert_eq!(report.state(), State::Never);
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    assert_eq!(
        remarks,
        ["2 records are from the future, and are ignored; the last is 20261123T040000Z"]
    );
    Ok(())
}

#[test]
fn a_clock_that_is_off_by_minutes_changes_nothing() -> Result<()> {
    for now in ["2026-11-23T04:00:00Z", "2026-11-23T03:55:00Z"] {
        let report = judged("post", &[good("2026-11-23T04:00:00Z")], now)?;
        assert_eq!(report.state(), State::Ok, "{now}");
        let age = of(&report, "ziz")?.verdict.age;
        assert_eq!(age.map(|age| age.as_secs()), Some(0), "{now}");
    }
    Ok(())
}

#[test]
fn a_clock_that_jumped_in_the_night_keeps_nobody_fresh() -> Result<()> {
    let night = Night::at("2026-11-20T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .later_at("2031-01-01T04:00:00Z")
        .host("kai", "ok")
        .host("ziz", "ok")
        .maintained();
    let report = judged("post", &[night], "2026-11-23T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "kai")?,
        (
            "ALERT",
            "the last backup is 3d 8h old, and nothing has been attempted since".to_owned()
        )
    );
    Ok(())
}

#[test]
fn an_event_from_the_future_is_no_sign_of_life() -> Result<()> {
    let night = Night::at("2026-11-23T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .later_at("2031-01-01T04:00:00Z")
        .starts("kai");
    let nights = [good("2026-11-22T12:00:00Z"), night];
    let report = judged("post", &nights, "2026-11-23T06:00:00Z")?;
    assert_eq!(report.run.map(|run| run.progress), Some(Progress::Interrupted));
    assert_eq!(verdict_of(&report, "kai")?.0, "WARNING");
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    let what = "the run 20261123T040000Z was interrupted, and the last line of its record is from the future";
    assert_eq!(remarks, [what]);
    Ok(())
}

#[test]
fn a_record_from_the_future_is_a_warning_for_one_host_too() -> Result<()> {
    let directory = records(&[good("2026-11-23T04:00:00Z"), good("2031-01-01T04:00:00Z")])?;
    let all = run_verb("status", directory.path(), "2026-11-23T12:00:00Z", &[])?;
    let one = run_verb(
        "status",
        directory.path(),
        "2026-11-23T12:00:00Z",
        &["--host", "jak"],
    )?;
    assert_eq!((all.status.code(), one.status.code()), (Some(1), Some(1)));
    let first = |output: &str| output.lines().next().map(str::to_owned);
    assert_eq!(first(&all.stdout), first(&one.stdout));
    assert!(
        one.stdout.contains("20310101T040000Z is from the future"),
        "{}",
        one.stdout
    );
    Ok(())
}

//! Hosts with their own schedule. In the fleet `a-weekly-host`, `kai` is backed up on Sundays at noon.
//! `www.example.net` is backed up each hour, and has its own thresholds. `jak` and `ziz` are backed up each
//! night, with the thresholds of `[monitor]`: 25 and 30 hours.

use anyhow::{Context, Result};
use genbackup::model::Fleet;
use genbackup::status::{Expectations, Report, judge};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{fleet, of, records, run_verb_with, verdict_of};
use crate::night::Night;

const FLEET: &str = "a-weekly-host";
const WWW: &str = "www.example.net";
/// The hosts of the fleet's run.
const TOGETHER: [&str; 2] = ["jak", "ziz"];

/// A night of the fleet's run.
fn night(day: u8) -> Night {
    Night::good(&format!("2026-11-{day:02}T04:00:00Z"), &TOGETHER)
}

/// A run of a host alone.
fn alone(host: &str, start: &str, status: &str) -> Night {
    Night::at(start, &[host])
        .of_chosen()
        .host(host, status)
        .maintained()
}

/// How the fleet is, where a week is the longest gap of `kai`.
fn judged(nights: &[Night], now: &str) -> Result<Report> {
    judged_as(&fleet(FLEET)?, nights, now)
}

fn judged_as(fleet: &Fleet, nights: &[Night], now: &str) -> Result<Report> {
    let expectations = Expectations::of(fleet, |calendar| {
        // The calendar of a host that has its own thresholds is not evaluated.
        anyhow::ensure!(
            calendar.to_string().starts_with("Sun"),
            "systemd is asked about {calendar}"
        );
        Ok(Some(SignedDuration::from_hours(7 * 24)))
    })?;
    let newest_first = nights.iter().rev().map(Night::id);
    judge(
        fleet,
        &expectations,
        now.parse::<Timestamp>()?,
        newest_first,
        |id, about| {
            let night = nights.iter().find(|night| night.id() == id);
            night.context("no such night")?.read(about)
        },
    )
}

/// Two weeks of nights; `kai` on the second Sunday alone, which was the 15th, and the other one an hour ago.
fn two_weeks() -> Vec<Night> {
    let mut nights: Vec<Night> = (9..=15).map(night).collect();
    nights.push(alone("kai", "2026-11-15T20:00:00Z", "ok"));
    nights.extend((16..=22).map(night));
    nights
}

#[test]
fn a_weekly_host_is_healthy_for_a_week() -> Result<()> {
    // Its last backup was done on the 15th at 20:01. A week, the fleet's half an hour of delay, and an hour make 169.5
    // hours; a sixth of a week more 197.5.
    for (now, state) in [
        ("2026-11-22T04:30:00Z", "OK"),
        ("2026-11-22T21:31:00Z", "OK"),
        ("2026-11-22T21:31:01Z", "WARNING"),
        ("2026-11-24T01:31:00Z", "WARNING"),
        ("2026-11-24T01:31:01Z", "ALERT"),
    ] {
        let report = judged(&two_weeks(), now)?;
        assert_eq!(verdict_of(&report, "kai")?.0, state, "{now}");
    }
    Ok(())
}

#[test]
fn the_fleet_s_run_has_not_left_it_out_and_advice_names_its_own_timer_and_service() -> Result<()> {
    let report = judged(&two_weeks(), "2026-11-22T22:00:00Z")?;
    let kai = &of(&report, "kai")?.verdict;
    assert_eq!(
        kai.why.as_deref(),
        Some("the last backup is 7d 1h old, and nothing has been attempted since")
    );
    assert_eq!(
        kai.hint.as_deref(),
        Some("on jak, run `systemctl list-timers genbackup-run@kai.timer` to see when the next run starts")
    );
    let www = &of(&report, WWW)?.verdict;
    assert_eq!(
        (www.why.as_deref(), www.hint.as_deref()),
        (
            Some("no backup of this host is recorded"),
            Some("on jak, run `systemctl start genbackup-run@www.example.net.service`")
        )
    );
    let mut nights = two_weeks();
    nights.push(alone("kai", "2026-11-22T20:00:00Z", "failed"));
    let report = judged(&nights, "2026-11-22T22:00:00Z")?;
    assert_eq!(
        of(&report, "kai")?.verdict.hint.as_deref(),
        Some(
            "fix the cause, then on jak, run `systemctl start genbackup-run@kai.service`; see also \
             `systemctl status genbackup-run@kai.service`"
        )
    );
    // The others are as well as the last run of the fleet left them.
    assert_eq!(verdict_of(&report, "ziz")?.0, "OK");
    Ok(())
}

#[test]
fn own_health_of_a_host_overrides_its_schedule_and_the_fleet() -> Result<()> {
    let mut nights = two_weeks();
    nights.push(alone(WWW, "2026-11-22T05:00:00Z", "ok"));
    for (now, state) in [
        ("2026-11-22T08:01:00Z", "OK"),
        ("2026-11-22T08:01:01Z", "WARNING"),
        ("2026-11-22T17:01:00Z", "WARNING"),
        ("2026-11-22T17:01:01Z", "ALERT"),
    ] {
        let report = judged(&nights, now)?;
        assert_eq!(verdict_of(&report, WWW)?.0, state, "{now}");
        assert_eq!(verdict_of(&report, "jak")?.0, "OK", "{now}");
    }
    // And the fleet's own hold for the fleet's run.
    let report = judged(&nights, "2026-11-23T05:02:01Z")?;
    assert_eq!(verdict_of(&report, "jak")?.0, "WARNING");
    Ok(())
}

#[test]
fn a_host_is_looked_for_as_far_back_as_its_own_threshold_reaches() -> Result<()> {
    // The others each twenty minutes: more records than are read for an alert that comes after 30 hours.
    let start: Timestamp = "2026-11-15T12:00:00Z".parse()?;
    let runs = 590;
    let mut nights = vec![alone("kai", &start.to_string(), "ok")];
    nights.extend((1..=runs).map(|number| {
        let start = start + SignedDuration::from_mins(20) * number;
        Night::good(&start.to_string(), &TOGETHER)
    }));
    let now = start + SignedDuration::from_mins(20) * runs;
    let mut fleet = fleet(FLEET)?;
    for client in fleet
        .remote
        .iter_mut()
        .flat_map(|remote| remote.clients.values_mut())
    {
        client.may_be_absent = None;
    }
    let report = judged_as(&fleet, &nights, &now.to_string())?;
    assert_eq!(verdict_of(&report, "kai")?.0, "WARNING");
    Ok(())
}

#[test]
fn an_interrupted_run_of_a_host_schedule_is_restarted_alone() -> Result<()> {
    let mut nights = two_weeks();
    nights.push(
        Night::at("2026-11-22T20:00:00Z", &["kai"])
            .of_chosen()
            .starts("kai"),
    );
    let report = judged(&nights, "2026-11-23T20:00:00Z")?;
    let remark = report.remarks.first().context("no remark")?;
    assert_eq!(
        remark.hint.as_deref(),
        Some("on jak, run `systemctl start genbackup-run@kai.service`")
    );
    Ok(())
}

#[test]
fn thresholds_follow_the_longest_gap_of_each_calendar() -> Result<()> {
    let directory = records(&two_weeks())?;
    let now = "2026-11-22T05:00:00Z";
    let output = run_verb_with(FLEET, "status", directory.path(), now, &["--json"])?;
    let output: Value = serde_json::from_str(&output.stdout).context(output.stderr)?;
    let of = |value: &Value| ["warn-after-seconds", "alert-after-seconds"].map(|key| value[key].as_i64());
    let of_host = |name: &str| {
        let hosts = output["hosts"].as_array().into_iter().flatten();
        hosts.filter(|host| host["name"] == name).map(of).next()
    };
    let hours = |warn: i64, alert: i64| [warn, alert].map(|hours| Some(hours * 3600));
    assert_eq!(of(&output), hours(25, 30));
    assert_eq!(of_host("ziz"), Some(hours(25, 30)));
    assert_eq!(
        of_host("kai"),
        Some([169, 197].map(|hours| Some(hours * 3600 + 1800)))
    );
    assert_eq!(of_host(WWW), Some(hours(3, 12)));
    let metrics = run_verb_with(FLEET, "metrics", directory.path(), now, &[])?.stdout;
    for line in [
        "genbackup_alert_after_seconds 108000",
        "genbackup_host_alert_after_seconds{host=\"kai\"} 711000",
        "genbackup_host_warn_after_seconds{host=\"www.example.net\"} 10800",
        "genbackup_host_alert_after_seconds{host=\"ziz\"} 108000",
        "genbackup_phase_warn_after_seconds{phase=\"forget\"} 90000",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "no `{line}` in {metrics}"
        );
    }
    Ok(())
}

//! Phases that no run does: one that the fleet file expects is judged as the others are, by its own thresholds.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::model::Fleet;
use genbackup::runs::record::{About, Run};
use genbackup::status::{Expectations, Report, State, judge};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{file, of, records, verdict_of};
use crate::command::{Outcome, genbackup, run};
use crate::night::{HOSTS, Night};

const OFFSITE: &str = "[monitor.offsite]\nwarn-after = \"26h\"\nalert-after = \"3d\"\n";
const DRILL: &str = "[monitor.drill]\nwarn-after = \"32d\"\nalert-after = \"40d\"\n";

/// The fleet `post`, which expects these phases, too.
fn text(phases: &[&str]) -> Result<String> {
    let post = std::fs::read_to_string(file("post"))?;
    Ok([&[post.as_str()], phases].concat().join("\n"))
}

fn fleet(phases: &[&str]) -> Result<Fleet> {
    match resolve(read("fleet.toml", &text(phases)?)) {
        Ok(fleet) => Ok(fleet),
        Err(problems) => bail!("{problems:?}"),
    }
}

/// The state of that fleet, from nights that are given oldest first, and the number of nights that were read.
fn judged(phases: &[&str], nights: &[Night], now: &str) -> Result<(Report, usize)> {
    let fleet = fleet(phases)?;
    let expectations = Expectations::of(&fleet, |_| anyhow::Ok(None))?;
    let mut count = 0;
    let report = judge(
        &fleet,
        &expectations,
        now.parse::<Timestamp>()?,
        nights.iter().rev().map(Night::id),
        |id, about| {
            count += 1;
            let night = nights.iter().find(|night| night.id() == id);
            night.context("no such night")?.read(about)
        },
    )?;
    Ok((report, count))
}

fn hint(report: &Report, name: &str) -> Result<String> {
    of(report, name)?.verdict.hint.clone().context("no hint")
}

/// The output of a verb, with that fleet.
fn run_verb(verb: &str, phases: &[&str], nights: &[Night], arguments: &[&str]) -> Result<Outcome> {
    let directory = TempDir::new()?;
    let file: PathBuf = directory.path().join("fleet.toml");
    std::fs::write(&file, text(phases)?)?;
    run(genbackup()
        .arg("--fleet")
        .arg(file)
        .args([verb, "--now", "2026-11-23T12:00:00Z", "--runs"])
        .arg(records(nights)?.path())
        .args(arguments)
        .env("TZ", "UTC"))
}

fn last_night() -> Night {
    Night::good("2026-11-23T04:00:00Z", &HOSTS)
}

#[test]
fn unexpected_phases_are_not_reported_and_missing_have_a_hint() -> Result<()> {
    let now = "2026-11-23T12:00:00Z";
    let failed = Night::ad_hoc("2026-11-23T09:00:00Z", "offsite", "failed");
    let (report, _) = judged(&[], &[last_night(), failed], now)?;
    assert_eq!(report.state(), State::Ok);
    assert!(of(&report, "offsite").is_err());
    let (report, _) = judged(&[OFFSITE, DRILL], &[last_night()], now)?;
    assert_eq!(report.state(), State::Never);
    let named: Vec<&str> = report.phases.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(named, ["forget", "prune", "drill", "offsite"]);
    assert_eq!(
        verdict_of(&report, "offsite")?,
        ("NEVER", "no offsite copy is recorded".to_owned())
    );
    assert_eq!(
        hint(&report, "offsite")?,
        "on jak, run it with `genbackup record offsite -- …`"
    );
    assert_eq!(verdict_of(&report, "drill")?.1, "no drill is recorded");
    Ok(())
}

#[test]
fn it_is_late_by_its_own_thresholds_to_the_second() -> Result<()> {
    // It was over at 09:01.
    let nights = [
        Night::ad_hoc("2026-11-20T09:00:00Z", "offsite", "ok"),
        Night::good("2026-11-21T04:00:00Z", &HOSTS),
    ];
    for (now, state) in [
        ("2026-11-21T11:01:00Z", "OK"),
        ("2026-11-21T11:01:01Z", "WARNING"),
        ("2026-11-23T09:01:00Z", "WARNING"),
        ("2026-11-23T09:01:01Z", "ALERT"),
    ] {
        let (report, _) = judged(&[OFFSITE], &nights, now)?;
        assert_eq!(verdict_of(&report, "offsite")?.0, state, "{now}");
    }
    let (report, _) = judged(&[OFFSITE], &nights, "2026-11-22T10:01:00Z")?;
    assert_eq!(
        verdict_of(&report, "offsite")?.1,
        "the last offsite copy is 2d 1h old, and nothing has been attempted since"
    );
    assert_eq!(
        hint(&report, "offsite")?,
        "on jak, find out why `genbackup record offsite -- …` has not run since; `systemctl list-timers` lists the \
         timers"
    );
    let since = of(&report, "offsite")?.verdict.since.context("no time")?;
    assert_eq!(since.time.to_string(), "2026-11-21T11:01:00Z");
    Ok(())
}

#[test]
fn one_that_failed_is_a_warning_and_an_alert_once_the_last_good_one_is_too_old() -> Result<()> {
    for (status, why, advice) in [
        (
            "failed",
            "failed: offsite is not well",
            "fix the cause, then on jak, run it again with `genbackup record offsite -- …`; its output is in the \
             journal",
        ),
        (
            "interrupted",
            "interrupted: offsite is not well",
            "on jak, run it again with `genbackup record offsite -- …`",
        ),
    ] {
        let nights = [
            Night::ad_hoc("2026-11-22T09:00:00Z", "offsite", "ok"),
            last_night(),
            Night::ad_hoc("2026-11-23T09:00:00Z", "offsite", status),
        ];
        let (report, _) = judged(&[OFFSITE], &nights, "2026-11-23T09:05:00Z")?;
        assert_eq!(verdict_of(&report, "offsite")?, ("WARNING", why.to_owned()));
        assert_eq!(hint(&report, "offsite")?, advice);
        assert_eq!(report.summary(), format!("genbackup WARNING: offsite: {why}"));
        let (report, _) = judged(&[OFFSITE], &nights, "2026-11-25T09:05:00Z")?;
        let old = format!("{why}; the last offsite copy is 3d old");
        assert_eq!(verdict_of(&report, "offsite")?, ("ALERT", old));
    }
    Ok(())
}

#[test]
fn no_run_in_progress_makes_up_for_it() -> Result<()> {
    let nights = [
        Night::ad_hoc("2026-11-21T09:00:00Z", "offsite", "ok"),
        Night::good("2026-11-23T04:00:00Z", &HOSTS),
        Night::at("2026-11-24T04:00:00Z", &HOSTS).starts("jak"),
    ];
    let (report, _) = judged(&[OFFSITE, DRILL], &nights, "2026-11-24T04:30:00Z")?;
    assert_eq!(of(&report, "prune")?.verdict.state, State::Ok);
    assert!(of(&report, "prune")?.verdict.now.is_some());
    for phase in ["offsite", "drill"] {
        let verdict = &of(&report, phase)?.verdict;
        assert_eq!((verdict.now, verdict.state > State::Ok), (None, true), "{phase}");
    }
    Ok(())
}

#[test]
fn forget_and_prune_may_have_thresholds_of_their_own() -> Result<()> {
    let prune = "[monitor.prune]\nwarn-after = \"8d\"\nalert-after = \"10d\"\n";
    let nights = [
        Night::good("2026-11-20T04:00:00Z", &HOSTS),
        last_night().phase("forget", "ok"),
    ];
    let (report, _) = judged(&[prune], &nights[..1], "2026-11-22T04:00:00Z")?;
    assert_eq!(verdict_of(&report, "forget")?.0, "ALERT");
    assert_eq!(verdict_of(&report, "prune")?.0, "OK");
    Ok(())
}

#[test]
fn without_thresholds_of_the_fleet_those_of_the_hosts_follow_the_schedule() -> Result<()> {
    let post = std::fs::read_to_string(file("post"))?;
    let (before, _) = post.split_once("[monitor]").context("no thresholds")?;
    let fleet = resolve(read("fleet.toml", &format!("{before}{OFFSITE}")));
    let fleet = fleet.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    assert_eq!(fleet.monitor, None);
    let day = SignedDuration::from_hours(24);
    let expectations = Expectations::of(&fleet, |_| anyhow::Ok(Some(day)))?;
    assert_eq!(expectations.of_fleet().warn_after.as_hours(), 25);
    let offsite = expectations.of_phase(genbackup::runs::record::Phase::Offsite);
    assert_eq!(
        (offsite.warn_after.as_hours(), offsite.alert_after.as_hours()),
        (26, 72)
    );
    Ok(())
}

#[test]
fn status_and_metrics_report_it_and_it_decides_the_exit_status() -> Result<()> {
    let nights = [
        Night::ad_hoc("2026-11-20T09:00:00Z", "offsite", "ok"),
        last_night(),
        Night::ad_hoc("2026-11-23T11:00:00Z", "drill", "ok"),
    ];
    let phases = [OFFSITE, DRILL];
    let output = run_verb("status", &phases, &nights, &[])?;
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(2), ""));
    for line in [
        "genbackup ALERT: offsite: the last offsite copy is 3d 2h old, and nothing has been attempted since\n",
        "OK       drill    59m ago, 2026-11-23 11:01\n",
        "ALERT    offsite  3d 2h ago, 2026-11-20 09:01\n",
        "         hint: on jak, find out why `genbackup record offsite -- …` has not run since",
    ] {
        assert!(output.stdout.contains(line), "no `{line}` in {}", output.stdout);
    }
    let json: Value = serde_json::from_str(&run_verb("status", &phases, &nights, &["--json"])?.stdout)?;
    let offsite = json["phases"].as_array().and_then(|phases| phases.last());
    let offsite = offsite.context("no phases")?;
    assert_eq!(
        [
            &offsite["name"],
            &offsite["state"],
            &offsite["warn-after-seconds"],
            &offsite["alert-after-seconds"],
            &json["run"]["run"],
        ],
        [
            &json!("offsite"),
            &json!("alert"),
            &json!(26 * 3600),
            &json!(72 * 3600),
            &json!("20261123T040000Z"),
        ]
    );
    let metrics = run_verb("metrics", &phases, &nights, &[])?.stdout;
    for line in [
        "genbackup_phase_state{phase=\"drill\"} 0",
        "genbackup_phase_state{phase=\"offsite\"} 2",
        // 2026-11-20T09:01:00Z
        "genbackup_phase_last_success_timestamp_seconds{phase=\"offsite\"} 1795165260",
        "genbackup_phase_duration_seconds{phase=\"offsite\"} 60",
        "genbackup_phase_alert_after_seconds{phase=\"offsite\"} 259200",
        "genbackup_phase_alert_after_seconds{phase=\"prune\"} 100800",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "no `{line}` in {metrics}"
        );
    }
    Ok(())
}

#[test]
fn one_of_a_month_ago_is_found_behind_all_the_nights_since_and_no_further() -> Result<()> {
    let start: Timestamp = "2026-09-01T04:00:00Z".parse()?;
    let night = |day: i64| start + SignedDuration::from_hours(24 * day);
    let mut nights: Vec<Night> = (0..80)
        .map(|day| Night::good(&night(day).to_string(), &HOSTS))
        .collect();
    let drilled = (night(45) + SignedDuration::from_hours(5)).to_string();
    nights.insert(46, Night::ad_hoc(&drilled, "drill", "ok"));
    let now = (night(79) + SignedDuration::from_hours(1)).to_string();
    let (report, read) = judged(&[DRILL], &nights, &now)?;
    assert_eq!(verdict_of(&report, "drill")?.0, "WARNING");
    assert_eq!(
        verdict_of(&report, "drill")?.1,
        "the last drill is 33d 19h old, and nothing has been attempted since"
    );
    assert_eq!(read, 35);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn skipped_records_change_no_verdict_of_a_phase(
        nights in prop::collection::vec((0..5_usize, 0..3_usize, prop::bool::ANY), 1..16),
        hours in 0..100_i64,
    ) {
        let start: Timestamp = "2026-11-01T04:00:00Z".parse().unwrap();
        let night = |(number, (what, status, has_end)): (i64, &(usize, usize, bool))| {
            let start = (start + SignedDuration::from_hours(24 * number)).to_string();
            let status = ["ok", "failed", "interrupted"][*status];
            match (what, has_end) {
                (0, _) => Night::ad_hoc(&start, "offsite", status),
                (1, _) => Night::ad_hoc(&start, "drill", status),
                (2, _) => Night::ad_hoc(&start, "check", status),
                (_, true) => Night::at(&start, &HOSTS).host("jak", status).maintained(),
                (_, false) => Night::at(&start, &HOSTS).host("jak", status).starts("kai"),
            }
        };
        let nights: Vec<Night> = (0..).zip(&nights).map(night).collect();
        let fleet = fleet(&[OFFSITE, DRILL]).unwrap();
        let expectations = Expectations::of(&fleet, |_| anyhow::Ok(None)).unwrap();
        let now = nights.last().unwrap().id().start() + SignedDuration::from_hours(hours);
        let judged = |read: fn(&Night, Option<About>) -> Result<Run>| {
            let ids = nights.iter().rev().map(Night::id);
            let find = |id, about| read(nights.iter().find(|night| night.id() == id).unwrap(), about);
            judge(&fleet, &expectations, now, ids, find).unwrap()
        };
        prop_assert_eq!(judged(|night, _| night.read(None)), judged(Night::read));
    }
}

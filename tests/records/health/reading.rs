//! No more is read than the answer needs, and skipped records change nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a time that a test makes up is one, or the test fails"
)]

use std::cell::Cell;

use anyhow::Result;
use genbackup::runs::record::{About, Run, RunId};
use genbackup::status::{Report, State, judge};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{expectations, fleet, of};
use crate::night::{HOSTS, Night};

const NOW: &str = "2026-11-23T12:00:00Z";
/// Ten years.
const NIGHTS: i32 = 3650;

/// Nights, the newest first.
fn ids(nights: i32) -> impl Iterator<Item = RunId> {
    let newest: Timestamp = "2026-11-23T04:00:00Z".parse().unwrap();
    (0..nights).map(move |night| {
        let start = newest - SignedDuration::from_hours(24) * night;
        start.strftime("%Y%m%dT%H%M%SZ").to_string().parse().unwrap()
    })
}

/// The report on ten years of nights of which all are like one, and how many were read.
fn report_on(night: impl Fn(&str) -> Night) -> Result<(Report, usize)> {
    let fleet = fleet("post")?;
    let expectations = expectations(&fleet);
    let read = Cell::new(0);
    let report = judge(
        &fleet,
        &expectations,
        NOW.parse::<Timestamp>()?,
        ids(NIGHTS),
        |id, about| {
            read.set(read.get() + 1);
            night(&id.start().to_string()).read(about)
        },
    )?;
    Ok((report, read.get()))
}

#[test]
fn of_ten_good_years_one_night_is_read() -> Result<()> {
    let (_, read) = report_on(|start| Night::good(start, &HOSTS))?;
    assert_eq!(read, 1);
    Ok(())
}

#[test]
fn a_host_without_a_snapshot_has_every_record_read() -> Result<()> {
    let night = |start: &str| {
        let night = Night::at(start, &HOSTS).host("jak", "ok").host("kai", "ok");
        night.host("ziz", "failed").maintained()
    };
    let (report, read) = report_on(night)?;
    assert_eq!(read, usize::try_from(NIGHTS)?);
    let ziz = &of(&report, "ziz")?.verdict;
    assert_eq!(ziz.state, State::Never);
    assert_eq!(
        ziz.since.map(|since| since.time.to_string()).as_deref(),
        Some("2016-11-26T04:03:00Z")
    );
    Ok(())
}

/// Runs of every hour, the newest first, of which all but the oldest are failures of ziz.
fn failures_since_a_good_run(runs: i32) -> Vec<Night> {
    let newest: Timestamp = "2026-11-23T11:00:00Z".parse().unwrap();
    (0..runs)
        .map(|run| {
            let start = (newest - SignedDuration::from_hours(1) * run).to_string();
            let night = Night::at(&start, &HOSTS).host("jak", "ok").host("kai", "ok");
            let end = if run == runs - 1 { "ok" } else { "failed" };
            night.host("ziz", end).maintained()
        })
        .collect()
}

#[test]
fn hundreds_of_failures_do_not_hide_the_last_complete_backup() -> Result<()> {
    let nights = failures_since_a_good_run(700);
    let fleet = fleet("post")?;
    let ids = nights.iter().map(Night::id);
    let report = judge(
        &fleet,
        &expectations(&fleet),
        NOW.parse::<Timestamp>()?,
        ids,
        |id, about| nights.iter().find(|night| night.id() == id).unwrap().read(about),
    )?;
    let ziz = &of(&report, "ziz")?.verdict;
    assert_eq!(ziz.state, State::Alert);
    assert_eq!(ziz.age.map(|age| age.as_hours()), Some(699));
    let metrics = genbackup::report::metrics::text(&report)?;
    let line = "genbackup_last_success_timestamp_seconds{host=\"ziz\"} ";
    assert!(metrics.contains(line), "{metrics}");
    Ok(())
}

/// What may happen to a host, or to a phase, in a night: nothing, a beginning, or an end.
const ENDS: [&str; 8] = [
    "",
    "starts",
    "ok",
    "ok",
    "partial",
    "failed",
    "unreachable",
    "busy",
];

/// A night on which each host and each phase ends as given; some nights break off before the end.
fn night((number, ends, breaks_off): (usize, [usize; 5], bool)) -> Night {
    let start: Timestamp = "2026-11-01T04:00:00Z".parse().unwrap();
    let start = start + SignedDuration::from_hours(24) * i32::try_from(number).unwrap();
    let named = HOSTS.into_iter().zip(ends).filter(|(_, end)| *end != 0);
    let hosts: Vec<&str> = named.map(|(host, _)| host).collect();
    let mut night = Night::at(&start.to_string(), &hosts);
    for (name, end) in HOSTS.into_iter().chain(["forget", "prune"]).zip(ends) {
        let end = ENDS[end];
        night = match (end, HOSTS.contains(&name)) {
            ("", _) => night,
            ("starts", true) => night.starts(name),
            ("starts", false) => night.begins(name),
            (end, true) => night.host(name, end),
            (end, false) => night.phase(name, end),
        };
    }
    if breaks_off { night } else { night.ends() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn skipped_records_change_no_verdict(
        nights in prop::collection::vec((prop::array::uniform5(0..ENDS.len()), prop::bool::ANY), 1..12),
        hours in 0..100_i64,
    ) {
        let nights = nights.into_iter().enumerate();
        let nights: Vec<Night> = nights.map(|(number, (ends, breaks_off))| night((number, ends, breaks_off))).collect();
        let fleet = fleet("post").unwrap();
        let expectations = expectations(&fleet);
        let last = nights.last().unwrap().id().start();
        let now = last + SignedDuration::from_hours(hours);
        let judged = |read: fn(&Night, Option<About>) -> Result<Run>| {
            let ids = nights.iter().rev().map(Night::id);
            let find = |id, about| read(nights.iter().find(|night| night.id() == id).unwrap(), about);
            judge(&fleet, &expectations, now, ids, find).unwrap()
        };
        let whole = judged(|night, _| night.read(None));
        let in_part = judged(Night::read);
        prop_assert_eq!(whole, in_part);
    }
}

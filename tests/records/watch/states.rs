//! From states to messages: one when a state gets worse, and one when it recovers.

use std::convert::Infallible;

use anyhow::Result;
use genbackup::notify::{Finding, Memory, Message, Transition, findings};
use genbackup::runs::record::{CopyFigures, Phase, Status};
use genbackup::status::{Expectations, State, judge};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::server::Server;
use super::site::{HOSTS, Site, at, night, table};
use crate::night::{Night, add_ad_hoc};

fn finding(subject: &str, state: State) -> Finding {
    Finding {
        subject: subject.to_owned(),
        state,
        since: None,
        why: Some("it is not well".to_owned()),
        hint: None,
        grace: None,
    }
}

/// The words of the messages while one subject goes through these states, in their order.
fn words_for(states: &[State]) -> Vec<&'static str> {
    let mut memory = Memory::default();
    let note = |(hour, state): (i64, &State)| {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        memory.note("jak", &[finding("kai", *state)], now)
    };
    let messages: Vec<Message> = (0..).zip(states).filter_map(note).collect();
    messages
        .iter()
        .flat_map(|message| &message.changes)
        .map(genbackup::notify::Change::word)
        .collect()
}

#[test]
fn one_message_when_it_gets_worse_and_one_when_it_recovers() {
    use State::{Alert, Never, Ok, Warning};
    for (states, expected) in [
        (&[Ok, Ok][..], &[][..]),
        (&[Warning, Warning, Ok, Ok], &["WARNING", "resolved"]),
        (&[Warning, Alert, Alert, Ok], &["WARNING", "ALERT", "resolved"]),
        // A WARNING after an ALERT is no recovery, and an ALERT after that is not worse than the first.
        (&[Alert, Warning, Alert, Warning, Ok], &["ALERT", "resolved"]),
        (
            &[Warning, Never, Alert, Ok],
            &["WARNING", "NEVER", "ALERT", "resolved"],
        ),
        (&[Ok, Warning, Ok, Warning], &["WARNING", "resolved", "WARNING"]),
    ] {
        assert_eq!(words_for(states), expected, "{states:?}");
    }
}

#[test]
fn changes_at_the_same_time_are_one_message() {
    let mut memory = Memory::default();
    let all: Vec<_> = (0..1000)
        .map(|n| finding(&format!("host-{n}"), State::Warning))
        .collect();
    let message = memory.note("jak", &all, Timestamp::UNIX_EPOCH);
    let title = message.map(|message| message.title());
    assert_eq!(
        title.as_deref(),
        Some("WARNING: host-0, host-1, host-2 and 997 more")
    );
}

#[test]
fn what_was_never_tried_has_a_night_to_begin_with() {
    let mut memory = Memory::default();
    let new = [Finding {
        grace: Some(SignedDuration::from_hours(24)),
        ..finding("kai", State::Never)
    }];
    for (hour, is_sent) in [(0, false), (23, false), (25, true), (26, false)] {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        assert_eq!(memory.note("jak", &new, now).is_some(), is_sent, "{hour}");
    }
}

/// The hours from now at which a host that was never tried is notified. A clock that was ahead has seen it
/// first.
fn notified_after_a_clock_was_ahead(ahead: SignedDuration) -> Vec<i64> {
    let mut memory = Memory::default();
    let new = [Finding {
        grace: Some(SignedDuration::from_hours(24)),
        ..finding("kai", State::Never)
    }];
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(memory.note("jak", &new, now + ahead), None);
    let looks = (0..60).step_by(6);
    looks
        .filter(|hour| {
            let message = memory.note("jak", &new, now + SignedDuration::from_hours(*hour));
            message.is_some()
        })
        .collect()
}

#[test]
fn a_clock_that_was_far_ahead_silences_nothing() {
    let years = SignedDuration::from_hours(9 * 365 * 24);
    assert_eq!(
        notified_after_a_clock_was_ahead(years),
        [0],
        "once, and not resolved"
    );
}

#[test]
fn a_clock_that_was_a_little_ahead_costs_no_false_alarm() {
    let minute = SignedDuration::from_mins(1);
    assert_eq!(notified_after_a_clock_was_ahead(minute), [30], "after its grace");
}

#[test]
fn a_weekly_host_has_a_week_to_begin_with() -> Result<()> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fleets/a-weekly-host/fleet.toml"
    ))?;
    let fleet = genbackup::config::resolve::resolve(genbackup::config::file::read("fleet.toml", &text))
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let week = Some(SignedDuration::from_hours(7 * 24));
    let Ok(expectations) = Expectations::of(&fleet, |_| Ok::<_, Infallible>(week));
    let mut memory = Memory::default();
    let mut notified = Vec::new();
    for hour in (0..240).step_by(6) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let nothing = |_, _| anyhow::bail!("there is no record");
        let report = judge(&fleet, &expectations, now, [], nothing)?;
        let message = memory.note("jak", &findings(&report), now);
        let changes = message.into_iter().flat_map(|message| message.changes);
        notified.extend(changes.map(|change| (hour, change.subject)));
    }
    let first = |subject: &str| {
        notified
            .iter()
            .find(|(_, changed)| changed == subject)
            .map(|(hour, _)| *hour)
    };
    // 3 hours, 25 hours, a week and an hour and a half: and a look each six hours.
    assert_eq!(first("www.example.net"), Some(6));
    assert_eq!(first("ziz"), Some(30));
    assert_eq!(first("kai"), Some(174));
    Ok(())
}

#[test]
fn a_host_that_leaves_the_fleet_is_forgotten_silently() {
    let mut memory = Memory::default();
    let now = Timestamp::UNIX_EPOCH;
    assert!(memory.note("jak", &[finding("kai", State::Alert)], now).is_some());
    assert_eq!(memory.note("jak", &[], now), None);
    assert!(memory.note("jak", &[finding("kai", State::Alert)], now).is_some());
}

#[test]
fn a_late_or_failed_copy_is_notified_once_and_its_recovery_once() -> Result<()> {
    let server = Server::good()?;
    let offsite = "[monitor.offsite]\nwarn-after = \"26h\"\nalert-after = \"3d\"\n";
    let site = Site::new(&format!("{}\n{offsite}", table("team", "webhook")))?;
    site.credential("team", &server.secret_address())?;
    let ad_hoc = |day, status| site.night(&Night::ad_hoc(&at(day, 9), "offsite", status));
    for day in 20..28 {
        site.night(&night(day, &[]))?;
        let mut output = site.watched(&at(day, 8))?;
        match day {
            20 | 24 | 26 | 27 => ad_hoc(day, "ok")?,
            25 => ad_hoc(day, "failed")?,
            _ => {}
        }
        for hour in [12, 16] {
            output += &site.watched(&at(day, hour))?;
        }
        let expected = match day {
            21 | 25 => "WARNING: phase offsite\n",
            23 => "ALERT: phase offsite\n",
            24 | 26 => "resolved: phase offsite\n",
            _ => "",
        };
        assert_eq!(output, expected, "on the {day}th");
    }
    Ok(())
}

#[test]
fn tamper_tests_notify_of_changes_and_copies_by_name() -> Result<()> {
    let server = Server::good()?;
    let copy = "[offsite.cloud]\nkind = \"sync\"\nremote = \"cloud:x\"\nconfig-file = \"/etc/genbackup/rclone.conf\"\n\
                after-run = true\n";
    let site = Site::new(&format!("{}\n{copy}", table("team", "webhook")))?;
    site.credential("team", &server.secret_address())?;
    let copied = |day, status, result: Option<&str>| {
        let figures = CopyFigures {
            tampering: result.map(str::to_owned),
            ..CopyFigures::default()
        };
        let (runs, phase) = (site.path("runs"), Phase::Offsite);
        add_ad_hoc(&runs, &at(day, 5), phase, Some("cloud"), status, figures)
    };
    for (day, status, result, expected) in [
        (20, Status::Ok, Some("refused"), ""),
        (
            21,
            Status::Ok,
            Some("accepted"),
            "WARNING: tamper test of copy cloud\n",
        ),
        (22, Status::Ok, None, ""),
        (23, Status::Ok, Some("accepted"), ""),
        (24, Status::Failed, None, "WARNING: copy cloud\n"),
        (
            25,
            Status::Ok,
            Some("refused"),
            "resolved: copy cloud, tamper test of copy cloud\n",
        ),
    ] {
        site.night(&night(day, &[]))?;
        copied(day, status, result)?;
        let mut output = String::new();
        for hour in [6, 9] {
            output += &site.watched(&at(day, hour))?;
        }
        assert_eq!(output, expected, "on the {day}th");
    }
    Ok(())
}

fn any_status() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("ok"),
        1 => Just("partial"),
        1 => Just("failed"),
        1 => Just("unreachable"),
        1 => Just("busy"),
        1 => Just("odd"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// For each subject: it gets worse, then it recovers, and nothing is sent twice.
    #[test]
    fn random_nights_notify_each_subject_of_worse_then_resolved(
        nights in prop::collection::vec((prop::array::uniform3(any_status()), any::<bool>()), 1..24),
        // Hours at which nobody looks.
        blind in prop::collection::vec(0..48_usize, 0..8),
    ) {
        let fleet = genbackup::config::resolve::resolve(genbackup::config::file::read(
            "fleet.toml",
            include_str!("../../../fixtures/fleets/post/fleet.toml"),
        ))
        .map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let Ok(expectations) = Expectations::of(&fleet, |_| Ok::<_, Infallible>(None));
        let mut memory = Memory::default();
        let mut notified: std::collections::BTreeMap<String, Option<State>> = std::collections::BTreeMap::new();
        let mut records: Vec<Night> = Vec::new();
        for (day, (statuses, runs)) in (1_u8..).zip(&nights) {
            if *runs {
                let mut night = Night::at(&at(day, 4), &HOSTS);
                for (host, status) in HOSTS.iter().zip(statuses) {
                    night = night.host(host, status);
                }
                records.push(night.maintained());
            }
            for hour in [5, 23] {
                if blind.contains(&(usize::from(day) * 2 + usize::from(hour == 23))) {
                    continue;
                }
                let now: Timestamp = at(day, hour).parse().map_err(|_| TestCaseError::fail("no time"))?;
                let report = judge(&fleet, &expectations, now, records.iter().rev().map(Night::id), |id, about| {
                    let night = records.iter().find(|night| night.id() == id);
                    night.map_or_else(|| anyhow::bail!("no such night"), |night| night.read(about))
                })
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
                let found = findings(&report);
                let message = memory.note("jak", &found, now);
                for change in message.iter().flat_map(|message| &message.changes) {
                    let before = notified.get(&change.subject).copied().flatten();
                    match &change.transition {
                        Transition::Worse { state, .. } => {
                            prop_assert!(before.is_none_or(|before| before < *state), "{change:?} after {before:?}");
                            notified.insert(change.subject.clone(), Some(*state));
                        }
                        Transition::Resolved { was, .. } => {
                            prop_assert_eq!(before, Some(*was));
                            notified.insert(change.subject.clone(), None);
                        }
                    }
                }
                // A recipient knows the state: never a better one than the real one, and healthy if it is
                // healthy.
                for finding in found.iter().filter(|finding| finding.grace.is_none()) {
                    let known = notified.get(&finding.subject).copied().flatten();
                    prop_assert_eq!(known.is_none(), finding.state == State::Ok, "{:?}, notified {:?}", finding, known);
                    prop_assert!(known.unwrap_or(State::Ok) >= finding.state);
                }
            }
        }
    }
}

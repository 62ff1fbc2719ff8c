//! Hosts that may be absent: `web-1` of the fleet `every-option` for five days. It warns after 26 hours and alerts after
//! three days.

use anyhow::Result;
use genbackup::status::{Now, State};

use super::{judged, of, verdict_of};
use crate::night::Night;

const HOSTS: [&str; 2] = ["db.example.net", "web-1"];

/// Nights of which the first is good, and on the others web-1 ends so.
fn nights(ends: &[&str]) -> Vec<Night> {
    let first = Night::good("2026-11-10T04:00:00Z", &HOSTS);
    let others = ends.iter().zip(11..).map(|(end, day)| {
        Night::at(&format!("2026-11-{day}T04:00:00Z"), &HOSTS)
            .host("db.example.net", "ok")
            .host("web-1", end)
            .maintained()
    });
    std::iter::once(first).chain(others).collect()
}

#[test]
fn a_host_that_may_be_absent_is_ok_for_so_long() -> Result<()> {
    let nights = nights(&["unreachable"; 4]);
    // Its last backup was done on the tenth at 04:02.
    for (now, state, does) in [
        ("2026-11-14T12:00:00Z", State::Ok, Some(Now::Absent)),
        ("2026-11-15T04:02:00Z", State::Ok, Some(Now::Absent)),
        ("2026-11-15T04:02:01Z", State::Alert, None),
    ] {
        let report = judged("every-option", &nights, now)?;
        let web = &of(&report, "web-1")?.verdict;
        assert_eq!((web.state, web.now), (state, does), "{now}");
    }
    Ok(())
}

#[test]
fn another_host_may_not() -> Result<()> {
    let night = Night::at("2026-11-11T04:00:00Z", &HOSTS)
        .host("db.example.net", "unreachable")
        .host("web-1", "unreachable")
        .maintained();
    let mut nights = nights(&[]);
    nights.push(night);
    let report = judged("every-option", &nights, "2026-11-11T04:03:00Z")?;
    assert_eq!(verdict_of(&report, "db.example.net")?.0, "WARNING");
    assert_eq!(verdict_of(&report, "web-1")?.0, "OK");
    Ok(())
}

#[test]
fn what_was_wrong_when_it_was_there_stays_wrong_while_it_is_away() -> Result<()> {
    for (ends, state, why) in [
        (
            ["failed", "unreachable", "unreachable"],
            "WARNING",
            "unreachable: web-1 is not well; the last backup is 2d 23h old",
        ),
        (
            ["partial", "unreachable", "unreachable"],
            "WARNING",
            "partial: web-1 is not well; its last complete backup is 2d 23h old; partial for 1d 23h",
        ),
        (["ok", "unreachable", "unreachable"], "OK", ""),
    ] {
        let report = judged("every-option", &nights(&ends), "2026-11-13T03:30:00Z")?;
        assert_eq!(verdict_of(&report, "web-1")?, (state, why.to_owned()), "{ends:?}");
    }
    Ok(())
}

#[test]
fn only_to_be_out_of_reach_is_to_be_absent() -> Result<()> {
    for end in ["failed", "busy", "interrupted"] {
        let report = judged("every-option", &nights(&[end]), "2026-11-11T05:00:00Z")?;
        assert_eq!(verdict_of(&report, "web-1")?.0, "WARNING", "{end}");
    }
    // No run at all is no absence.
    let report = judged("every-option", &nights(&[]), "2026-11-14T05:00:00Z")?;
    assert_eq!(verdict_of(&report, "web-1")?.0, "ALERT");
    Ok(())
}

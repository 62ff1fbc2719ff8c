//! Copies of the repository in other places: the fleet `every-option` has `cloud`, `friend` and `usb`.

use anyhow::Result;
use genbackup::runs::record::{CopyFigures, Phase, Status};
use genbackup::status::{Point, State, rule};
use tempfile::TempDir;

use super::{fleet, judged_in, of, run_verb_with, verdict_of};
use crate::night::{Night, add_ad_hoc};

const HOSTS: [&str; 2] = ["db.example.net", "web-1"];
const NIGHT: &str = "2026-11-20T04:00:00Z";
const NOW: &str = "2026-11-20T12:00:00Z";

/// A directory with the record of a good night.
fn night() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    Night::good(NIGHT, &HOSTS).write(directory.path())?;
    Ok(directory)
}

fn copied(directory: &TempDir, time: &str, copy: &str, status: Status) -> Result<()> {
    add_ad_hoc(
        directory.path(),
        time,
        Phase::Offsite,
        Some(copy),
        status,
        CopyFigures::default(),
    )
}

fn tried(directory: &TempDir, time: &str, copy: &str, result: &str) -> Result<()> {
    let figures = CopyFigures {
        only_tried: true,
        tampering: Some(result.to_owned()),
        ..CopyFigures::default()
    };
    add_ad_hoc(
        directory.path(),
        time,
        Phase::Offsite,
        Some(copy),
        Status::Ok,
        figures,
    )
}

/// The points of the rule, each with whether it is met.
fn points(directory: &TempDir) -> Result<Vec<Point>> {
    let report = judged_in("every-option", directory.path(), NOW)?;
    Ok(rule(&report, &fleet("every-option")?))
}

fn met(directory: &TempDir) -> Result<Vec<bool>> {
    Ok(points(directory)?.iter().map(|point| point.is_met).collect())
}

#[test]
fn each_copy_is_judged_like_a_host() -> Result<()> {
    let directory = night()?;
    copied(&directory, "2026-11-20T05:00:00Z", "cloud", Status::Ok)?;
    copied(&directory, "2026-11-20T06:00:00Z", "friend", Status::Failed)?;
    let report = judged_in("every-option", directory.path(), NOW)?;
    assert_eq!(verdict_of(&report, "cloud")?, ("OK", String::new()));
    let (state, why) = verdict_of(&report, "friend")?;
    assert_eq!(state, "NEVER");
    assert!(why.contains("the remote is full"), "{why}");
    assert_eq!(of(&report, "usb")?.verdict.state, State::Never);
    Ok(())
}

#[test]
fn an_attempt_to_destroy_something_is_no_copy() -> Result<()> {
    let directory = night()?;
    tried(&directory, "2026-11-20T05:00:00Z", "cloud", "refused")?;
    let report = judged_in("every-option", directory.path(), NOW)?;
    let cloud = of(&report, "cloud")?;
    assert_eq!(cloud.verdict.state, State::Never);
    let tampered = cloud.tampered.as_ref().map(|tampered| tampered.result.as_str());
    assert_eq!(tampered, Some("refused"));
    Ok(())
}

#[test]
fn the_rule_is_met_by_what_was_done_and_not_by_what_is_declared() -> Result<()> {
    let directory = night()?;
    assert_eq!(met(&directory)?, [false; 5]);
    copied(&directory, "2026-11-20T05:00:00Z", "cloud", Status::Ok)?;
    assert_eq!(met(&directory)?, [true, true, true, false, false]);
    tried(&directory, "2026-11-18T05:00:00Z", "cloud", "refused")?;
    assert_eq!(met(&directory)?, [true, true, true, true, false]);
    for (time, copy) in [
        ("2026-11-20T06:00:00Z", "friend"),
        ("2026-11-20T07:00:00Z", "usb"),
    ] {
        copied(&directory, time, copy, Status::Ok)?;
    }
    for (time, phase) in [
        ("2026-11-20T08:00:00Z", Phase::Check),
        ("2026-11-20T08:10:00Z", Phase::Drill),
        ("2026-11-20T08:20:00Z", Phase::Offsite),
    ] {
        add_ad_hoc(
            directory.path(),
            time,
            phase,
            None,
            Status::Ok,
            CopyFigures::default(),
        )?;
    }
    assert_eq!(met(&directory)?, [true; 5]);
    // A copy whose last attempt failed does not count.
    copied(&directory, "2026-11-20T09:00:00Z", "cloud", Status::Failed)?;
    let points = points(&directory)?;
    assert!(!points[3].is_met && !points[4].is_met, "{points:?}");
    assert!(
        points[4].evidence.contains("not healthy: copy cloud"),
        "{points:?}"
    );
    Ok(())
}

#[test]
fn a_test_of_a_month_ago_proves_nothing() -> Result<()> {
    let directory = night()?;
    copied(&directory, "2026-11-20T05:00:00Z", "cloud", Status::Ok)?;
    tried(&directory, "2026-10-18T05:00:00Z", "cloud", "refused")?;
    let points = points(&directory)?;
    assert!(!points[3].is_met, "{points:?}");
    Ok(())
}

#[test]
fn a_copy_in_a_directory_is_a_second_medium_when_it_was_found_on_another_file_system() -> Result<()> {
    for (same_file_system, is_met) in [(Some(true), false), (Some(false), true), (None, false)] {
        let directory = night()?;
        let figures = CopyFigures {
            same_file_system,
            ..CopyFigures::default()
        };
        add_ad_hoc(
            directory.path(),
            "2026-11-20T05:00:00Z",
            Phase::Offsite,
            Some("usb"),
            Status::Ok,
            figures,
        )?;
        // A disk of the storage host is not elsewhere, whichever it is.
        assert_eq!(
            met(&directory)?,
            [true, is_met, false, false, false],
            "{same_file_system:?}"
        );
    }
    Ok(())
}

#[test]
fn status_shows_the_rule_with_its_evidence() -> Result<()> {
    let directory = night()?;
    copied(&directory, "2026-11-20T05:00:00Z", "cloud", Status::Ok)?;
    tried(&directory, "2026-11-18T05:00:00Z", "cloud", "accepted")?;
    let output = run_verb_with("every-option", "status", directory.path(), NOW, &[])?;
    let (_, rule) = output.stdout.split_once("\n3-2-1-1-0\n").unwrap_or_default();
    let lines: Vec<&str> = rule.lines().filter(|line| !line.starts_with(' ')).collect();
    let starts = [
        "yes      3 copies: the files on the hosts, the repository on store, cloud (6h 59m ago)",
        "yes      2 media: the file system of the repository; Frankfurt",
        "yes      1 elsewhere: cloud (6h 59m ago)",
        "no       1 immutable: cloud: accepted 2d 6h ago",
        "no       0 errors: not healthy: ",
    ];
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{}", output.stdout);
    }
    let output = run_verb_with("every-option", "status", directory.path(), NOW, &["--json"])?;
    let json: serde_json::Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(json["rule"][3]["is-met"], false, "{json}");
    Ok(())
}

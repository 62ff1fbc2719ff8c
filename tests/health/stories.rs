//! Stories of nights, and what each verb says of them, letter by letter: `snapshots/health` holds it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;
use serde_json::{Value, json};

use crate::night::Night;
use crate::snapshot::{Comparison, once};
use crate::{HOSTS, Outcome, records, say};

/// A story, when it is asked for, and what is asked.
struct Story {
    name: &'static str,
    nights: Vec<Night>,
    now: &'static str,
    asked: &'static [&'static [&'static str]],
}

const STATUS: &[&str] = &["status"];
const HISTORY: &[&str] = &["history"];

fn stories() -> Vec<Story> {
    let before = || Night::good("2026-11-22T04:00:00Z", &HOSTS);
    let last = || Night::at("2026-11-23T04:00:00Z", &HOSTS);
    let noon = "2026-11-23T12:00:00Z";
    let story = |name, nights, now, asked| Story {
        name,
        nights,
        now,
        asked,
    };
    vec![
        story("no-night-yet", vec![], noon, &[STATUS, HISTORY, &["metrics"]]),
        story(
            "a-good-night",
            vec![before(), Night::good("2026-11-23T04:00:00Z", &HOSTS)],
            noon,
            &[
                STATUS,
                &["status", "--host", "ziz"],
                HISTORY,
                &["history", "--host", "ziz"],
                &["history", "--phase", "forget"],
            ],
        ),
        story(
            "much-is-wrong",
            vec![before(), much_is_wrong(last())],
            noon,
            &[
                STATUS,
                &["status", "--json"],
                &["status", "--host", "jak"],
                &["status", "--host", "kai"],
                HISTORY,
                &["history", "--host", "kai", "--json"],
                &["metrics"],
            ],
        ),
        story(
            "a-locked-key",
            vec![before(), called_off(last())],
            "2026-11-23T09:00:00Z",
            &[STATUS, HISTORY],
        ),
        story(
            "a-run-at-work",
            vec![before(), last().host("jak", "ok").starts("kai")],
            "2026-11-23T04:30:00Z",
            &[STATUS, HISTORY, &["history", "--host", "kai"], &["metrics"]],
        ),
        story(
            "a-run-that-was-interrupted",
            vec![before(), last().host("jak", "ok").starts("kai")],
            "2026-11-24T04:30:00Z",
            &[STATUS, HISTORY],
        ),
        story(
            "a-host-that-says-odd-things",
            vec![before(), odd(last())],
            noon,
            &[STATUS, HISTORY],
        ),
        story(
            "an-upgrade",
            upgrade(),
            noon,
            &[
                HISTORY,
                &["history", "--host", "ziz"],
                &["history", "--phase", "prune"],
            ],
        ),
    ]
}

fn much_is_wrong(night: Night) -> Night {
    night
        .host("jak", "ok")
        .host_that("kai", json!({"status": "partial", "why": "missing: /srv/films; unreadable: /etc/shadow and 3 more",
            "missing": ["/srv/films"], "missing-count": 1, "unreadable": ["/etc/shadow"], "unreadable-count": 1}))
        .host_that("ziz", json!({"status": "unreachable", "why": "ssh: connect to host ziz.example.ts.net port 50000: \
            Connection timed out"}))
        .warns("the repository's file system is 91% full")
        .phase("forget", "failed")
        .phase("prune", "failed")
        .ends()
}

/// Nobody is asked, as run-backups does it where its credentials are not there.
fn called_off(night: Night) -> Night {
    let why = "the password file /mnt/storage/nsa/keys/restic.txt is missing or empty: its file system may be locked or \
               not mounted";
    let end = |host: &str| json!({"host": host, "status": "failed", "why": why});
    let night = HOSTS
        .iter()
        .fold(night, |night, host| night.event("host-finished", end(host)));
    night.phase("forget", "failed").phase("prune", "failed").ends()
}

fn odd(night: Night) -> Night {
    let odd = "\u{1b}]0;all is well\u{7}\u{1b}[2J\u{1b}[31mok\r\n\u{0}\u{202e}\u{7f}\u{85}|ok=1";
    let end =
        json!({"status": "failed", "why": odd, "restic-version": format!("restic {odd}"), "seconds": -7.5});
    let night = night.host("jak", "ok").host("kai", "ok").host_that("ziz", end);
    night
        .maintained()
        .event("host-finished", json!({"host": odd, "status": odd}))
}

/// After the upgrade everything is read once more.
fn upgrade() -> Vec<Night> {
    let night = |day: u32, systemd: &str, restic: &str, seconds: f64, added: u64| {
        let versions = json!({"genbackup": "0.1.0", "systemd": format!("systemd {systemd}")});
        let night = Night::with_versions(&format!("2026-11-{day:02}T04:00:00Z"), &HOSTS, &versions);
        let end: Value = json!({"status": "ok", "seconds": seconds, "restic-version": format!("restic {restic} compiled \
            with go1.24.4 on linux/amd64")});
        let summary = json!({"host": "ziz", "message": {"data_added": added, "total_files_processed": 2000}});
        let night = night.host("jak", "ok").host("kai", "ok");
        night.host_that("ziz", end).event("restic", summary).maintained()
    };
    let mut nights: Vec<Night> = (1..12)
        .map(|day| night(day, "252", "0.16.5", 60.0, 9_000_000))
        .collect();
    nights.push(night(12, "252", "0.18.0", 480.0, 90_000_000_000));
    nights.extend((13..20).map(|day| night(day, "252", "0.18.0", 90.0, 9_000_000)));
    nights.extend((20..24).map(|day| night(day, "257", "0.18.0", 95.0, 10_000_000)));
    nights
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for Story {
        name,
        nights,
        now,
        asked,
    } in stories()
    {
        let folder = records(&nights)?;
        let mut told = String::new();
        for arguments in asked {
            let [verb, rest @ ..] = arguments else { continue };
            let Outcome {
                status,
                stdout,
                stderr,
            } = say(verb, folder.path(), now, rest)?;
            let command = arguments.join(" ");
            write!(told, "$ genbackup {command}\n{stdout}{stderr}({status})\n\n")?;
        }
        comparison.compare(&Path::new("health").join(name), &told)?;
    }
    Ok(comparison)
}

static COMPARED: OnceLock<Result<Comparison>> = OnceLock::new();

#[test]
fn each_story_is_told_as_expected() -> Result<()> {
    let comparison = once(&COMPARED, compare_all)?;
    assert!(comparison.different.is_empty(), "{:#?}", comparison.different);
    Ok(())
}

#[test]
fn no_story_is_left_over() -> Result<()> {
    once(&COMPARED, compare_all)?.has_no_orphan_and_misses_none("health")
}

//! Stories of nights, and the exact output of each verb for them, which is in `snapshots/health`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;

use super::{records, run_verb};
use crate::command::Outcome;
use crate::night::{HOSTS, Night};
use crate::nights::{called_off, much_is_wrong, odd, upgrade};
use crate::snapshot::{Comparison, once};

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
            "a-run-in-progress",
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
            "a-host-that-sends-odd-texts",
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

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for Story {
        name,
        nights,
        now,
        asked,
    } in stories()
    {
        let directory = records(&nights)?;
        let mut transcript = String::new();
        for arguments in asked {
            let [verb, rest @ ..] = arguments else { continue };
            let Outcome {
                status,
                stdout,
                stderr,
            } = run_verb(verb, directory.path(), now, rest)?;
            let command = arguments.join(" ");
            write!(
                transcript,
                "$ genbackup {command}\n{stdout}{stderr}({status})\n\n"
            )?;
        }
        comparison.compare(&Path::new("health").join(name), &transcript)?;
    }
    Ok(comparison)
}

static COMPARED: OnceLock<Result<Comparison>> = OnceLock::new();

#[test]
fn each_story_gives_the_expected_output() -> Result<()> {
    let comparison = once(&COMPARED, compare_all)?;
    assert!(comparison.different.is_empty(), "{:#?}", comparison.different);
    Ok(())
}

#[test]
fn no_story_is_left_over() -> Result<()> {
    once(&COMPARED, compare_all)?.has_no_orphan_and_misses_none("health")
}

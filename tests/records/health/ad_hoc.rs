//! The records of `genbackup record` are separate from those of runs. They count for their phase, and change
//! no verdict about a run.

use anyhow::{Context, Result};
use genbackup::status::{Progress, State};
use serde_json::{Value, json};

use super::{judged, records, run_verb, verdict_of};
use crate::command::Outcome;
use crate::night::{HOSTS, Night};

fn the_night_before() -> Night {
    Night::good("2026-11-23T04:00:00Z", &HOSTS)
}

fn half_a_night() -> Night {
    Night::at("2026-11-24T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .starts("kai")
}

fn later(phase: &str, status: &str) -> Night {
    Night::ad_hoc("2026-11-24T04:30:00Z", phase, status)
}

fn json(verb: &str, nights: &[Night], arguments: &[&str]) -> Result<Value> {
    let directory = records(nights)?;
    let now = "2026-11-24T05:00:00Z";
    let Outcome { stdout, stderr, .. } =
        run_verb(verb, directory.path(), now, &[&["--json"], arguments].concat())?;
    assert_eq!(stderr, "");
    Ok(serde_json::from_str(&stdout)?)
}

#[test]
fn a_run_in_progress_stays_so_despite_ad_hoc_records() -> Result<()> {
    let runs = [the_night_before(), half_a_night()];
    let now = "2026-11-24T06:00:00Z";
    let alone = judged("post", &runs, now)?;
    assert_eq!(alone.state(), State::Ok);
    for status in ["ok", "failed"] {
        let nights = [&runs[..], &[later("offsite", status)]].concat();
        let report = judged("post", &nights, now)?;
        assert_eq!(report, alone);
        assert_eq!(report.run.map(|run| run.progress), Some(Progress::Running));
    }
    Ok(())
}

#[test]
fn an_interrupted_run_stays_so_despite_later_ad_hoc_records() -> Result<()> {
    let now = "2026-11-24T17:00:00Z";
    let runs = [the_night_before(), half_a_night().warns("a disk is full")];
    let alone = judged("post", &runs, now)?;
    let nights = [&runs[..], &[later("drill", "ok")]].concat();
    let report = judged("post", &nights, now)?;
    assert_eq!(report, alone);
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    assert_eq!(
        remarks,
        [
            "the run 20261124T040000Z was interrupted: its record ends after 1m",
            "the run 20261124T040000Z reported: a disk is full",
        ]
    );
    Ok(())
}

#[test]
fn an_ad_hoc_record_is_no_later_attempt() -> Result<()> {
    let nights = [the_night_before(), later("check", "ok")];
    let report = judged("post", &nights, "2026-11-24T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "kai")?.1,
        "the last backup is 1d 7h old, and nothing has been attempted since"
    );
    Ok(())
}

#[test]
fn history_has_a_row_of_its_phase_and_no_empty_run() -> Result<()> {
    let nights = [the_night_before(), half_a_night(), later("offsite", "failed")];
    let rows = json("history", &nights, &[])?;
    let runs = |rows: &Value| -> Result<Vec<(Value, Value)>> {
        let rows = rows.as_array().context("no rows")?;
        Ok(rows
            .iter()
            .map(|row| (row["run"].clone(), row["progress"].clone()))
            .collect())
    };
    assert_eq!(
        runs(&rows)?,
        [
            (json!("20261123T040000Z"), json!("finished")),
            (json!("20261124T040000Z"), json!("at-work")),
        ]
    );
    let rows = json("history", &nights, &["--phase", "offsite"])?;
    assert_eq!(runs(&rows)?, [(json!("20261124T043000Z"), json!("finished"))]);
    assert_eq!(
        (&rows[0]["status"], &rows[0]["why"]),
        (&json!("failed"), &json!("offsite is not well"))
    );
    assert_eq!(json("history", &nights, &["--phase", "drill"])?, json!([]));
    assert_eq!(
        json("history", &nights, &["--host", "kai"])?[1]["progress"],
        "at-work"
    );
    Ok(())
}

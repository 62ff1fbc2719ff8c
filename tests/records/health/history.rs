//! `genbackup history`: which runs it shows, and what it shows of them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{records, run_verb};
use crate::command::{genbackup, run};
use crate::night::{HOSTS, Night};

const NOON: &str = "2026-11-23T12:00:00Z";

fn rows(nights: &[Night], arguments: &[&str]) -> Result<Vec<Value>> {
    let directory = records(nights)?;
    let output = run_verb(
        "history",
        directory.path(),
        NOON,
        &[&["--json"], arguments].concat(),
    )?;
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(0), ""));
    Ok(serde_json::from_str(&output.stdout)?)
}

fn runs(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["run"].as_str()).collect()
}

#[test]
fn runs_are_shown_as_far_back_as_is_asked() -> Result<()> {
    let nights = [
        "2026-08-24T12:00:00Z",
        "2026-08-26T12:00:00Z",
        "2026-11-23T04:00:00Z",
    ];
    let nights = nights.map(|start| Night::good(start, &HOSTS));
    assert_eq!(
        runs(&rows(&nights, &[])?),
        ["20260826T120000Z", "20261123T040000Z"]
    );
    assert_eq!(runs(&rows(&nights, &["--since", "8h"])?), ["20261123T040000Z"]);
    assert_eq!(rows(&nights, &["--since", "1y"])?.len(), 3);
    assert_eq!(rows(&nights, &["--since", "1h"])?.len(), 0);
    let directory = records(&nights)?;
    let output = run_verb("history", directory.path(), NOON, &["--since", "1h"])?;
    assert_eq!(output.stdout, "no runs in the last 1h\n");
    let output = run_verb("history", directory.path(), NOON, &["--since", "soon"])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        output.stderr.contains("`soon` is not a time span"),
        "{}",
        output.stderr
    );
    Ok(())
}

#[test]
fn durations_count_runs_in_progress_and_skip_the_future() -> Result<()> {
    let in_progress = Night::at("2026-11-23T11:00:00Z", &HOSTS)
        .host("jak", "ok")
        .later_at("2026-11-23T11:30:00Z")
        .starts("kai");
    let future = Night::good("2027-01-01T04:00:00Z", &HOSTS);
    let directory = records(&[in_progress.clone(), future])?;
    for (arguments, seconds) in [(&[][..], 3600.0), (&["--host", "kai"], 1800.0)] {
        let output = run_verb(
            "history",
            directory.path(),
            NOON,
            &[&["--json"], arguments].concat(),
        )?;
        assert_eq!(
            output.stderr,
            "note: skipped 1 record from the future: a clock is or was wrong\n"
        );
        let rows: Vec<Value> = serde_json::from_str(&output.stdout)?;
        assert_eq!(runs(&rows), ["20261123T110000Z"]);
        assert_eq!(rows[0]["progress"], "at-work");
        assert_eq!(rows[0]["seconds"], seconds);
    }
    let rows = rows(&[in_progress], &["--host", "ziz"])?;
    assert_eq!(rows[0]["seconds"], Value::Null, "its turn is to come");
    Ok(())
}

#[test]
fn a_run_is_in_progress_within_the_limits_of_the_fleet() -> Result<()> {
    let directory = records(&[Night::at("2026-11-22T12:00:00Z", &HOSTS).starts("jak")])?;
    let fleet = std::fs::read_to_string(super::file("post"))?;
    let patient = directory.path().join("fleet.toml");
    std::fs::write(
        &patient,
        fleet.replace("[schedule]\n", "[schedule]\ntime-limit = \"30h\"\n"),
    )?;
    let absent = directory.path().join("absent.toml");
    for (file, progress) in [
        (super::file("post"), "interrupted"),
        (patient, "at-work"),
        (absent, "interrupted"),
    ] {
        let output = run(genbackup()
            .arg("--fleet")
            .arg(&file)
            .args(["history", "--json", "--now", NOON, "--runs"])
            .arg(directory.path()))?;
        let rows: Vec<Value> = serde_json::from_str(&output.stdout)?;
        assert_eq!(
            rows[0]["progress"],
            progress,
            "{}: {}",
            file.display(),
            output.stderr
        );
    }
    Ok(())
}

#[test]
fn a_host_is_found_by_the_name_that_it_had_then() -> Result<()> {
    let nights = [
        Night::good("2026-11-22T04:00:00Z", &["jak", "zoe"]),
        Night::good("2026-11-23T04:00:00Z", &["jak", "ziz"]),
    ];
    assert_eq!(runs(&rows(&nights, &["--host", "zoe"])?), ["20261122T040000Z"]);
    let directory = records(&nights)?;
    let output = run_verb("history", directory.path(), NOON, &["--host", "zizz"])?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        output.stderr,
        "error: no record of the last 90d names `zizz`\n\nhint: did you mean `ziz`?\n"
    );
    Ok(())
}

#[test]
fn a_run_as_a_whole_is_as_bad_as_the_worst_part_of_it() -> Result<()> {
    let night = |start: &str| Night::at(start, &HOSTS).host("jak", "ok").host("kai", "ok");
    let nights = [
        night("2026-11-21T04:00:00Z").host("ziz", "ok").maintained(),
        night("2026-11-22T04:00:00Z").host("ziz", "partial").maintained(),
        night("2026-11-23T03:00:00Z")
            .host("ziz", "partial")
            .phase("forget", "failed")
            .ends(),
        night("2026-11-23T03:30:00Z"),
        night("2026-11-23T11:30:00Z"),
    ];
    let rows = rows(&nights, &[])?;
    let ends = |row: &Value| {
        (
            row["status"].clone(),
            row["progress"].clone(),
            row["hosts"]["good"].clone(),
        )
    };
    let ends: Vec<_> = rows.iter().map(ends).collect();
    assert_eq!(
        ends,
        [
            (json!("ok"), json!("finished"), json!(3)),
            (json!("partial"), json!("finished"), json!(3)),
            (json!("failed"), json!("finished"), json!(3)),
            (json!("interrupted"), json!("interrupted"), json!(2)),
            (json!("interrupted"), json!("at-work"), json!(2)),
        ]
    );
    let added = rows.first().map(|row| &row["added-bytes"]);
    assert_eq!(added, Some(&json!(3 * 3_008_008)));
    Ok(())
}

#[test]
fn a_version_that_changed_is_marked_where_it_matters_and_once() -> Result<()> {
    let night = |day: u32, systemd: &str, restic: [&str; 3]| {
        let versions = json!({"systemd": systemd, "genbackup": "0.1.0"});
        let night = Night::with_versions(&format!("2026-11-{day}T04:00:00Z"), &HOSTS, &versions);
        let hosts = HOSTS.into_iter().zip(restic);
        hosts
            .fold(night, |night, (host, restic)| {
                let restic = format!("restic {restic} compiled with go1.{day} on linux/amd64");
                night.host_that(host, json!({"status": "ok", "restic-version": restic}))
            })
            .maintained()
    };
    let nights = [
        night(20, "systemd 252", ["0.16.5", "0.16.5", "0.17.3"]),
        night(21, "systemd 257", ["0.16.5", "0.16.5", "0.17.3"]),
        night(22, "systemd 257", ["0.18.0", "0.18.0", "0.18.0"]),
        night(23, "systemd 257", ["0.18.0", "0.18.0", "0.18.0"]),
    ];
    let changes = |arguments: &[&str]| -> Result<Vec<usize>> {
        let rows = rows(&nights, arguments)?;
        rows.iter()
            .map(|row| Ok(row["changes"].as_array().context("no changes")?.len()))
            .collect()
    };
    assert_eq!(changes(&[])?, [0, 1, 2, 0]);
    assert_eq!(changes(&["--host", "ziz"])?, [0, 1, 1, 0]);
    assert_eq!(changes(&["--phase", "prune"])?, [0, 1, 0, 0]);
    let rows = rows(&nights, &[])?;
    assert_eq!(
        rows.get(2).context("no third row")?["changes"],
        json!([
            {"program": "restic", "from": "0.16.5", "to": "0.18.0", "hosts": ["jak", "kai"]},
            {"program": "restic", "from": "0.17.3", "to": "0.18.0", "hosts": ["ziz"]},
        ])
    );
    Ok(())
}

#[test]
fn forget_and_prune_are_marked_by_the_storage_host_s_restic_and_a_host_by_its_own_systemd() -> Result<()> {
    let night = |day: u32, storage: &str, client: &str| {
        let versions =
            json!({"systemd": "systemd 257", "restic": format!("restic {storage} compiled with go1.24")});
        let end = json!({"status": "ok", "restic-version": "restic 0.18.0", "systemd-version": client});
        Night::with_versions(&format!("2026-11-{day}T04:00:00Z"), &["ziz", "kai"], &versions)
            .host("kai", "ok")
            .host_that("ziz", end)
            .maintained()
    };
    let nights = [
        night(20, "0.16.5", "systemd 252"),
        night(21, "0.18.0", "systemd 252"),
        night(22, "0.18.0", "systemd 257"),
        // A run of an older genbackup, which recorded neither.
        Night::good("2026-11-23T04:00:00Z", &["kai", "ziz"]),
    ];
    let changes = |arguments: &[&str]| -> Result<Vec<String>> {
        let rows = rows(&nights, arguments)?;
        Ok(rows
            .iter()
            .map(|row| {
                let changes = row["changes"].as_array().into_iter().flatten();
                let described = changes
                    .map(|change| format!("{} {} {}", change["program"], change["to"], change["hosts"]));
                described.collect::<Vec<_>>().join("; ").replace('"', "")
            })
            .collect())
    };
    assert_eq!(
        changes(&["--phase", "prune"])?,
        ["", "restic 0.18.0 null", "", ""]
    );
    assert_eq!(changes(&["--host", "ziz"])?, ["", "", "systemd 257 [ziz]", ""]);
    assert_eq!(changes(&["--host", "kai"])?, ["", "", "", ""]);
    assert_eq!(changes(&[])?, ["", "restic 0.18.0 null", "systemd 257 [ziz]", ""]);
    Ok(())
}

#[test]
fn a_host_that_was_away_is_compared_with_what_it_had_before() -> Result<()> {
    let night = |start: &str, end: Value| Night::at(start, &["ziz"]).host_that("ziz", end).maintained();
    let restic = |version: &str| json!({"status": "ok", "restic-version": format!("restic {version}")});
    let nights = [
        night("2026-11-21T04:00:00Z", restic("0.16.5")),
        night(
            "2026-11-22T04:00:00Z",
            json!({"status": "unreachable", "restic-version": null}),
        ),
        night("2026-11-23T04:00:00Z", restic("0.18.0")),
    ];
    let rows = rows(&nights, &["--host", "ziz"])?;
    let changes: Vec<_> = rows.iter().map(|row| row["changes"][0]["from"].clone()).collect();
    assert_eq!(changes, [Value::Null, Value::Null, json!("0.16.5")]);
    Ok(())
}

#[test]
fn without_a_directory_there_is_no_history() -> Result<()> {
    let directory = records(&[])?;
    let absent = directory.path().join("absent");
    let output = run_verb("history", &absent, NOON, &[])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output
            .stderr
            .starts_with(&format!("error: the directory {} is missing", absent.display()))
    );
    assert!(
        output.stderr.contains("hint: run this on the storage host"),
        "{}",
        output.stderr
    );
    Ok(())
}

//! `genbackup explain` prints for each fleet in `fixtures/fleets` what `snapshots/explain` holds.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on the fleets of the fixtures"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Result, ensure};

use crate::command::{Outcome, genbackup, run};
use crate::snapshot::{Comparison, once};

fn fleets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets")
}

fn explain(fleet: &str, arguments: &[&str]) -> Result<Outcome> {
    let file = fleets().join(fleet).join("fleet.toml");
    run(genbackup()
        .arg("--fleet")
        .arg(file)
        .args(["explain", "--now", "2026-11-23T12:00"])
        .args(arguments))
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for entry in fs::read_dir(fleets())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let outcome = explain(&name, &[])?;
        ensure!(
            outcome.status.success() && outcome.stderr.is_empty(),
            "{}",
            outcome.stderr
        );
        comparison.compare(&Path::new("explain").join(name), &outcome.stdout)?;
    }
    Ok(comparison)
}

static COMPARED: OnceLock<Result<Comparison>> = OnceLock::new();

#[test]
fn each_fleet_is_explained_as_expected() -> Result<()> {
    let comparison = once(&COMPARED, compare_all)?;
    assert!(comparison.different.is_empty(), "{:#?}", comparison.different);
    Ok(())
}

#[test]
fn no_explanation_is_left_over() -> Result<()> {
    once(&COMPARED, compare_all)?.has_no_orphan_and_misses_none("explain")
}

#[test]
fn only_an_old_host_gets_a_list_of_what_it_lacks() -> Result<()> {
    let old = explain("every-option", &["--host", "db.example.net"])?.stdout;
    assert!(
        old.contains("without     --retry-lock, since restic 0.16: "),
        "{old}"
    );
    assert!(
        old.contains("without     backup --group-by, since restic 0.16: "),
        "{old}"
    );
    let new = explain("every-option", &["--host", "web-1"])?.stdout;
    assert!(
        new.contains("restic 0.17.3") && !new.contains("without     "),
        "{new}"
    );
    Ok(())
}

#[test]
fn a_host_that_only_keeps_snapshots_has_nothing_to_explain() -> Result<()> {
    let outcome = explain("every-option", &["--host", "store"])?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome.stderr.contains("`store` is not backed up"),
        "{}",
        outcome.stderr
    );
    Ok(())
}

#[test]
fn a_fleet_with_a_problem_is_not_explained() -> Result<()> {
    let file = fleets().join("../problems/port-0.toml");
    let outcome = run(genbackup().arg("--fleet").arg(file).arg("explain"))?;
    assert_eq!((outcome.status.code(), outcome.stdout.as_str()), (Some(1), ""));
    assert!(outcome.stderr.starts_with("problem: "), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn the_table_of_the_book_is_the_one_of_the_post_s_fleet() -> Result<()> {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/how-to/retention.md");
    let chapter = fs::read_to_string(chapter)?;
    let printed = explain("post", &[])?.stdout;
    let table = printed.lines().map(str::trim_start).filter(|line| {
        ["after     ", "1 week ", "1 month ", "1 year ", "10 years "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let lines: Vec<&str> = table.collect();
    ensure!(lines.len() == 5, "{printed}");
    for line in lines {
        assert!(
            chapter.lines().any(|shown| shown == line),
            "not in the chapter on retention: {line}"
        );
    }
    Ok(())
}

/// The fleet `smallest` with another line.
fn explain_changed(from: &str, to: &str, arguments: &[&str]) -> Result<Outcome> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fleet.toml");
    let text = fs::read_to_string(fleets().join("smallest/fleet.toml"))?;
    let lines = text
        .lines()
        .map(|line| if line.starts_with(from) { to } else { line });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n"))?;
    run(genbackup()
        .arg("--fleet")
        .arg(file)
        .args(["explain", "--now", "2026-11-23T12:00"])
        .args(arguments))
}

#[test]
fn a_schedule_that_ends_is_followed_beyond_its_end() -> Result<()> {
    let printed = explain_changed("calendar = ", "calendar = \"2026-12-24 04:00\"", &[])?.stdout;
    let printed = printed.replace("after\n              that", "after that");
    for line in [
        "1 week            0\n",
        "1 month           0\n",
        "1 year            1  just made\n",
        "10 years          1  just made\n",
        "the last run is at 2026-12-24 04:00: the calendar expression does not elapse after that\n",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let printed = explain_changed("calendar = ", "calendar = \"2020-12-24 04:00\"", &[])?.stdout;
    assert!(printed.contains("no run is scheduled: "), "{printed}");
    Ok(())
}

#[test]
fn no_line_is_white_space_alone() -> Result<()> {
    let printed = explain("smallest", &["--keep", "1 last"])?.stdout;
    assert!(printed.contains("keeps       1 last\n"), "{printed}");
    for line in printed.lines() {
        assert!(line.is_empty() || !line.trim().is_empty(), "{printed}");
    }
    Ok(())
}

#[test]
fn a_keep_policy_is_tried_without_a_change_of_the_file() -> Result<()> {
    let printed = explain("post", &["--keep", "14 daily"])?.stdout;
    assert!(printed.contains("keeps       14 daily\n"), "{printed}");
    assert!(printed.contains("10 years         14  13 days"), "{printed}");
    let refused = explain("post", &["--keep", "14 days"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        refused.stderr,
        "error: `14 days` is not a rule of a keep policy\n\nhint: did you mean `14 daily`?\n"
    );
    Ok(())
}

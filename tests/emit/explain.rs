//! `genbackup explain` says of each fleet in `fixtures/fleets` what `snapshots/explain` shows.

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
        let said = explain(&name, &[])?;
        ensure!(said.status.success() && said.stderr.is_empty(), "{}", said.stderr);
        comparison.compare(&Path::new("explain").join(name), &said.stdout)?;
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
fn what_an_old_host_does_without_is_said_and_nothing_of_a_new_one() -> Result<()> {
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
    let said = explain("every-option", &["--host", "store"])?;
    assert_eq!(said.status.code(), Some(1));
    assert!(
        said.stderr.contains("`store` is not backed up"),
        "{}",
        said.stderr
    );
    Ok(())
}

#[test]
fn a_fleet_with_a_problem_is_not_explained() -> Result<()> {
    let file = fleets().join("../problems/port-0.toml");
    let said = run(genbackup().arg("--fleet").arg(file).arg("explain"))?;
    assert_eq!((said.status.code(), said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.starts_with("problem: "), "{}", said.stderr);
    Ok(())
}

#[test]
fn the_table_of_the_book_is_the_one_of_the_post_s_fleet() -> Result<()> {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/how-to/retention.md");
    let chapter = fs::read_to_string(chapter)?;
    let said = explain("post", &[])?.stdout;
    let table = said.lines().map(str::trim_start).filter(|line| {
        ["after     ", "1 week ", "1 month ", "1 year ", "10 years "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let lines: Vec<&str> = table.collect();
    ensure!(lines.len() == 5, "{said}");
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
    let said = explain_changed("calendar = ", "calendar = \"2026-12-24 04:00\"", &[])?.stdout;
    let said = said.replace("after\n              that", "after that");
    for line in [
        "1 week            0\n",
        "1 month           0\n",
        "1 year            1  just made\n",
        "10 years          1  just made\n",
        "the last run is at 2026-12-24 04:00: the calendar expression does not elapse after that\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let said = explain_changed("calendar = ", "calendar = \"2020-12-24 04:00\"", &[])?.stdout;
    assert!(said.contains("no run is scheduled: "), "{said}");
    Ok(())
}

#[test]
fn no_line_is_white_space_alone() -> Result<()> {
    let said = explain("smallest", &["--keep", "1 last"])?.stdout;
    assert!(said.contains("keeps       1 last\n"), "{said}");
    for line in said.lines() {
        assert!(line.is_empty() || !line.trim().is_empty(), "{said}");
    }
    Ok(())
}

#[test]
fn a_keep_policy_is_tried_without_a_change_of_the_file() -> Result<()> {
    let said = explain("post", &["--keep", "14 daily"])?.stdout;
    assert!(said.contains("keeps       14 daily\n"), "{said}");
    assert!(said.contains("10 years         14  13 days"), "{said}");
    let refused = explain("post", &["--keep", "14 days"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        refused.stderr,
        "error: `14 days` is not a rule of a keep policy\n\nhint: did you mean `14 daily`?\n"
    );
    Ok(())
}

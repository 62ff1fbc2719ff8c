//! `genbackup explain` says of each fleet in `fixtures/fleets` what `snapshots/explain` shows.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on the fleets of the fixtures"
)]

#[path = "support/command.rs"]
mod command;
#[path = "support/snapshot.rs"]
mod snapshot;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Result, ensure};

use command::{Outcome, genbackup, run};
use snapshot::{Comparison, once};

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
        said.stderr.contains("only keeps the snapshots of others"),
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
fn the_picture_of_the_readme_is_the_one_of_the_post_s_fleet() -> Result<()> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))?;
    let said = explain("post", &[])?.stdout;
    let picture = said.lines().map(str::trim_start).filter(|line| {
        ["after     ", "1 week ", "1 month ", "1 year ", "10 years "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let lines: Vec<&str> = picture.collect();
    ensure!(lines.len() == 5, "{said}");
    for line in lines {
        assert!(
            readme.lines().any(|shown| shown == line),
            "not in README.md: {line}"
        );
    }
    Ok(())
}

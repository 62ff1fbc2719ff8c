//! The text of the page for the recorded stories, and for some that a test makes up. `snapshots/report` has
//! the expected texts.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use html2text::config;

use super::{html, records};
use crate::night::{HOSTS, Night};
use crate::nights::{called_off, much_is_wrong, odd, upgrade};
use crate::snapshot::{Comparison, once};

/// The run that all recorded stories are of.
const RECORDED: &str = "20261123T060640Z";
const NOON: &str = "2026-11-23T12:00:00Z";
const WIDTH: usize = 110;

fn text(html: &str) -> Result<String> {
    config::plain_no_decorate()
        .string_from_read(html.as_bytes(), WIDTH)
        .context("html2text cannot read the page")
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    let mut compare = |name: &str, runs: &Path, now: &str| -> Result<()> {
        comparison.compare(&Path::new("report").join(name), &text(&html(runs, now)?)?)
    };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/records");
    for entry in std::fs::read_dir(fixtures)? {
        let path = entry?.path();
        let directory = tempfile::tempdir()?;
        std::fs::copy(&path, directory.path().join(format!("{RECORDED}.jsonl")))?;
        let name = path.file_stem().and_then(|name| name.to_str());
        compare(name.context("a story has a name")?, directory.path(), NOON)?;
    }
    let before = || Night::good("2026-11-22T04:00:00Z", &HOSTS);
    let last = || Night::at("2026-11-23T04:00:00Z", &HOSTS);
    for (name, nights, now) in [
        ("composed-no-night-yet", vec![], NOON),
        (
            "composed-much-is-wrong",
            vec![before(), much_is_wrong(last())],
            NOON,
        ),
        ("composed-a-locked-key", vec![before(), called_off(last())], NOON),
        (
            "composed-a-run-in-progress",
            vec![before(), last().host("jak", "ok").starts("kai")],
            "2026-11-23T04:30:00Z",
        ),
        ("composed-odd-things", vec![before(), odd(last())], NOON),
        ("composed-an-upgrade", upgrade(), NOON),
    ] {
        compare(name, records(&nights)?.path(), now)?;
    }
    Ok(comparison)
}

static COMPARED: OnceLock<Result<Comparison>> = OnceLock::new();

#[test]
fn each_story_is_shown_as_expected() -> Result<()> {
    let comparison = once(&COMPARED, compare_all)?;
    assert!(comparison.different.is_empty(), "{:#?}", comparison.different);
    Ok(())
}

#[test]
fn no_story_is_left_over() -> Result<()> {
    once(&COMPARED, compare_all)?.has_no_orphan_and_misses_none("report")
}

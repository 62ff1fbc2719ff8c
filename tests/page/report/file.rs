//! Where the page is written.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};

use super::{records, report};
use crate::night::{HOSTS, Night};

const NOON: &str = "2026-11-23T12:00:00Z";

#[test]
fn the_page_replaces_a_file_or_goes_to_standard_output() -> Result<()> {
    let runs = records(&[Night::good("2026-11-23T04:00:00Z", &HOSTS)])?;
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("index.html");
    std::fs::write(&out, "an older page")?;
    let out = out.to_str().context("a path in UTF-8")?;
    let output = report(runs.path(), NOON, &["--out", out])?;
    assert_eq!(
        (
            output.status.code(),
            output.stdout.as_str(),
            output.stderr.as_str()
        ),
        (Some(0), "", "")
    );
    let written = std::fs::read_to_string(out)?;
    assert!(
        written.starts_with("<!doctype html>") && written.ends_with("</html>\n"),
        "no whole page"
    );
    assert_eq!(std::fs::metadata(out)?.permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(directory.path())?.count(), 1);
    for arguments in [&[][..], &["--out", "-"]] {
        assert_eq!(report(runs.path(), NOON, arguments)?.stdout, written);
    }
    Ok(())
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_that_names_the_file() -> Result<()> {
    let runs = records(&[])?;
    let output = report(runs.path(), NOON, &["--out", "/dev/null/index.html"])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output
            .stderr
            .starts_with("error: cannot write `/dev/null/index.html`: "),
        "{}",
        output.stderr
    );
    Ok(())
}

#[test]
fn a_night_from_the_future_is_mentioned_and_not_shown() -> Result<()> {
    let runs = records(&[
        Night::good("2026-11-23T04:00:00Z", &HOSTS),
        Night::good("2027-11-23T04:00:00Z", &HOSTS),
    ])?;
    let page = report(runs.path(), NOON, &[])?.stdout;
    assert!(page.contains("the record 20271123T040000Z is from the future"));
    assert!(page.contains("<code>20261123T040000Z</code> started"));
    assert!(!page.contains("2027-11-23 04:00"));
    Ok(())
}

#[test]
fn ad_hoc_records_have_a_chart_and_are_not_the_last_run() -> Result<()> {
    let last_run = |page: &str| {
        let (_, section) = page
            .split_once("<section id=\"last-run\"")
            .context("no last run")?;
        let (section, _) = section.split_once("</section>").context("no end of it")?;
        anyhow::Ok((page.contains("id=\"phase-offsite"), section.to_owned()))
    };
    for end in [Night::ends, |night: Night| night] {
        let night = Night::at("2026-11-23T04:00:00Z", &HOSTS).host("jak", "ok");
        let nights = [end(night), Night::ad_hoc("2026-11-23T04:30:00Z", "offsite", "ok")];
        let now = "2026-11-23T05:00:00Z";
        let alone = report(records(&nights[..1])?.path(), now, &[])?.stdout;
        let with_it = report(records(&nights)?.path(), now, &[])?.stdout;
        let (has_chart, section) = last_run(&alone)?;
        assert!(!has_chart);
        assert_eq!(last_run(&with_it)?, (true, section));
    }
    Ok(())
}

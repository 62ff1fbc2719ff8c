//! A power cut at any step: settling again gives what one settling gives.

use std::cell::Cell;
use std::fs;

use anyhow::{Result, bail};
use genbackup::repository::settle::{objection, unsettled};

use super::site::Site;

/// A turn that added everything at once: sound packs, a damaged one, lying and unreadable index files, two snapshots, a link.
fn site() -> Result<Site> {
    let site = Site::new()?;
    site.back_up()?;
    assert!(site.settle()?.is_settled());
    site.write("three", 3, 300_000)?;
    site.back_up()?;
    site.poison()?;
    site.forge_snapshot("kai", jiff::Timestamp::now(), &["genbackup"])?;
    site.store("index", b"garbage")?;
    site.store("data", b"garbage")?;
    fs::write(site.repository().join("index/odd"), "")?;
    Ok(site)
}

/// All that counts of a settled repository. The names of our index files are random.
fn summary(site: &Site, reasons: Vec<String>) -> Result<[Vec<String>; 4]> {
    let packs = site.restic(&["list", "blobs"])?;
    let mut blobs: Vec<String> = packs.lines().map(str::to_owned).collect();
    blobs.sort();
    assert!(unsettled(&site.repository(), &site.state())?.is_empty());
    assert!(objection(&site.repository(), &site.state())?.is_some());
    let mut reasons = reasons;
    reasons.sort();
    assert_eq!(site.findings()?, reasons);
    Ok([site.names("data")?, site.names("snapshots")?, blobs, reasons])
}

#[test]
fn power_cut_at_any_step_changes_no_result() -> Result<()> {
    let site = site()?;
    let turn = Site::turn();
    let whole = site.copied()?;
    let verdict = whole.settle_turn(turn.clone(), &|| Ok(()))?;
    whole.restic(&["check", "--read-data"])?;
    let expected = summary(&whole, verdict.reasons)?;
    assert!(expected[3].len() >= 6, "{:?}", expected[3]);
    for step in 0.. {
        let site = site.copied()?;
        let count = Cell::new(0);
        let cut = site.settle_turn(turn.clone(), &|| {
            count.set(count.get() + 1);
            if count.get() > step {
                bail!("the power is cut")
            }
            Ok(())
        });
        if cut.is_ok() {
            assert!(step > 20, "{step} steps");
            return Ok(());
        }
        let verdict = site.settle_turn(turn.clone(), &|| Ok(()))?;
        let found = summary(&site, verdict.reasons)?;
        assert_eq!(found, expected, "after a cut before step {step}");
    }
    Ok(())
}

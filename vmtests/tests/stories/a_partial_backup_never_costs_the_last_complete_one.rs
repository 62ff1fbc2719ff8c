//! Without this, a disk that is unmounted for some nights costs the last whole copy of what was on it.

use anyhow::Context;
use vmtests::fleet::{self, RUN_LIMIT, Record};
use vmtests::install;
use vmtests::lab::Lab;

const KEEP: &str = "30 daily, 5 weekly, 12 monthly, 10 yearly";
const HOLD: &str = "genbackup hold ziz --why 'the disk is being copied'";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    install::again(lab, &[(KEEP, "1 last")])?;
    lab.ziz
        .succeeds("mkdir -p /srv/data/photos && echo 'a photo' >/srv/data/photos/photo")?;
    fleet::successful_run(lab)?;

    // What ziz includes is away for three nights. Each of them is partial, and forget and prune succeed.
    lab.ziz.succeeds("mv /srv/data /srv/away")?;
    for _ in 0..3 {
        let record = night(lab)?;
        assert_eq!(record.status("ziz")?, "partial");
        let forget = record.phase("forget")?;
        assert_eq!(forget["status"], "ok", "{forget}");
        let held = forget["held"]["ziz"].as_str().context("ziz is not held")?;
        assert!(held.contains("is partial: missing: /srv/data"), "{held}");
        assert_eq!(record.phase("prune")?["status"], "ok");
    }
    let status = lab.jak.run("genbackup status")?.text();
    assert!(
        status.contains("forget keeps all snapshots of ziz: its newest snapshot"),
        "{status}"
    );
    let snapshots = fleet::snapshots(lab)?;
    let mut of_ziz_oldest_first: Vec<(&str, &str)> = snapshots
        .iter()
        .filter(|snapshot| snapshot["hostname"] == "ziz")
        .filter_map(|snapshot| snapshot["time"].as_str().zip(snapshot["short_id"].as_str()))
        .collect();
    of_ziz_oldest_first.sort_unstable();
    let (_, whole) = of_ziz_oldest_first.first().context("no snapshot of ziz")?;
    let restore = format!("genbackup restore ziz /srv/data/photos --snapshot {whole} --to /root/back");
    lab.jak.run_within(&restore, b"", RUN_LIMIT)?;
    assert_eq!(
        lab.jak.succeeds("cat /root/back/srv/data/photos/photo")?,
        "a photo"
    );

    // A hold outlasts what makes a directory of the storage host anew.
    lab.ziz.succeeds("mv /srv/away /srv/data")?;
    lab.jak.succeeds(HOLD)?;
    lab.jak.succeeds("genbackup emit --now")?;
    // In order: a power cut may bring a lock back that restic has just removed.
    lab.jak.power_off()?;
    lab.jak.boot_again()?;
    lab.jak.succeeds("systemd-tmpfiles --create")?;
    let before = of_ziz(lab)?;
    let record = night(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    let forget = record.phase("forget")?;
    assert_eq!(
        forget["held"]["ziz"], "held by hand: the disk is being copied",
        "{forget}"
    );
    assert_eq!(of_ziz(lab)?, before + 1);

    lab.jak.succeeds("genbackup release ziz")?;
    lab.jak
        .run_within("systemctl start genbackup-maintain.service", b"", RUN_LIMIT)?;
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.phase("forget")?.get("held"), None, "{record:?}");
    assert_eq!(of_ziz(lab)?, 1);
    Ok(())
}

fn night(lab: &Lab) -> anyhow::Result<Record> {
    fleet::start_run(lab)?;
    fleet::finished_record(lab)
}

fn of_ziz(lab: &Lab) -> anyhow::Result<usize> {
    let snapshots = fleet::snapshots(lab)?;
    Ok(snapshots
        .iter()
        .filter(|snapshot| snapshot["hostname"] == "ziz")
        .count())
}

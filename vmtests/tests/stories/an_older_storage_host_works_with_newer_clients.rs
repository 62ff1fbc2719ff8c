//! Without this, a client that is upgraded before its storage host is not backed up until both are.

use anyhow::{Context, ensure};
use serde_json::json;
use vmtests::fleet::{self, Record};
use vmtests::install::{self, emit_again};
use vmtests::lab::Lab;

use crate::older_release::{self, RELEASE};

/// Newer storage hosts send a line every 5 s, and a client stops after 25 s without one. At this rate, the backup of this
/// file takes longer than that.
const LIMIT: &str = "power.limit-upload = \"1 MiB/s\"";
const LARGE: u64 = 32 << 20;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let Lab { jak, ziz, kai, .. } = lab;
    jak.succeeds("jq --version")
        .context("the scripts of this release need jq: the images have to have it")?;
    lab.replace(jak)?;
    install::make_secrets(jak)?;
    older_release::put_secrets(jak)?;
    older_release::install_on(lab, jak)?;
    ensure!(
        !jak.succeeds("cat /usr/local/libexec/genbackup/run-backups")?
            .contains("names")
    );
    ziz.succeeds(&format!("head --bytes={LARGE} /dev/urandom >/home/large"))?;
    let include = "include = [\"/etc\", \"/home\"]";
    let fleet = older_release::fleet_file(lab)?;
    ensure!(fleet.contains(include), "{fleet}");
    let fleet = fleet.replace(include, &format!("{include}\n{LIMIT}"));
    emit_again(&[ziz, kai], &fleet)?;
    // The policy keeps the last of a day, and the oldest of all. The day is long ago, so midnight changes nothing.
    for hour in ["04", "05", "06"] {
        fleet::restic(
            lab,
            &format!(
                "backup --quiet --host ziz --tag genbackup --time '2026-01-01 {hour}:00:00' /etc/hostname"
            ),
        )?;
    }

    let record = fleet::successful_run(lab)?;
    is_of_the_older_release(&record)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    let ziz_took = &record.host("ziz")?["seconds"];
    ensure!(ziz_took.as_f64() > Some(28.0), "not long enough: {ziz_took}");
    ensure!(fleet::restic(lab, "ls latest --host ziz")?.contains("/home/large"));
    let forget = record.phase("forget")?;
    ensure!(
        forget["status"] == "ok" && forget["kept"] == 5 && forget["removed"] == 1,
        "{forget}"
    );
    assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "kai", "ziz", "ziz", "ziz"]
    );

    ziz.succeeds("rm --recursive /home")?;
    fleet::start_run(lab)?;
    let record = fleet::finished_record(lab)?;
    is_of_the_older_release(&record)?;
    let host = record.host("ziz")?;
    ensure!(
        host["status"] == "partial" && host["missing"] == json!(["/home"]),
        "{host}"
    );
    assert_eq!(record.status("kai")?, "ok", "{record:?}");
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    older_release::is_still_on(jak)
}

fn is_of_the_older_release(record: &Record) -> anyhow::Result<()> {
    let started = record.events("run-started").next();
    ensure!(
        started.is_some_and(|started| started["versions"]["genbackup"] == RELEASE),
        "{started:?}"
    );
    // Its record has no field for what only newer clients send.
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.host(host)?.get("systemd-version"), None, "{record:?}");
    }
    Ok(())
}

//! Without this, clients are not backed up from the upgrade of their storage host until someone upgrades them, too.

use anyhow::ensure;
use serde_json::{Value, json};
use vmtests::fleet::{self, Record};
use vmtests::install::emit_again;
use vmtests::lab::Lab;

use crate::older_release;

/// A request that no client takes.
const ASK: &str = "echo unknown | setpriv --reuid=restic --regid=restic --clear-groups \
                   socat -t 60 - UNIX-CONNECT:/run/genbackup/backup.sock";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let Lab { jak, ziz, kai, .. } = lab;
    lab.replace(ziz)?;
    ziz.succeeds("echo here >/home/file")?;
    older_release::install_on(lab, ziz)?;
    older_release::put_secrets(jak)?;
    emit_again(&[jak, kai], &older_release::fleet_file(lab)?)?;

    let record = fleet::successful_run(lab)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    only_the_older_client_lacks_a_version(&record)?;
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    ensure!(fleet::restic(lab, "ls latest --host ziz")?.contains("/home/file"));
    for phase in ["forget", "prune"] {
        assert_eq!(record.phase(phase)?["status"], "ok", "{record:?}");
    }
    // Forget decides by the record, and holds a host that it cannot judge.
    assert_eq!(record.phase("forget")?.get("held"), None, "{record:?}");

    ziz.succeeds("rm --recursive /home")?;
    fleet::start_run(lab)?;
    let record = fleet::finished_record(lab)?;
    let host = record.host("ziz")?;
    ensure!(
        host["status"] == "partial" && host["missing"] == json!(["/home"]),
        "{host}"
    );
    assert_eq!(record.status("kai")?, "ok", "{record:?}");
    only_the_older_client_lacks_a_version(&record)?;
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    // A newer client words it differently, and sends `kernel` as well.
    assert_eq!(ziz.succeeds(ASK)?, "refused this is no request that I know");
    older_release::is_still_on(ziz)
}

/// A client of the release sends the version of restic, but not that of systemd.
fn only_the_older_client_lacks_a_version(record: &Record) -> anyhow::Result<()> {
    for host in ["jak", "kai", "ziz"] {
        let host = record.host(host)?;
        ensure!(host["restic-version"].is_string(), "{host}");
        let is_older = host["host"] == "ziz";
        assert_eq!(host["systemd-version"] == Value::Null, is_older, "{host}");
    }
    Ok(())
}

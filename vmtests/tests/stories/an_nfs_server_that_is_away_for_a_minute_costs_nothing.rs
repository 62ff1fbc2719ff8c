//! Without this, an upgrade of the storage host's NFS server at four in the morning fails the night, or leaves a process
//! that nobody can kill.

use std::time::Duration;

use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::put_large_file(&lab.ziz, 80_000_000)?;
    fleet::begin_run(lab)?;
    fleet::wait_until_in_mid_backup(lab, &lab.ziz)?;
    lab.jak
        .succeeds("systemctl stop nfs-server.service && date +%s >/run/nfs-server-stopped")?;
    let a_minute = "test $(($(date +%s) - $(cat /run/nfs-server-stopped))) -ge 60";
    lab.jak.wait_until_succeeds(a_minute, Duration::from_secs(90))?;
    lab.ziz.succeeds("pgrep --exact restic")?;
    lab.jak.succeeds("systemctl start nfs-server.service")?;
    let started: f64 = lab.ziz.succeeds("date +%s.%N")?.parse()?;

    fleet::wait_until_backup_has_ended(&lab.ziz, RUN_LIMIT)?;
    let ended: f64 = lab.ziz.succeeds("date +%s.%N")?.parse()?;
    println!("ended {:.1} s after the server came back", ended - started);
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    for phase in ["forget", "prune"] {
        assert_eq!(record.phase(phase)?["status"], "ok", "{record:?}");
    }
    assert_eq!(
        lab.jak
            .succeeds("systemctl show --property=Result --value genbackup.service")?,
        "success"
    );
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    let not_mounted = "test -z \"$(grep ' nfs4 ' /proc/mounts)\"";
    lab.ziz.wait_until_succeeds(not_mounted, RUN_LIMIT)?;
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}

//! Without this, the night after a reboot, with the key's encrypted file system still locked, ends in "Failed to set
//! up credentials: Protocol error", and nobody knows which file that is about.

use anyhow::ensure;
use vmtests::fleet::{self, Record, why};
use vmtests::lab::Lab;

const LOCKED: &str = "is missing or empty: its file system may be locked or not mounted";
const STARTED: &str = "journalctl --output=cat --unit='genbackup-backup@*' --grep=Started --quiet";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // To the file system, a locked dataset is a mount point with nothing in it.
    lab.jak
        .succeeds("mv /root/keys /root/unlocked && mkdir --mode=0700 /root/keys")?;
    let record = run_fails_for(
        lab,
        &format!("the password file /root/keys/restic-password {LOCKED}"),
    )?;
    // Forget and prune need it, too.
    for phase in ["forget", "prune"] {
        assert_eq!(record.phase(phase)?["status"], "failed", "{record:?}");
    }

    // Half unlocked: the password is there, the key to the clients is not.
    lab.jak
        .succeeds("cp /root/unlocked/restic-password /root/keys/restic-password")?;
    let record = run_fails_for(lab, &format!("the ssh key /root/keys/ssh_ed25519 {LOCKED}"))?;
    // They need no key.
    for phase in ["forget", "prune"] {
        assert_eq!(record.phase(phase)?["status"], "ok", "{record:?}");
    }

    // Nothing ran on any host, and the repository has nothing in it. journalctl fails where no line is like that.
    for machine in lab.machines() {
        assert_eq!(machine.succeeds(&format!("{STARTED} || true"))?, "");
    }
    assert_eq!(fleet::hosts_of_snapshots(lab)?, [""; 0]);

    // Unlocked: the next run is as if nothing had been, and no failure of before is left.
    lab.jak
        .succeeds("rm -r /root/keys && mv /root/unlocked /root/keys")?;
    fleet::successful_run(lab)?;
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    assert_eq!(
        lab.jak
            .succeeds("systemctl list-units --failed --no-legend --plain")?,
        ""
    );
    // The journal has a backup for each host that had one.
    ensure!(lab.ziz.succeeds(STARTED)?.contains("Started"));
    Ok(())
}

/// A run in which no host is asked, and each gets the same reason. The unit's status shows it, too.
fn run_fails_for(lab: &Lab, reason: &str) -> anyhow::Result<Record> {
    let record = fleet::failed_run(lab)?;
    for machine in lab.machines() {
        let host = record.host(machine.name())?;
        ensure!(host["status"] == "failed", "{host}");
        assert_eq!(why(host), reason, "{host}");
    }
    let status = lab
        .jak
        .fails("systemctl status --no-pager --full genbackup.service")?;
    ensure!(status.text().contains(reason), "{}", status.text());
    Ok(record)
}

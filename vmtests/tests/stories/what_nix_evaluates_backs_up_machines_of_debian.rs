//! Without this, the units of a NixOS fleet are known to look right, and nothing else is known of them.

use anyhow::ensure;
use vmtests::lab::Lab;
use vmtests::nixos;

use crate::{a_nightly_run_leaves_one_snapshot_of_each_host, what_comes_back_is_what_was_there};

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    nixos::switch(lab)?;
    for machine in lab.machines() {
        let starts = machine.succeeds("systemctl show --property=ExecStart genbackup-backup@1.service")?;
        ensure!(
            starts.contains("/opt/genbackup-vmtests/store/") && starts.contains("backup-restic"),
            "{starts}"
        );
        assert_eq!(machine.succeeds("find /usr/local/libexec/genbackup -type f")?, "");
    }
    let timer = "systemctl show --property=ActiveState --value genbackup.timer";
    assert_eq!(lab.jak.succeeds(timer)?, "active");
    for client in [&lab.kai, &lab.ziz] {
        for socket in ["genbackup-backup.socket", "genbackup-sshd.socket"] {
            let state = client.run(&format!("systemctl is-active {socket}"))?.text();
            ensure!(
                state == "active",
                "no target started {socket} of {}: {state}",
                client.name()
            );
        }
    }
    a_nightly_run_leaves_one_snapshot_of_each_host::story(lab)?;
    what_comes_back_is_what_was_there::story(lab)
}

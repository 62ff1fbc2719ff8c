//! Without this, the page for the worst day is a text that nobody ever tried: a command that fails in its middle, or a
//! secret that it forgets, is found out when there is nothing to fall back on.

use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY};
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::runbook::{PAGE, Person};
use vmtests::steps::FUNCTIONS;

/// All that is ours, and all that the machine had: what is left is a Debian with its packages, and the disk.
const START_ANEW: &str = "systemctl --quiet disable --now genbackup.timer genbackup-backup.socket nfs-server.service
    rm -rf /etc/genbackup /etc/systemd/system/genbackup* /usr/local/libexec/genbackup /etc/exports.d/genbackup.exports \
        /etc/sysusers.d/genbackup* /etc/tmpfiles.d/genbackup* /var/lib/genbackup /var/cache/genbackup* /run/genbackup \
        /etc/polkit-1/rules.d/50-genbackup.rules /root/keys /var/lib/systemd/timers/stamp-genbackup* /srv/data '/srv/my files'
    userdel restic
    systemctl daemon-reload && systemctl reset-failed
    ! getent group restic
    find / -xdev -name '*genbackup*' ! -name '*vmtests*' ! -path '/proc/*' ! -path '/usr/local/bin/genbackup'";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let password = String::from_utf8(lab.jak.read_file(PASSWORD_FILE)?)?;
    let person = Person {
        password: password.trim(),
    };
    let fleet_file = install::fleet_file(lab)?;
    lab.on_all(install::put_command_onto)?;
    let had = belongings(&lab.jak)?;
    fleet::successful_run(lab)?;

    // A client has the page, too, and the fleet file is kept elsewhere. The copy of the repository has lost its owner.
    let page = String::from_utf8(lab.jak.read_file(PAGE)?)?;
    let left = lab.jak.succeeds(START_ANEW)?;
    assert_eq!(left, "", "what is left of us");
    lab.jak
        .succeeds(&format!("chown --recursive root:root {REPOSITORY}"))?;
    lab.jak
        .write_file("/etc/genbackup/fleet.toml", fleet_file.as_bytes(), 0o644)?;
    person.follow(lab, &page, "jak is gone")?;

    assert_eq!(belongings(&lab.jak)?, had);
    // Its last command was a run, in which all are well.
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
    let status = lab.jak.succeeds("genbackup status")?;
    assert!(status.contains("OK"), "{status}");
    let foreign = lab.jak.succeeds(&format!("find {REPOSITORY} ! -user restic"))?;
    assert_eq!(foreign, "", "what user restic can't remove");
    Ok(())
}

/// What a backup takes of a machine.
fn belongings(machine: &Machine) -> anyhow::Result<String> {
    machine.succeeds(&format!("{FUNCTIONS}\ndescribe_what_is_backed_up"))
}

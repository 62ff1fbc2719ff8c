//! Without this, root of one client is root of the storage host's disk. What it can still do is also shown
//! here, as the threat model states it: read every host's snapshots, and delete them.

use vmtests::fleet::{self, REPOSITORY, ask_from_inside};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

const AT: &str = "/tmp/repository";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::successful_run(lab)?;
    lab.jak
        .succeeds("install -d -m 0755 /mnt/storage/other && echo jak >/mnt/storage/other/file")?;
    let ziz = &lab.ziz;
    ziz.succeeds(&format!(
        "mkdir {AT} /tmp/all && mount -t nfs4 jak:{REPOSITORY} {AT}"
    ))?;
    writes_as_user_restic(lab)?;

    // The directories above the export are there, with the way to it and nothing else.
    ziz.succeeds("mount -t nfs4 jak:/ /tmp/all")?;
    assert_eq!(
        ziz.succeeds("cd /tmp/all && find . -maxdepth 3 | sort")?,
        ". ./mnt ./mnt/storage ./mnt/storage/restic".replace(' ', "\n")
    );
    let other = ziz.fails("cat /tmp/all/mnt/storage/other/file")?;
    assert!(
        other.error_text().contains("No such file"),
        "{}",
        other.error_text()
    );
    ziz.succeeds("umount /tmp/all")?;

    nobody_else_mounts_it(&lab.kai)?;
    root_of_a_client_reads_the_snapshots_of_others(lab)?;
    deleting_the_repository_is_seen(lab)
}

/// Whatever user it claims to be, it writes as user restic, and makes nothing that is more than a file on the
/// storage host.
fn writes_as_user_restic(lab: &Lab) -> anyhow::Result<()> {
    lab.ziz
        .succeeds(&format!("echo >{AT}/evil && chmod 4755 {AT}/evil"))?;
    let owner = lab
        .jak
        .succeeds(&format!("stat --format='%u:%g' {REPOSITORY}/evil"))?;
    assert_eq!(owner, "850:850");
    for attempt in ["chown root", "setfattr --name=trusted.evil"] {
        let refused = lab.ziz.fails(&format!("{attempt} {AT}/evil"))?;
        let printed = refused.error_text();
        assert!(
            printed.contains("Operation not permitted") || printed.contains("Operation not supported"),
            "{attempt}: {printed}"
        );
    }
    let device = lab.ziz.fails(&format!("mknod {AT}/null c 1 3"))?;
    assert!(
        device.error_text().contains("not permitted"),
        "{}",
        device.error_text()
    );
    lab.ziz.succeeds(&format!("rm {AT}/evil")).map(drop)
}

/// kai under an address that is not the fleet's.
fn nobody_else_mounts_it(kai: &Machine) -> anyhow::Result<()> {
    let mount = format!("mount -t nfs4 -o retry=0 jak:{REPOSITORY} {AT}");
    let card = "card=$(ip -brief -4 address show to 10.77.0.0/24 | cut --delimiter=' ' --fields=1 | cut --delimiter=@ --fields=1)";
    kai.succeeds(&format!("mkdir {AT} && {mount} && umount {AT}"))?;
    kai.succeeds(&format!(
        "{card}; ip address del {} dev \"$card\"; ip address add 10.77.0.99/24 dev \"$card\"",
        kai.address_with_prefix()
    ))?;
    let refused = kai.fails(&mount)?;
    assert!(
        refused.error_text().contains("access denied by server"),
        "{}",
        refused.error_text()
    );
    kai.succeeds(&format!(
        "{card}; ip address del 10.77.0.99/24 dev \"$card\"; ip address add {} dev \"$card\"",
        kai.address_with_prefix()
    ))?;
    kai.wait_for_address()
}

/// A client is handed the password, and there is one for all.
fn root_of_a_client_reads_the_snapshots_of_others(lab: &Lab) -> anyhow::Result<()> {
    let command = "read -r _; read -r password; printf '%s' \"$password\" >\"$CACHE_DIRECTORY/taken\"";
    ask_from_inside(&lab.ziz, command)?;
    fleet::start_run(lab)?;
    fleet::finished_record(lab)?;
    let read = lab.ziz.succeeds(&format!(
        "restic --repo {AT} --no-cache --password-file /var/cache/genbackup/taken dump latest --host kai /srv/data/host"
    ))?;
    assert_eq!(read, "kai");
    lab.ziz
        .succeeds("rm -r /run/systemd/system/genbackup-backup@.service.d && systemctl daemon-reload")
        .map(drop)
}

/// NFS cannot prevent that. But no new repository silently replaces the lost one.
fn deleting_the_repository_is_seen(lab: &Lab) -> anyhow::Result<()> {
    lab.ziz
        .succeeds(&format!("find {AT} -mindepth 1 -delete && umount {AT}"))?;
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0);
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        let finished = record.host(host)?;
        assert_eq!(finished["status"], "failed", "{finished}");
        let why = finished["why"].as_str().unwrap_or_default();
        assert!(why.contains("there is no repository in the directory"), "{why}");
    }
    assert_eq!(lab.jak.succeeds(&format!("ls --almost-all {REPOSITORY}"))?, "");
    let printed = lab
        .jak
        .succeeds("journalctl --boot --no-pager --output=cat --unit=genbackup-init.service")?;
    assert!(printed.contains("to create a new one"), "{printed}");
    Ok(())
}

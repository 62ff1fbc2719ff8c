//! Without this, a disk that was not mounted gets a fresh, empty repository below its mount point: every night is a
//! success, the root file system fills up, and the snapshots of years are nowhere to be seen.

use anyhow::Context;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, Record};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::successful_run(lab)?;
    let before = files(lab, "/mnt/storage")?;

    // The wrong password.
    lab.jak.succeeds(&format!(
        "cp --archive {PASSWORD_FILE} /root/right && echo wrong >{PASSWORD_FILE}"
    ))?;
    for (host, why) in failed_run(lab, "the password is wrong")? {
        assert!(
            why.starts_with("the password file does not contain the password of this repository"),
            "{host}: {why}"
        );
    }
    assert_eq!(files(lab, "/mnt/storage")?, before);
    lab.jak.succeeds(&format!("mv /root/right {PASSWORD_FILE}"))?;

    // The repository is not where it was. It was made once, and never will be again.
    lab.jak.succeeds(&format!(
        "mv {REPOSITORY} /mnt/storage/elsewhere && exportfs -ra || true"
    ))?;
    let elsewhere = files(lab, "/mnt/storage")?;
    failed_run(lab, "the repository is not where it was")?;
    assert_eq!(files(lab, "/mnt/storage")?, elsewhere);
    let printed = lab
        .jak
        .succeeds("journalctl --boot --no-pager --output=cat --unit=genbackup-init.service")?;
    assert!(printed.contains("is missing, but it existed on"), "{printed}");
    assert_eq!(files(lab, "/mnt/storage")?, elsewhere);
    lab.jak
        .succeeds(&format!("mv /mnt/storage/elsewhere {REPOSITORY} && exportfs -ra"))?;

    // Its file system is not mounted, and nothing in fstab would bring it back.
    lab.jak.succeeds(
        "systemctl stop nfs-server.service && sed --in-place=.whole /storage/d /etc/fstab && systemctl daemon-reload
         umount /mnt/storage && mkdir -p /mnt/storage/restic && chown restic:restic /mnt/storage/restic
         systemctl start nfs-server.service",
    )?;
    failed_run(lab, "its file system is not mounted")?;
    assert_eq!(files(lab, "/mnt/storage")?, Vec::<String>::new());
    lab.jak.succeeds(
        "rmdir /mnt/storage/restic && mv /etc/fstab.whole /etc/fstab && systemctl daemon-reload
         mount /mnt/storage && exportfs -ra",
    )?;
    assert_eq!(files(lab, "/mnt/storage")?, before);

    let record = fleet::successful_run(lab)?;
    assert_eq!(record.phase("prune")?["status"], "ok");
    assert_eq!(fleet::snapshots(lab)?.len(), 6);
    fleet::restic(lab, "check --quiet").map(drop)
}

/// All files below a directory of the storage host.
fn files(lab: &Lab, directory: &str) -> anyhow::Result<Vec<String>> {
    let listed = lab
        .jak
        .succeeds(&format!("find {directory} -type f -printf '%p %s %T@\\n' | sort"))?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// A run in which every host, forget and prune fail because of this, each host with its reason.
fn failed_run(lab: &Lab, because: &str) -> anyhow::Result<Vec<(String, String)>> {
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0, "the run succeeded, although {because}");
    let record = fleet::finished_record(lab)?;
    assert_ne!(record.phase("forget")?["status"], "ok");
    assert_ne!(record.phase("prune")?["status"], "ok");
    ["jak", "ziz", "kai"]
        .map(|host| reason(&record, host))
        .into_iter()
        .collect()
}

fn reason(record: &Record, host: &str) -> anyhow::Result<(String, String)> {
    let event = record.host(host)?;
    assert_eq!(event["status"], "failed", "{event}");
    let why = event["why"].as_str().context("no reason")?;
    Ok((host.to_owned(), why.to_owned()))
}

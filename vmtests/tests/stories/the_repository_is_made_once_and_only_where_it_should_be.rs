//! Without this, a disk that is not mounted gets a fresh, empty repository in its place, and every backup goes there.

use vmtests::fleet::{self, REPOSITORY};
use vmtests::lab::Lab;

/// The mark that shows that there was a repository once.
const MADE: &str = "/var/lib/genbackup/repository-made";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // The disk is away: an empty mount point is all there is.
    // As on a host that never had one.
    let forgotten = format!("rm -rf {REPOSITORY} {MADE}");
    lab.jak.succeeds(&forgotten)?;
    lab.jak.succeeds("exportfs -ua; umount /mnt/storage && systemctl mask --quiet --runtime mnt-storage.mount && exportfs -ra 2>/dev/null || true")?;
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0, "a run without a repository is no success");
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "failed", "{record:?}");
    }
    assert_eq!(
        lab.jak.succeeds("ls --almost-all /mnt/storage")?,
        "",
        "something was written into the mount point"
    );

    // Back again: the first run makes it, the second leaves it alone.
    lab.jak.succeeds(
        "systemctl unmask --quiet --runtime mnt-storage.mount && mount /mnt/storage; exportfs -ra || true",
    )?;
    fleet::successful_run(lab)?;
    let look = format!("stat --format='%U %a' {REPOSITORY} && sha256sum {REPOSITORY}/config");
    let made = lab.jak.succeeds(&look)?;
    assert!(made.starts_with("restic 700"), "{made}");
    fleet::successful_run(lab)?;
    assert_eq!(lab.jak.succeeds(&look)?, made);

    // A directory with something else in it is not taken for a place to make one.
    lab.jak.succeeds(&format!(
        "{forgotten} && install -d -o restic -g restic -m 0700 {REPOSITORY} && touch {REPOSITORY}/diary"
    ))?;
    let started = fleet::start_run(lab)?;
    assert_ne!(
        started.status, 0,
        "a directory with a file in it got a repository"
    );
    assert_eq!(
        lab.jak.succeeds(&format!("ls --almost-all {REPOSITORY}"))?,
        "diary"
    );
    let journal = lab
        .jak
        .succeeds("journalctl --boot --no-pager --unit=genbackup-init.service")?;
    assert!(
        journal.contains("is not empty and holds no restic repository"),
        "{journal}"
    );
    Ok(())
}

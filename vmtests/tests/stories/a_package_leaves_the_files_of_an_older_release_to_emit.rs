//! Without this, installing the package changes what backs up tonight, or an old command in /usr/local/bin stays the one
//! that systemd finds, and nobody notices.

use std::time::Duration;

use anyhow::ensure;
use vmtests::cache;
use vmtests::lab::Lab;
use vmtests::package::{self, COMMAND};

/// What the oldest release wrote.
const RELEASE: &str = "fixtures/releases/0.1.0";
const LIMIT: Duration = Duration::from_secs(600);
/// The secrets of the storage host, and its files made live.
const SET_UP: &str = "
    umask 077
    head --bytes=24 /dev/urandom | base64 >/etc/genbackup/restic-password
    ssh-keygen -q -t ed25519 -N '' -f /etc/genbackup/ssh_ed25519
    systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload
    systemctl --quiet enable --now nfs-server.service && exportfs -ra
    systemctl start genbackup-init.service
    systemctl --quiet enable --now genbackup.timer genbackup-backup.socket";
/// In the place of the old command, which is not kept.
const OLD_COMMAND: &str = "#!/bin/sh\necho genbackup 0.1.0\n";
/// Each file that genbackup wrote, and the state of the timer.
const STATE: &str = "
    find /etc/genbackup /etc/systemd/system /etc/sysusers.d /etc/tmpfiles.d /etc/exports.d /usr/local/libexec \
        -type f -exec sha256sum {} + | sort
    systemctl show --property=ActiveState,UnitFileState genbackup.timer";
/// Where systemd and the emitted scripts look for the command.
const VERSION: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin genbackup --version";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let package = package::package()?;
    let (jak, release) = (&lab.jak, cache::workspace().join(RELEASE));
    lab.replace(jak)?;
    jak.install_tree(&release.join("hosts/jak"))?;
    let fleet = std::fs::read(release.join("fleet.toml"))?;
    jak.write_file("/etc/genbackup/fleet.toml", &fleet, 0o644)?;
    jak.succeeds(SET_UP)?;
    jak.write_file("/usr/local/bin/genbackup", OLD_COMMAND.as_bytes(), 0o755)?;
    let before = jak.succeeds(STATE)?;

    let printed = package::install(jak, &package)?;
    assert_eq!(jak.succeeds(STATE)?, before);
    ensure!(
        printed.contains("'genbackup emit --diff'") && printed.contains("'genbackup emit --now'"),
        "{printed}"
    );
    // Until the old command is removed, it is the one that is found.
    assert_eq!(jak.succeeds(VERSION)?, "genbackup 0.1.0");
    let remove = "rm /usr/local/bin/genbackup";
    ensure!(printed.contains(&format!("'{remove}'")), "{printed}");
    jak.succeeds(remove)?;
    assert_eq!(
        jak.succeeds(VERSION)?,
        jak.succeeds(&format!("{COMMAND} --version"))?
    );

    for command in [
        "genbackup emit --now",
        "genbackup run jak",
        "genbackup restore jak /etc/hostname --to /root/restored",
    ] {
        let done = jak.run_within(command, b"", LIMIT)?;
        ensure!(
            done.status == 0,
            "{command}: {} {}",
            done.text(),
            done.error_text()
        );
    }
    ensure!(jak.succeeds(STATE)? != before, "emit changed nothing");
    assert_eq!(jak.succeeds("cat /root/restored/etc/hostname")?, "jak");
    Ok(())
}

//! genbackup onto the machines of the lab, as an admin would do it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::belongings::{self, EXCLUDE, INCLUDE};
use crate::cache;
use crate::fleet::{MOUNT, PASSWORD_FILE, REPOSITORY, SSH_KEY_FILE, SSH_PORT};
use crate::lab::Lab;
use crate::process::{command, output_of};

/// What README.md tells an admin to do once the files are there.
const ON_ALL: &str = "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload";
const ON_STORAGE: &str = "systemctl start genbackup-init.service && \
                          systemctl --quiet enable --now nfs-server.service && exportfs -ra && \
                          systemctl --quiet enable --now genbackup.timer genbackup-backup.socket";
const ON_CLIENT: &str = "systemctl --quiet enable --now genbackup-backup.socket genbackup-sshd.socket";

/// Writes a fleet file for the lab, has genbackup emit every host's files, and makes them live.
///
/// # Errors
/// When genbackup refuses the fleet, or a machine what was emitted.
pub fn install(lab: &Lab) -> anyhow::Result<()> {
    lab.on_all(belongings::put_onto)?;
    // The two secrets are the admin's: no emitted file holds them.
    lab.jak.succeeds(&format!(
        "install --directory --mode=0700 /root/keys
         head --bytes=24 /dev/urandom | base64 >{PASSWORD_FILE}
         chmod 0400 {PASSWORD_FILE}
         ssh-keygen -q -t ed25519 -N '' -C genbackup@jak -f {SSH_KEY_FILE}"
    ))?;
    let staging = tempfile::tempdir()?;
    let (fleet, roots) = (staging.path().join("fleet.toml"), staging.path().join("roots"));
    std::fs::write(&fleet, fleet_file(lab)?)?;
    emit(&fleet, &roots)?;
    lab.on_all(|machine| machine.install_tree(&roots.join(machine.name())))?;
    lab.on_all(|machine| {
        machine.succeeds(ON_ALL)?;
        let rest = if machine.name() == lab.jak.name() {
            ON_STORAGE
        } else {
            ON_CLIENT
        };
        machine.succeeds(rest).map(drop)
    })
}

/// The fleet file of the lab: the post's fleet, with this lab's addresses and keys.
///
/// # Errors
/// When a machine does not tell its keys.
pub fn fleet_file(lab: &Lab) -> anyhow::Result<String> {
    let public_key = lab.jak.succeeds(&format!("cat {SSH_KEY_FILE}.pub"))?;
    let mut text = format!(
        "[schedule]\ncalendar = \"*-*-* 04:00:00 America/Los_Angeles\"\ntime-limit = \"30min\"\n\n\
         [repository]\nhost = \"jak\"\npath = \"{REPOSITORY}\"\nfile-system = \"/mnt/storage\"\ninitialize = true\n\
         password-file = \"{PASSWORD_FILE}\"\nkeep = \"30 daily, 5 weekly, 12 monthly, 10 yearly\"\n\n\
         [nfs]\nmount = \"{MOUNT}\"\n\n\
         [ssh]\nport = {SSH_PORT}\nkey-file = \"{SSH_KEY_FILE}\"\npublic-key = \"{public_key}\"\n\n\
         [monitor]\nwarn-after = \"24h\"\nalert-after = \"28h\"\n"
    );
    for machine in lab.machines() {
        write!(
            text,
            "\n[hosts.{}]\ninclude = {INCLUDE:?}\nexclude = {EXCLUDE:?}\n",
            machine.name()
        )?;
        if machine.name() != lab.jak.name() {
            writeln!(text, "host-key = \"{}\"", machine.host_key()?)?;
        }
    }
    Ok(text)
}

fn emit(fleet: &Path, roots: &Path) -> anyhow::Result<()> {
    let binary = genbackup()?;
    let mut command = command(&binary.to_string_lossy());
    output_of(
        command
            .args(["emit", "--all", "--root"])
            .arg(roots)
            .arg("--fleet")
            .arg(fleet),
    )
    .map(drop)
}

/// The `genbackup` binary: `GENBACKUP`, or built now.
///
/// # Errors
/// When it cannot be built.
pub fn genbackup() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("GENBACKUP") {
        return Ok(path.into());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    output_of(command(&cargo).current_dir(cache::workspace()).args([
        "build",
        "--quiet",
        "--package",
        "genbackup",
    ]))?;
    Ok(cache::target_folder().join("debug/genbackup"))
}

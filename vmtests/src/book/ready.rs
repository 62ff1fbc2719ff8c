//! The machines as chapters expect them.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Context;

use super::blocks::blocks;
use super::comment::Comment;
use super::fleet_file::merged;
use super::follow::FLEET_FILE;
use super::page;
use crate::administrator::give_access;
use crate::fleet::{PASSWORD_FILE, SSH_KEY_FILE};
use crate::lab::Lab;
use crate::package;
use crate::runbook::carry_out;

/// The chapter that most others continue.
const THREE_MACHINES: &str = "docs/src/getting-started/three-machines.md";
/// What it has its reader make on `ziz`.
const LETTER: &str = "mkdir --parents /srv/data && echo 'a letter to restore' >/srv/data/letter";
/// What brings its fleet file to life, and makes the first backup.
const COMMANDS: [&str; 3] = ["genbackup emit --now", "genbackup push", "genbackup run"];

/// Three machines that have nothing of ours installed. From the storage host, the administrator reaches root on the
/// clients. The Debian package is in the current directory there.
///
/// # Errors
/// When a machine does not come up, or the package cannot be made.
pub fn new_machines(lab: &Lab) -> anyhow::Result<()> {
    lab.on_all(|machine| lab.replace(machine))?;
    give_access(&lab.jak, &[&lab.ziz, &lab.kai])?;
    bring_package(lab).map(drop)
}

/// The same, with the package installed on the storage host.
///
/// # Errors
/// When a machine does not come up, or the package cannot be made or installed.
pub fn new_machines_with_genbackup(lab: &Lab) -> anyhow::Result<()> {
    new_machines(lab)?;
    package::install(&lab.jak, &package::package()?).map(drop)
}

/// The fleet that the chapter Three machines ends with. It grows out of the lab's own, whose secrets and repository it
/// keeps: a run of that repository takes less time.
///
/// # Errors
/// When the package cannot be made, genbackup refuses the chapter's fleet file, or a host is not backed up.
pub fn three_machines(lab: &Lab) -> anyhow::Result<()> {
    give_access(&lab.jak, &[&lab.ziz, &lab.kai])?;
    // The lab has the command where an administrator copies it to.
    lab.jak.succeeds("rm /usr/local/bin/genbackup")?;
    package::install(&lab.jak, &bring_package(lab)?)?;
    lab.jak.succeeds(&format!(
        "install --mode=0400 {PASSWORD_FILE} /etc/genbackup/restic-password
         install --mode=0400 {SSH_KEY_FILE} /etc/genbackup/ssh_ed25519
         install --mode=0644 {SSH_KEY_FILE}.pub /etc/genbackup/ssh_ed25519.pub"
    ))?;
    lab.ziz.succeeds(LETTER)?;
    let keys = format!(
        "[ssh]\npublic-key = \"{}\"\n[hosts.ziz]\nhost-key = \"{}\"\n[hosts.kai]\nhost-key = \"{}\"\n",
        lab.jak.succeeds(&format!("cat {SSH_KEY_FILE}.pub"))?,
        lab.ziz.host_key()?,
        lab.kai.host_key()?
    );
    let fleet = merged(&fleet_file_of(THREE_MACHINES)?, &keys)?;
    lab.jak.write_file(FLEET_FILE, fleet.as_bytes(), 0o644)?;
    for command in COMMANDS {
        carry_out(&lab.jak, command, "")?;
    }
    Ok(())
}

/// Puts the package into root's directory on the storage host, in which commands run. Its path here.
fn bring_package(lab: &Lab) -> anyhow::Result<PathBuf> {
    let package = package::package()?;
    let name = package.file_name().and_then(OsStr::to_str);
    let name = name.context("a package without a name")?;
    let bytes = std::fs::read(&package).with_context(|| package.display().to_string())?;
    lab.jak.write_file(&format!("/root/{name}"), &bytes, 0o644)?;
    Ok(package)
}

/// The whole fleet file that a chapter shows.
fn fleet_file_of(chapter: &str) -> anyhow::Result<String> {
    let mut blocks = blocks(&page(chapter)?)?.into_iter();
    let block = blocks.find(|block| block.comment == Some(Comment::FleetFile));
    Ok(block
        .with_context(|| format!("{chapter} shows no fleet file"))?
        .text)
}

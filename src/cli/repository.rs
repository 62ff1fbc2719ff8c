//! Where the snapshots can be read: on the storage host, by root, who can open the password's file.

use std::fs::File;

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, gethostname};

use super::terminal;
use crate::model::Fleet;
use crate::restic::{Restic, Snapshot};

/// The fleet's repository, where the password can be had without anybody typing it.
///
/// # Errors
/// Anywhere else, with the command for where it can be had, which the words after `genbackup` say.
pub(super) fn open<'f>(fleet: &'f Fleet, words: &str) -> Result<Restic<'f>> {
    let storage = &fleet.storage.name;
    let here = gethostname().context("can't ask for this machine's host name")?;
    let here = here.to_string_lossy();
    let short = here.split('.').next().unwrap_or(&here);
    if storage.as_str() != here && storage.as_str() != short {
        let bring = match words.split_once(" --to ") {
            Some(_) => format!(
                "\n      and then bring the files here, such as by `ssh {storage} tar --create --directory=FOLDER . | tar --extract`"
            ),
            None => String::new(),
        };
        bail!(
            "the password of the repository is on {storage}, and this is {here}\n\nhint: on {storage}, as root: genbackup {words}{bring}\n      \
             /etc/genbackup/RECOVERY.md says how a client reads its snapshots with a password that somebody types"
        );
    }
    if !Uid::effective().is_root() {
        bail!(
            "only root can open the password's file {}\n\nhint: sudo genbackup {words}",
            fleet.repository.password_file
        );
    }
    let password_file = fleet.repository.password_file.as_str();
    let length = File::open(password_file).and_then(|file| file.metadata());
    if !length.is_ok_and(|file| file.len() > 0) {
        bail!(
            "the password file {password_file} is missing or empty\n\nhint: its file system may be locked or not mounted; unlock it and try again"
        );
    }
    Ok(Restic::of(&fleet.repository))
}

/// A snapshot as it is spoken of: its id, its host, its time.
pub(super) fn described(snapshot: &Snapshot) -> String {
    format!(
        "{} of {}, {}",
        terminal::harmless(snapshot.short_id()),
        terminal::harmless(&snapshot.host),
        terminal::local(snapshot.time)
    )
}

//! Where the snapshots can be read: on the storage host, by root, who can open the password's file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Result, bail};
use nix::unistd::Uid;
use shell_quote::{Bash, QuoteRefExt};

use super::{load, terminal};
use crate::model::Fleet;
use crate::restic::{Restic, Snapshot};

/// What somebody asked for, as they can ask for it where it can be had.
pub(super) struct Errand {
    /// The command.
    pub(super) command: Words,
    pub(super) afterwards: Afterwards,
}

/// What is left to do when it is done elsewhere.
pub(super) enum Afterwards {
    Nothing,
    /// The files are there, and were wanted here.
    BringFiles,
}

/// A command as a shell reads it.
pub(super) struct Words(Vec<String>);

impl Words {
    /// A verb; of a fleet file that is not the usual one, with its name.
    pub(super) fn of(verb: &str, file: &Path) -> Self {
        let words = Self(vec!["genbackup".to_owned(), verb.to_owned()]);
        match file.to_str() {
            Some(super::FLEET_FILE) => words,
            _ => words.option("--fleet", Some(file)),
        }
    }

    pub(super) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.0.push(quoted(word.as_ref()));
        self
    }

    /// An option with its value, where it has one.
    pub(super) fn option(mut self, name: &str, value: Option<&(impl AsRef<OsStr> + ?Sized)>) -> Self {
        if let Some(value) = value.map(AsRef::as_ref) {
            // What begins with a dash is otherwise taken for an option of its own.
            let between = if value.as_bytes().starts_with(b"-") {
                '='
            } else {
                ' '
            };
            self.0.push(format!("{name}{between}{}", quoted(value)));
        }
        self
    }

    pub(super) fn flag(mut self, name: &str, is_given: bool) -> Self {
        if is_given {
            self.0.push(name.to_owned());
        }
        self
    }
}

/// A word for bash; with its plain quotes, where they are enough.
fn quoted(text: &OsStr) -> String {
    let quoted: String = match text.to_str() {
        Some(text) => text.quoted(Bash),
        // Each byte that is not ASCII as an escape.
        None => String::from_utf8_lossy(&Bash::quote_vec(text)).into_owned(),
    };
    match quoted.strip_prefix('$') {
        Some(plain) if !plain.contains('\\') => plain.to_owned(),
        _ => quoted,
    }
}

/// Fails anywhere but on the storage host, where `what` is, and for anybody but root; with the command for there.
///
/// # Errors
/// See above.
pub(super) fn ensure_root_of_storage(fleet: &Fleet, command: &Words, what: &str) -> Result<()> {
    let command = command.0.join(" ");
    let storage = &fleet.storage.name;
    let here = load::this_machine()?;
    let short = here.split('.').next().unwrap_or(&here);
    if storage.as_str() != here && storage.as_str() != short {
        bail!("{what} on {storage}, and this is {here}\n\nhint: on {storage}, as root: {command}");
    }
    if !Uid::effective().is_root() {
        bail!("only root may do this\n\nhint: sudo {command}");
    }
    Ok(())
}

/// The fleet's repository, where the password can be had without anybody typing it.
///
/// # Errors
/// Anywhere else, with the command for where it can be had.
pub(super) fn open(fleet: &Fleet, errand: Errand) -> Result<Restic<'_>> {
    let Errand {
        command: Words(command),
        afterwards,
    } = errand;
    let command = command.join(" ");
    let storage = &fleet.storage.name;
    let here = load::this_machine()?;
    let short = here.split('.').next().unwrap_or(&here);
    if storage.as_str() != here && storage.as_str() != short {
        let bring = match afterwards {
            Afterwards::BringFiles => format!(
                "\n      and then bring the files here, such as by `ssh {storage} tar --create --directory=FOLDER . | tar --extract`"
            ),
            Afterwards::Nothing => String::new(),
        };
        bail!(
            "the password of the repository is on {storage}, and this is {here}\n\nhint: on {storage}, as root: {command}{bring}\n      \
             /etc/genbackup/RECOVERY.md says how a client reads its snapshots with a password that somebody types"
        );
    }
    if !Uid::effective().is_root() {
        bail!(
            "only root can open the password's file {}\n\nhint: sudo {command}",
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

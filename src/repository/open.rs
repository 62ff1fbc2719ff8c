//! Opens the repository. This is possible on the storage host only, as root, which can read the password file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;
use nix::unistd::Uid;
use shell_quote::{Bash, QuoteRefExt};

use super::offsite;
use super::restic::Restic;
use crate::config::FLEET_FILE;
use crate::error::fail;
use crate::model::Fleet;
use crate::system::host;

/// The command of the user, to be shown where it must run elsewhere.
pub(crate) struct Errand {
    /// The command.
    pub(crate) command: Words,
    pub(crate) afterwards: Afterwards,
}

impl Errand {
    /// A verb alone, with nothing to do afterwards.
    pub(crate) fn of(verb: &str, file: &Path) -> Self {
        Self {
            command: Words::of(verb, file),
            afterwards: Afterwards::Nothing,
        }
    }
}

/// What is left to do after the command ran elsewhere.
pub(crate) enum Afterwards {
    Nothing,
    /// Copy the restored files to this host.
    BringFiles,
}

/// A command in the syntax of a shell.
pub(crate) struct Words(Vec<String>);

impl Words {
    /// A verb, with `--fleet` if the fleet file is not the default one.
    pub(crate) fn of(verb: &str, file: &Path) -> Self {
        let words = Self(vec!["genbackup".to_owned(), verb.to_owned()]);
        match file.to_str() {
            Some(FLEET_FILE) => words,
            _ => words.option("--fleet", Some(file)),
        }
    }

    pub(crate) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.0.push(quoted(word.as_ref()));
        self
    }

    /// An option with its value, if there is a value.
    pub(crate) fn option(mut self, name: &str, value: Option<&(impl AsRef<OsStr> + ?Sized)>) -> Self {
        if let Some(value) = value.map(AsRef::as_ref) {
            // A separate word that begins with a dash would be read as another option.
            let between = if value.as_bytes().starts_with(b"-") {
                '='
            } else {
                ' '
            };
            self.0.push(format!("{name}{between}{}", quoted(value)));
        }
        self
    }

    pub(crate) fn flag(mut self, name: &str, is_given: bool) -> Self {
        if is_given {
            self.0.push(name.to_owned());
        }
        self
    }
}

/// A word quoted for bash, with plain quotes if they are enough.
fn quoted(text: &OsStr) -> String {
    let quoted: String = match text.to_str() {
        Some(text) => text.quoted(Bash),
        // Bytes that are not ASCII become escapes.
        None => String::from_utf8_lossy(&Bash::quote_vec(text)).into_owned(),
    };
    match quoted.strip_prefix('$') {
        Some(plain) if !plain.contains('\\') => plain.to_owned(),
        _ => quoted,
    }
}

/// Checks that this is the storage host, where `what` is, and that the user is root.
///
/// # Errors
/// When it is another host or another user, with the command to run instead.
pub(crate) fn ensure_root_of_storage(fleet: &Fleet, command: &Words, what: &str) -> Result<()> {
    let command = command.0.join(" ");
    let storage = &fleet.storage.name;
    let here = host::name()?;
    if !host::is_called(&here, storage.as_str()) {
        fail!(
            what("{what} on {storage}, and this is {here}"),
            hint("on {storage}, run as root: `{command}`")
        );
    }
    if !Uid::effective().is_root() {
        fail!(what("only root may do this"), hint("run `sudo {command}`"));
    }
    Ok(())
}

/// The fleet's repository, with the password from its file.
///
/// # Errors
/// When this is not the storage host or the user is not root: the error has the command to run instead. Also
/// when the password file is missing or empty.
pub(crate) fn open(fleet: &Fleet, errand: Errand) -> Result<Restic<'_>> {
    open_from(fleet, None, errand)
}

/// The same, or one of its copies, by its name in the fleet file.
///
/// # Errors
/// Those of [`open`], or when there is no such copy.
pub(crate) fn open_from<'f>(fleet: &'f Fleet, from: Option<&str>, errand: Errand) -> Result<Restic<'f>> {
    let Errand {
        command: Words(command),
        afterwards,
    } = errand;
    let copy = from.map(|name| offsite::find(fleet, name)).transpose()?;
    let restic = match copy {
        Some((name, copy)) => Restic::of_copy(&fleet.repository, name, &copy.kind),
        None => Restic::of(&fleet.repository),
    };
    let command = command.join(" ");
    let storage = &fleet.storage.name;
    let here = host::name()?;
    if !host::is_called(&here, storage.as_str()) {
        let bring = match afterwards {
            Afterwards::BringFiles => format!(
                "\n      then copy the files here, for example with `ssh {storage} tar --create --directory=DIR . | tar --extract`"
            ),
            Afterwards::Nothing => String::new(),
        };
        fail!(
            what("the password of the repository is on {storage}, and this is {here}"),
            hint(
                "on {storage}, run as root: `{command}`{bring}\n      \
             /etc/genbackup/RECOVERY.md explains how a client reads its snapshots with a password that you type"
            )
        );
    }
    if !Uid::effective().is_root() {
        fail!(
            what("only root can read the password file {}", restic.password_file()),
            hint("run `sudo {command}`")
        );
    }
    let password_file = restic.password_file().as_str();
    let length = File::open(password_file).and_then(|file| file.metadata());
    if !length.is_ok_and(|file| file.len() > 0) {
        fail!(
            what("the password file {password_file} is missing or empty"),
            hint("unlock or mount its file system, then try again")
        );
    }
    Ok(restic)
}

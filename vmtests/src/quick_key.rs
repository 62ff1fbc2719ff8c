//! A repository that opens at once.
//!
//! restic derives a key from the password whenever it opens a repository, and makes that slow on purpose. No
//! story is about that, and all of them together would spend minutes on it. So the key file of the lab's
//! repository is replaced. The new one has the same keys for the same password, with the smallest parameters
//! of scrypt.

use anyhow::{Context, ensure};

use crate::fleet::{PASSWORD_FILE, REPOSITORY};
use crate::keys::Keys;
use crate::machine::Machine;

/// Puts such a key file in the place of the only one that the storage host's repository has.
///
/// # Errors
/// When the repository is missing, or has several.
pub(crate) fn put_onto(storage: &Machine) -> anyhow::Result<()> {
    let password = storage.read_file(PASSWORD_FILE)?;
    let password = std::str::from_utf8(&password).context("a password that is no text")?;
    let directory = format!("{REPOSITORY}/keys");
    let old = storage.succeeds(&format!("ls {directory}"))?;
    ensure!(
        old.lines().count() == 1,
        "not one key file in {directory}: {old:?}"
    );
    let old = format!("{directory}/{old}");
    let keys = Keys::in_file(&storage.read_file(&old)?, password.trim_end())?;
    let (name, file) = keys.quick_file(password.trim_end())?;
    let new = format!("{directory}/{name}");
    let put = format!(
        "cat >{new}
         chown --reference={old} {new}
         chmod --reference={old} {new}
         rm --force {old}"
    );
    storage.succeeds_with(&put, file.as_bytes()).map(drop)
}

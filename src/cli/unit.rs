//! What systemd passes to the process of a unit.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::error::hinted;
use crate::system::credentials::Credentials;

/// The options of the verbs that use the password of the repository.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Name this password file in messages
    #[arg(long, value_name = "FILE")]
    password_file: String,
}

impl Options {
    /// The credentials of the unit.
    ///
    /// # Errors
    /// Those of [`directory`].
    pub(super) fn credentials(&self) -> Result<Credentials> {
        Ok(Credentials {
            directory: directory("CREDENTIALS_DIRECTORY")?,
            password_file: self.password_file.clone(),
        })
    }
}

/// A directory that systemd makes for a unit, by the variable that names it.
///
/// # Errors
/// When the variable is not set, because no unit started this command.
pub(super) fn directory(variable: &str) -> Result<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).ok_or_else(|| {
        hinted!(
            what("the variable {variable} is not set"),
            hint("start the unit instead: `systemctl start genbackup.service`")
        )
    })
}

//! Creates the repository once, in an empty directory on a mounted file system.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts `restic init`, and notes that it created the repository"
)]

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::error::fail;
use crate::runs::state::State;
use crate::system::credentials::Credentials;

/// The file in the state directory that exists once the repository was created; its time is that of the last forget.
pub(super) const MADE: &str = "repository-made";

/// What the creation of a repository needs.
#[derive(Debug, Clone)]
pub(crate) struct Creation {
    /// The directory of the repository.
    pub repository: PathBuf,
    /// The command `restic init`.
    pub command: Vec<OsString>,
    /// The state directory.
    pub state: State,
    /// The credential `restic-password`.
    pub credentials: Credentials,
}

impl Creation {
    /// Creates the repository.
    ///
    /// # Errors
    /// When the repository existed before, when its directory is missing or not empty, when the password file is not
    /// usable, or when restic fails.
    pub(crate) fn create(&self) -> Result<()> {
        let repository = self.repository.display();
        let made = self.state.file(MADE);
        // Never create a new repository in place of one that was lost or moved: the backups would succeed and hide the loss.
        if let Ok(found) = fs::metadata(&made) {
            let time = found
                .modified()
                .ok()
                .and_then(|time| Timestamp::try_from(time).ok());
            let day = time.map_or_else(String::new, |time| format!(" on {}", time.strftime("%Y-%m-%d")));
            fail!(
                what("the repository {repository} is missing, but it existed{day}"),
                hint("bring it back, or remove {} to create a new one", made.display())
            );
        }
        match fs::read_dir(&self.repository) {
            Err(error) if error.kind() == ErrorKind::NotFound => fail!(
                what("the directory {repository} is missing"),
                hint(
                    "run `systemd-tmpfiles --create`, or start genbackup-directory.service if there is such a unit"
                )
            ),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read the directory {repository}"));
            }
            Ok(mut entries) => {
                if entries.next().is_some() {
                    fail!(
                        what("the directory {repository} is not empty and holds no restic repository"),
                        hint("empty it, or set another path in the fleet file")
                    );
                }
            }
        }
        if let Some(problem) = self.credentials.problem_of_password() {
            bail!(problem);
        }
        let (program, arguments) = self.command.split_first().context("there is no command")?;
        let status = Command::new(program)
            .args(arguments)
            .env("RESTIC_PASSWORD_FILE", self.credentials.password_path())
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
        if !status.success() {
            bail!("`restic init` failed: {status}");
        }
        fs::write(&made, "").with_context(|| format!("cannot write {}", made.display()))
    }
}

//! Where the repository is that restic opens: in its directory, or in a copy elsewhere.

use std::fs;

use anyhow::{Context, Result};

use super::Restic;
use crate::model::{CopyKind, CopyName, Repository, UnitPath, offsite};
use crate::repository::offsite::variables;

/// rclone's variable for its configuration file.
const RCLONE_CONFIG: &str = "RCLONE_CONFIG";

impl<'r> Restic<'r> {
    /// On the repository of a fleet.
    #[must_use]
    pub fn of(repository: &'r Repository) -> Self {
        Self {
            repository,
            copy: None,
        }
    }

    /// On a copy of that repository. Nothing is written there, not even a lock.
    #[must_use]
    pub(crate) fn of_copy(repository: &'r Repository, name: &'r CopyName, copy: &'r CopyKind) -> Self {
        Self {
            repository,
            copy: Some((name, copy)),
        }
    }

    /// True of a copy.
    #[must_use]
    pub(crate) const fn is_of_a_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// The directory of this host that it is in; `None` where it is not on this host.
    pub(super) fn directory(&self) -> Option<&'r str> {
        match self.copy {
            None => Some(self.repository.path.as_str()),
            Some((_, copy)) => copy.directory(),
        }
    }

    /// As `restic --repo` takes it.
    pub(super) fn address(&self) -> String {
        match (self.directory(), self.copy) {
            (Some(directory), _) => directory.to_owned(),
            (None, Some((_, CopyKind::Sync(copy)))) => format!("rclone:{}", copy.remote),
            (None, Some((_, CopyKind::Restic(copy)))) => copy.repository.to_string(),
            (None, None) => self.repository.path.to_string(),
        }
    }

    /// The file with its password.
    #[must_use]
    pub fn password_file(&self) -> &'r UnitPath {
        match self.copy {
            Some((_, CopyKind::Restic(copy))) => &copy.password_file,
            Some((_, CopyKind::Sync(_))) | None => &self.repository.password_file,
        }
    }

    /// How restic's backend gets its credential, and where: this process has the files, a unit of this name
    /// gets credentials.
    pub(super) fn credential(&self, unit: Option<&str>) -> Credential<'r> {
        let mut credential = Credential::default();
        let mut place = |name: &str, file: &UnitPath| match unit {
            Some(unit) => {
                credential.loads.push(format!("{name}:{file}"));
                format!("/run/credentials/{unit}/{name}")
            }
            None => file.to_string(),
        };
        match self.copy {
            None => {}
            Some((_, CopyKind::Sync(copy))) => {
                if let Some(file) = &copy.config_file {
                    let config = place(offsite::RCLONE, file);
                    credential.variables.push((RCLONE_CONFIG, config));
                }
            }
            Some((name, CopyKind::Restic(copy))) => {
                if let Some(ssh) = &copy.ssh {
                    let key = place(offsite::SSH_KEY, &ssh.key_file);
                    credential.variables.push((offsite::SSH_KEY_VARIABLE, key));
                    credential.options.push(ssh.option(name));
                }
                credential.environment_file = copy.environment_file.as_ref();
            }
        }
        credential
    }
}

/// What a backend of restic needs in addition to the password. Nothing of it is a secret: it names files.
#[derive(Debug, Default)]
pub(super) struct Credential<'r> {
    /// Values of `LoadCredential=`.
    pub(super) loads: Vec<String>,
    /// Variables for restic.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Options of restic.
    pub(super) options: Vec<String>,
    /// A file with secret variables for restic. systemd reads it itself.
    pub(super) environment_file: Option<&'r UnitPath>,
}

impl Credential<'_> {
    /// The options, as words of restic's command line.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.options
            .iter()
            .flat_map(|option| ["--option", option.as_str()])
    }

    /// All variables, for a restic that is no unit's.
    ///
    /// # Errors
    /// When the `environment-file` cannot be read.
    pub(super) fn all_variables(&self) -> Result<Vec<(String, String)>> {
        let mut all = match self.environment_file {
            Some(file) => {
                let text = fs::read_to_string(file.as_str())
                    .with_context(|| format!("cannot read the `environment-file` {file}"))?;
                variables(&text)?
            }
            None => Vec::new(),
        };
        all.extend(
            self.variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        Ok(all)
    }
}

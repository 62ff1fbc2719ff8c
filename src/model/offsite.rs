//! Copies of the repository in other places.

mod deletion;
mod grammar;
mod percent;

use std::fmt;

use super::{
    Calendar, Calendars, Destination, KeepPolicy, Monitor, PublicKey, Rate, Refusal, Remote, Timing,
    UnitPath, checked_string,
};
use grammar::{check_address, check_name, check_place};

pub use deletion::Deletion;
pub use percent::Percent;

checked_string! {
    /// The name of a copy: `a` to `z`, digits and single `-` between them, at most 40 characters. It is a part of a
    /// unit's name, and of the names of directories.
    CopyName, check_name
}

checked_string! {
    /// Where a copy is, in a word or two: copies with the same word are in one place.
    Place, check_place
}

checked_string! {
    /// A repository as restic writes it: a backend and its address. It holds no password.
    RepositoryAddress, check_address
}

impl CopyName {
    /// The name of the unit that makes the copy, without its suffix.
    #[must_use]
    pub(crate) fn copy_unit(&self) -> String {
        format!("genbackup-offsite@{self}")
    }

    /// The configuration of ssh for a copy over SFTP.
    #[must_use]
    pub fn ssh_config(&self) -> String {
        format!("/etc/genbackup/offsite-{self}.ssh_config")
    }

    /// The file with the host key that ssh accepts there.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        format!("/etc/genbackup/offsite-{self}.known_hosts")
    }
}

/// A copy of the repository elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsite {
    /// How it is made.
    pub kind: CopyKind,
    /// When.
    pub start: Start,
    /// How fast, at most.
    pub bandwidth: Option<Rate>,
    /// How many of a hundred snapshots may go at once.
    pub max_loss: Percent,
    /// Where it is.
    pub place: Place,
    /// The maximum age of its last success, if the fleet file sets it.
    pub monitor: Option<Monitor>,
}

/// How a copy is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyKind {
    /// rclone copies the encrypted files as they are, without the password.
    Sync(SyncCopy),
    /// restic copies snapshots into another repository, which has its own password and keep policy.
    Restic(ResticCopy),
}

impl CopyKind {
    /// True when restic makes it.
    #[must_use]
    pub(crate) const fn is_restic(&self) -> bool {
        matches!(self, Self::Restic(_))
    }

    /// Its directory, where it is one of the storage host.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        match self {
            Self::Sync(sync) => (sync.remote.kind() == Some("local")).then(|| sync.remote.as_str()),
            Self::Restic(copy) => {
                let address = copy.repository.as_str();
                let path = address.strip_prefix("local:").unwrap_or(address);
                path.starts_with('/').then_some(path)
            }
        }
    }

    /// The credentials of its unit, each with its file. A copy of the encrypted files has no password.
    #[must_use]
    pub fn credentials<'c>(&'c self, password_file: &'c UnitPath) -> Vec<(&'static str, &'c UnitPath)> {
        match self {
            Self::Sync(sync) => sync.config_file.iter().map(|file| (RCLONE, file)).collect(),
            Self::Restic(copy) => {
                let passwords = [(PASSWORD, password_file), (COPY_PASSWORD, &copy.password_file)];
                let environment = copy.environment_file.iter().map(|file| (ENVIRONMENT, file));
                let key = copy.ssh.iter().map(|ssh| (SSH_KEY, &ssh.key_file));
                passwords.into_iter().chain(environment).chain(key).collect()
            }
        }
    }
}

/// The credential with rclone's configuration.
pub(crate) const RCLONE: &str = "rclone.conf";
/// The credential with the password of the repository.
pub(crate) const PASSWORD: &str = "restic-password";
/// The credential with the password of a copy.
pub(crate) const COPY_PASSWORD: &str = "copy-password";
/// The credential with the environment of the backend of a copy.
pub(crate) const ENVIRONMENT: &str = "environment";
/// The credential that holds the ssh key.
pub(crate) const SSH_KEY: &str = "copy-ssh-key";
/// The variable by which the configuration of ssh learns where the key is.
pub(crate) const SSH_KEY_VARIABLE: &str = "GENBACKUP_SSH_KEY";

/// A copy of the encrypted files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncCopy {
    /// The place.
    pub remote: Remote,
    /// rclone's configuration, with the credential; `None` for a directory of this host.
    pub config_file: Option<UnitPath>,
    /// When files that the repository no longer has leave the copy.
    pub delete: Deletion,
}

/// A copy of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResticCopy {
    /// The other repository.
    pub repository: RepositoryAddress,
    /// The file with its password.
    pub password_file: UnitPath,
    /// Which of its snapshots stay.
    pub keep: KeepPolicy,
    /// The file with the credential of its backend, as environment variables.
    pub environment_file: Option<UnitPath>,
    /// How its server is reached, of a repository over SFTP.
    pub ssh: Option<CopySsh>,
}

/// How ssh reaches the server of a copy, and which key that has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySsh {
    /// The user and the host.
    pub destination: Destination,
    /// The file with the private key for that user.
    pub key_file: UnitPath,
    /// The public key of the host.
    pub host_key: PublicKey,
}

impl CopySsh {
    /// The option by which restic starts ssh for the copy of this name. The variable `GENBACKUP_SSH_KEY` names the file of
    /// the key.
    #[must_use]
    pub fn option(&self, name: &CopyName) -> String {
        let (config, destination) = (name.ssh_config(), &self.destination);
        format!("sftp.command=ssh -F {config} {destination} -s sftp")
    }
}

impl RepositoryAddress {
    /// Where ssh connects to, of `sftp:USER@HOST:PATH` and `sftp://USER@HOST:PORT/PATH`; `None` of another backend.
    #[must_use]
    pub fn destination(&self) -> Option<Result<Destination, Refusal>> {
        let rest = self.as_str().strip_prefix("sftp:")?;
        let text = match rest.strip_prefix("//") {
            Some(rest) => format!("ssh://{}", rest.split('/').next().unwrap_or_default()),
            // An IPv6 address is in brackets, and ssh wants it without.
            None => match rest.split_once("]:") {
                Some((host, _)) => host.replacen('[', "", 1),
                None => rest.split(':').next().unwrap_or_default().to_owned(),
            },
        };
        Some(Destination::try_from(text))
    }
}

/// When a copy is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After each run, once forget and prune are done.
    AfterRun,
    /// By a timer.
    Timer(Timing),
}

impl fmt::Display for Start {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AfterRun => formatter.write_str("after each run, once forget and prune are done"),
            Self::Timer(timing) => {
                let calendars: Vec<&str> = timing
                    .calendars
                    .expressions()
                    .iter()
                    .map(Calendar::as_str)
                    .collect();
                write!(formatter, "at {}", calendars.join(" and "))
            }
        }
    }
}

impl Start {
    /// The calendars of its timer.
    #[must_use]
    pub fn calendars(&self) -> Option<&Calendars> {
        match self {
            Self::Timer(timing) => Some(&timing.calendars),
            Self::AfterRun => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_elsewhere_holds_no_password() {
        for text in [
            "sftp:u@nas:/backup",
            "rest:https://nas:8000/x",
            "s3:https://s3/b",
            "/mnt/usb",
            "rclone:cloud:b",
        ] {
            assert!(RepositoryAddress::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in ["", "backup", "-o", "rest:https://user:pass@nas/x", "sftp:x\n"] {
            assert!(RepositoryAddress::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}

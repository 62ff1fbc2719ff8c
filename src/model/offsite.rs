//! Copies of the repository in other places.

use std::fmt;

use serde::Deserialize;

use super::{
    Calendar, Calendars, Destination, KeepPolicy, Monitor, PublicKey, Rate, Refusal, Remote, TimeSpan,
    Timing, UnitPath, checked_string,
};

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

/// When files that the repository no longer has leave a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Deletion {
    /// The next time that it is copied.
    AtOnce,
    /// Once they have been missing for so long.
    After(TimeSpan),
    /// Never.
    Never,
}

impl TryFrom<String> for Deletion {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(' ') {
            None if text == "at-once" => Ok(Self::AtOnce),
            None if text == "never" => Ok(Self::Never),
            Some(("after", span)) => TimeSpan::try_from(span.trim().to_owned()).map(Self::After),
            _ => Err(Refusal::new(
                format!("unknown value `{text}`"),
                "write `after 30d`, with any time span, or `at-once`, or `never`",
            )),
        }
    }
}

impl fmt::Display for Deletion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => formatter.write_str("at-once"),
            Self::After(span) => write!(formatter, "after {span}"),
            Self::Never => formatter.write_str("never"),
        }
    }
}

/// A whole number of hundredths, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent(u8);

impl Percent {
    /// The number of hundredths, at most 100.
    #[must_use]
    pub const fn new(hundredths: u8) -> Self {
        Self(if hundredths > 100 { 100 } else { hundredths })
    }

    /// How many hundredths.
    #[must_use]
    pub(crate) const fn hundredths(self) -> u8 {
        self.0
    }
}

impl TryFrom<String> for Percent {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.strip_suffix('%').map(str::trim_end);
        let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number
            .and_then(|number| number.parse().ok())
            .filter(|number| *number <= 100);
        number.map(Self).ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a percentage"),
                "write a whole number from 0 to 100 and `%`, such as `10%`",
            )
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", self.0)
    }
}

fn check_name(text: &str) -> Result<(), Refusal> {
    let is_plain = |part: &str| {
        let mut bytes = part.bytes();
        !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.len() <= 40 && text.split('-').all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not the name of a copy"),
        "write `a` to `z`, `0` to `9`, and single `-` between them; at most 40 characters",
    ))
}

fn check_place(text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    let is_plain = |character: char| character.is_alphanumeric() || " -_.,".contains(character);
    if (1..=40).contains(&length) && text.trim() == text && text.chars().all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{text:?} is not the name of a place"),
        "write letters, digits, spaces, `-`, `_`, `.` and `,`; at most 40 characters",
    ))
}

fn check_address(text: &str) -> Result<(), Refusal> {
    let is_odd =
        text.is_empty() || text.starts_with('-') || text.trim() != text || text.chars().any(char::is_control);
    if is_odd {
        return Err(Refusal::new(
            format!("{text:?} is not a repository"),
            "write it as `restic --repo` takes it, such as `sftp:user@nas.example.net:/backup` or \
             `s3:https://s3.example.net/bucket`",
        ));
    }
    let has_backend = text
        .split_once(':')
        .is_some_and(|(backend, _)| !backend.contains('/'));
    if !has_backend && !text.starts_with('/') {
        return Err(Refusal::new(
            format!("`{text}` is neither a backend of restic nor an absolute path"),
            "write it as `restic --repo` takes it, such as `sftp:user@nas.example.net:/backup`",
        ));
    }
    let web = text
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    if web.is_some_and(|host| host.split_once('@').is_some_and(|(user, _)| user.contains(':'))) {
        return Err(Refusal::new(
            "this repository holds a password, which every user can read in the fleet file",
            "set `RESTIC_REST_USERNAME` and `RESTIC_REST_PASSWORD` in the file of `environment-file`, and write the \
             address without them",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_and_percentages_are_written_as_they_are_read() {
        for text in ["at-once", "never", "after 30d"] {
            assert_eq!(Deletion::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "after", "after x", "30d", "At-once"] {
            assert!(Deletion::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["0%", "10%", "100%"] {
            assert_eq!(Percent::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "%", "10", "101%", "-1%", "1.5%", "+1%"] {
            assert!(Percent::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

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

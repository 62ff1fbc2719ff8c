//! The answers of `genbackup init`, and the settings that follow from them.

use std::path::Path;

use anyhow::{Context, Result};

use super::clients::Named;
use super::places;
use super::secrets::Secret;
use crate::config::resolve::hidden_places;
use crate::error::fail;
use crate::model::{AbsolutePath, Address, Calendar, HostName, KeepPolicy, PublicKey, Refusal, UnitPath};
use crate::system::host;
use crate::system::mounts;
use crate::system::openssh;

/// The answers.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) host: HostName,
    pub(crate) path: UnitPath,
    pub(crate) file_system: UnitPath,
    pub(crate) password_file: Secret,
    pub(crate) calendar: Calendar,
    pub(crate) keep: KeepText,
    pub(crate) include: Vec<AbsolutePath>,
    pub(crate) remote: Option<Remote>,
}

/// The clients on other machines, and their common settings.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) mount: UnitPath,
    pub(crate) key_file: Secret,
    pub(crate) clients: Vec<Client>,
}

/// A client on another machine.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: HostName,
    /// Its address, if it differs from its name.
    pub(crate) address: Option<Address>,
    pub(crate) host_key: PublicKey,
    /// True if the user compared the key with the one on the client itself.
    pub(crate) is_compared: bool,
    pub(crate) include: Vec<AbsolutePath>,
}

/// A keep policy as it was written.
#[derive(Debug, Clone)]
pub(crate) struct KeepText(pub(super) String);

impl TryFrom<String> for KeepText {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        KeepPolicy::try_from(text.clone()).map(|_| Self(text))
    }
}

pub(crate) const PASSWORD_FILE: &str = "/etc/genbackup/restic-password";
pub(crate) const KEY_FILE: &str = "/etc/genbackup/ssh_ed25519";
pub(crate) const CALENDAR: &str = "*-*-* 04:00:00";
pub(crate) const KEEP: &str = "30 daily, 5 weekly, 12 monthly, 10 yearly";
pub(crate) const INCLUDE: [&str; 2] = ["/etc", "/home"];
pub(crate) const MOUNT: &str = "/mnt/backup";

/// Caches: an included directory, and the pattern that excludes the caches below it.
const CACHES: [(&str, &str); 2] = [("/home", "/home/*/.cache"), ("/root", "/root/.cache")];

/// Of the usual paths, those that may be empty: a machine may have no user with a home directory.
const MAY_BE_EMPTY: [&str; 1] = ["/home"];

/// The proposed paths of a host. For another machine, the usual ones, because its content is unknown.
pub(crate) fn include_of(host: &HostName, repository: &UnitPath) -> Result<Vec<AbsolutePath>, Refusal> {
    let found = if is_this_machine(host) {
        places::worth_keeping(repository)
    } else {
        Vec::new()
    };
    if found.is_empty() {
        let usual = INCLUDE.map(|path| AbsolutePath::try_from(path.to_owned()));
        return usual.into_iter().collect();
    }
    Ok(found)
}

/// The included paths that may be empty on a host. On this machine, the proposed ones hold something; the content of
/// another one is unknown, and an empty directory would make its first backup partial.
pub(crate) fn may_be_empty<'p>(host: &HostName, include: &'p [AbsolutePath]) -> Vec<&'p AbsolutePath> {
    if is_this_machine(host) {
        return Vec::new();
    }
    let may_be = |path: &&AbsolutePath| MAY_BE_EMPTY.contains(&path.as_str());
    include.iter().filter(may_be).collect()
}

/// True for the machine that this program runs on.
pub(crate) fn is_this_machine(host: &HostName) -> bool {
    host::name().is_ok_and(|name| host::is_called(&name, host.as_str()))
}

impl Answers {
    /// The answers for a file that is written without questions.
    ///
    /// # Errors
    /// When a client shows no host key, the key pair is missing and not to be made, or the clients do not fit together.
    pub(crate) fn usual(host: HostName, clients: &[Named], makes_secrets: bool) -> Result<Self> {
        let path = UnitPath::try_from(places::ON_ROOT.to_owned())?;
        let include = include_of(&host, &path)?;
        let remote = if clients.is_empty() {
            None
        } else {
            Some(Remote::unasked(clients, &path, makes_secrets)?)
        };
        let mounts = places::mounted();
        let file_system = mounts::below(&mounts, path.as_str()).filter(|_| is_this_machine(&host));
        let file_system = file_system.map_or("/", |mount| &mount.target);
        let answers = Self {
            file_system: file_system.to_owned().try_into()?,
            host,
            path,
            password_file: Secret::unasked(PASSWORD_FILE.to_owned().try_into()?, makes_secrets),
            calendar: CALENDAR.to_owned().try_into()?,
            keep: KEEP.to_owned().try_into()?,
            include,
            remote,
        };
        if answers.remote.is_some() {
            answers
                .check()
                .context("the hosts do not fit together; nothing was written")?;
        }
        Ok(answers)
    }

    /// The excludes of the storage host: caches, the repository, and what the sandbox hides.
    pub(crate) fn exclude(&self) -> Vec<String> {
        let repository = (self.path.as_str(), self.path.as_str());
        let candidates = CACHES
            .into_iter()
            .chain(hidden_places().map(|place| (place, place)));
        let is_included = |place: &str| self.include.iter().any(|path| path.contains(place));
        let wanted = candidates
            .chain([repository])
            .filter(|(place, _)| is_included(place));
        wanted.map(|(_, pattern)| pattern.to_owned()).collect()
    }

    /// Makes the key pair, and returns the file of the private key; `None` if it is not to be made.
    pub(crate) fn make_key_pair(&self) -> Result<Option<&UnitPath>> {
        let Some(Secret::ToBeMade(file)) = self.remote.as_ref().map(|remote| &remote.key_file) else {
            return Ok(None);
        };
        crate::apply::make_directory_of(file.as_str().as_ref())?;
        openssh::make_pair(file.as_str().as_ref())?;
        Ok(Some(file))
    }
}

impl Remote {
    /// The usual settings of these clients.
    fn unasked(clients: &[Named], repository: &UnitPath, makes_secrets: bool) -> Result<Self> {
        let key_file = Secret::unasked(KEY_FILE.to_owned().try_into()?, makes_secrets);
        refuse_without_public_key(&key_file)?;
        let clients = clients.iter().cloned().map(|client| client.unasked(repository));
        Ok(Self {
            mount: MOUNT.to_owned().try_into()?,
            key_file,
            clients: clients.collect::<Result<_>>()?,
        })
    }
}

/// Refuses a key pair that is not made now and has no public key, which the fleet file holds.
fn refuse_without_public_key(key_file: &Secret) -> Result<()> {
    let Secret::IsThere(path) = key_file else {
        return Ok(());
    };
    if openssh::public_key(path.as_str().as_ref()).is_ok() {
        return Ok(());
    }
    let hint = if Path::new(path.as_str()).exists() {
        format!("run `ssh-keygen -y -f {path} >{path}.pub`, then this again")
    } else {
        "add `--make-secrets`, which makes the key pair and the password file".to_owned()
    };
    fail!(
        what("the public key {path}.pub for the clients is missing; nothing was written"),
        hint("{hint}")
    )
}

//! The fleet file: what it looks like, and nothing else.
//!
//! Every value is optional here, and every value that can be wrong on its own has a type of
//! [`crate::model`] that says why. What is missing, and what does not fit together, is for
//! [`crate::resolve`].

mod explain;
mod read;
mod syntax;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::model::{
    AbsolutePath, Address, Calendar, CommandWord, ExcludePattern, HookName, HostName, KeepPolicy, MemorySize,
    Network, OnBattery, PublicKey, Refusal, ResticVersion, SystemdVersion, TimeSpan, UnitPath, UserName,
};

pub use read::{Reading, read};

/// A value and its place in the file; absent when the key is.
pub type Field<T> = Option<Spanned<T>>;

/// A list; absent when the key is. Each item has its place, and is refused on its own.
pub type List<T> = Field<Vec<Spanned<Item<T>>>>;

/// An item of a list. An item that fails in serde would fail as the whole list, at the list's place; so it
/// does not fail there, and [`crate::resolve`] hears of it.
#[derive(Debug, Deserialize)]
#[serde(from = "String", bound = "T: TryFrom<String, Error = Refusal>")]
pub struct Item<T>(pub Result<T, Refusal>);

impl<T: TryFrom<String, Error = Refusal>> From<String> for Item<T> {
    fn from(text: String) -> Self {
        Self(T::try_from(text))
    }
}

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FleetFile {
    /// `[schedule]`
    pub schedule: Field<ScheduleTable>,
    /// `[repository]`
    pub repository: Field<RepositoryTable>,
    /// `[nfs]`
    pub nfs: Field<NfsTable>,
    /// `[ssh]`
    pub ssh: Field<SshTable>,
    /// `[hosts.NAME]`
    pub hosts: Field<BTreeMap<Spanned<HostName>, HostTable>>,
    /// `[monitor]`
    pub monitor: Field<MonitorTable>,
    /// `[minimum-versions]`, of all hosts that do not say otherwise
    pub minimum_versions: Field<VersionsTable>,
    /// `[power]`, of all hosts that do not say otherwise
    pub power: Field<PowerTable>,
}

/// `[schedule]`: when the hosts are backed up.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScheduleTable {
    /// When a run starts, systemd.time(7).
    pub calendar: Field<Calendar>,
    /// The start is put off by up to this span, so that many fleets do not start at once.
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host slept through.
    pub catch_up: Field<CatchUpWord>,
    /// How many hosts are backed up at once.
    pub max_parallel: Field<i64>,
    /// How long one host may take.
    pub time_limit: Field<TimeSpan>,
}

/// What happens to a run that the storage host slept through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CatchUpWord {
    /// It starts as soon as the host is up (`Persistent=`, systemd.timer(5)).
    AfterMissedRun,
    /// It is left out.
    Never,
}

impl TryFrom<String> for CatchUpWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "after-missed-run" => Ok(Self::AfterMissedRun),
            "never" => Ok(Self::Never),
            _ => Err(Refusal::new(
                format!("unknown word `{text}`"),
                "write `after-missed-run` or `never`",
            )),
        }
    }
}

/// `[repository]`: restic's repository and who holds it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RepositoryTable {
    /// The storage host.
    pub host: Field<String>,
    /// Where the repository is on the storage host.
    pub path: Field<UnitPath>,
    /// The mount point of the file system that the repository lies on.
    pub file_system: Field<UnitPath>,
    /// The file with the repository's password, on the storage host.
    pub password_file: Field<UnitPath>,
    /// Which snapshots stay.
    pub keep: Field<KeepPolicy>,
    /// Whether a repository is made where none is.
    pub initialize: Field<bool>,
    /// How long to wait for a lock that somebody else holds.
    pub lock_wait: Field<TimeSpan>,
    /// How long a restic that is told to stop may take, before it is killed and its lock stays.
    pub stop_wait: Field<TimeSpan>,
    /// The user id of restic on the storage host, to which NFS maps every client.
    pub uid: Field<i64>,
}

/// `[nfs]`: how clients reach the repository.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NfsTable {
    /// Where clients mount the repository.
    pub mount: Field<UnitPath>,
}

/// `[ssh]`: how the storage host reaches clients.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SshTable {
    /// The port on which clients wait for the storage host.
    pub port: Field<i64>,
    /// The private key, on the storage host.
    pub key_file: Field<UnitPath>,
    /// Its public key.
    pub public_key: Field<PublicKey>,
}

/// `[hosts.NAME]`: one host.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostTable {
    /// Where the host is reached; by default its name.
    pub address: Field<Address>,
    /// The host's ssh public key.
    pub host_key: Field<PublicKey>,
    /// The private key of that, on the host.
    pub host_key_file: Field<UnitPath>,
    /// What is backed up.
    pub include: List<AbsolutePath>,
    /// What is left out, as restic's patterns.
    pub exclude: List<ExcludePattern>,
    /// Whether folders with a CACHEDIR.TAG are left out.
    pub exclude_caches: Field<bool>,
    /// Whether other file systems below an included path are left out.
    pub one_file_system: Field<bool>,
    /// Whether reading leaves access times alone, which costs the capability `CAP_FOWNER`.
    pub preserve_access_times: Field<bool>,
    /// Included folders that are no cause for alarm when they are empty.
    pub may_be_empty: List<AbsolutePath>,
    /// Mount points without which the backup is not whole.
    pub must_be_mounted: List<AbsolutePath>,
    /// How long the host may be out of reach before anybody is told.
    pub may_be_absent: Field<TimeSpan>,
    /// What the host has at least.
    pub minimum_versions: Field<VersionsTable>,
    /// What runs before a backup.
    pub before: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// What runs after a backup.
    pub after: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// What a backup takes of the host.
    pub power: Field<PowerTable>,
}

/// `[hosts.NAME.before.HOOK]` and `[hosts.NAME.after.HOOK]`: a command, as a unit of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookTable {
    /// Who runs it.
    pub user: Field<UserName>,
    /// The program and its arguments.
    pub command: List<CommandWord>,
    /// What it may write.
    pub writes: List<UnitPath>,
    /// How far it reaches.
    pub network: Field<Network>,
    /// How long it may take.
    pub time_limit: Field<TimeSpan>,
}

/// `[power]`, also of one host: what a backup, forget and prune take of their host.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PowerTable {
    /// How much they give way to others.
    pub nice: Field<i64>,
    /// Whether they take of the disk what nobody else wants.
    pub idle_io: Field<bool>,
    /// Their share of the processor.
    pub cpu_weight: Field<i64>,
    /// Their memory.
    pub memory_limit: Field<MemorySize>,
    /// Whether the host stays awake meanwhile.
    pub keep_awake: Field<bool>,
    /// What becomes of a backup while the host runs on battery.
    pub on_battery: Field<OnBattery>,
}

/// `[minimum-versions]`, also of one host: which programs are there at least. What newer ones can do is used only
/// where the fleet says so.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VersionsTable {
    /// restic's version.
    pub restic: Field<ResticVersion>,
    /// systemd's version.
    pub systemd: Field<SystemdVersion>,
}

/// `[monitor]`: how old a last backup may be.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MonitorTable {
    /// Older than this is a warning.
    pub warn_after: Field<TimeSpan>,
    /// Older than this is an alert.
    pub alert_after: Field<TimeSpan>,
}

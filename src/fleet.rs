//! The fleet file: what it looks like, and nothing else.
//!
//! Every value is optional here, and every value that can be wrong on its own has a type of
//! [`crate::model`] that says why. What is missing, and what does not fit together, is for
//! [`crate::resolve`].

mod explain;
mod one_or_more;
mod read;
mod spanned;
mod syntax;

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{
    AbsolutePath, Address, Calendar, CommandWord, Destination, EmailAddress, ExcludePattern, FileSize, HookName, HostName,
    KeepPolicy, Marker, MemorySize, MessageService, Network, NotifyName, OnBattery, PublicKey, PushMonitor,
    Rate, Refusal, Release, ResticVersion, SystemdVersion, Tag, TimeSpan, UnitPath, UserName, WebService,
};

pub use one_or_more::OneOrMore;
pub use read::{Reading, read};
pub use spanned::Spanned;

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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FleetFile {
    /// The oldest genbackup that understands this file. An older one refuses it and names the version that it needs.
    pub requires: Field<Release>,
    /// When the hosts are backed up that have no schedule of their own.
    #[schemars(required)]
    pub schedule: Field<ScheduleTable>,
    /// restic's repository and who holds it.
    #[schemars(required)]
    pub repository: Field<RepositoryTable>,
    /// How clients on other machines reach the repository.
    pub nfs: Field<NfsTable>,
    /// How the storage host reaches clients on other machines.
    pub ssh: Field<SshTable>,
    /// The hosts, each with what of it is backed up.
    #[schemars(required)]
    pub hosts: Field<BTreeMap<Spanned<HostName>, HostTable>>,
    /// How old a last backup may be; without this, that follows the schedule.
    pub monitor: Field<MonitorTable>,
    /// Who is told when something is not well, each under a name of its own.
    pub notify: Field<BTreeMap<Spanned<NotifyName>, NotifyTable>>,
    /// Which programs are there at least, on all hosts that do not say otherwise; the oldest that work are the default.
    pub minimum_versions: Field<VersionsTable>,
    /// `[power]`, of all hosts that do not say otherwise
    pub power: Field<PowerTable>,
}

/// `[schedule]`: when the hosts are backed up that have no schedule of their own, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScheduleTable {
    /// When the fleet's run starts, systemd.time(7); several times in a list.
    #[schemars(required)]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The start is put off by up to this span, so that many fleets do not start at once.
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host slept through.
    pub catch_up: Field<CatchUpWord>,
    /// How many hosts are backed up at once.
    #[schemars(range(min = 1, max = 256))]
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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RepositoryTable {
    /// The storage host.
    #[schemars(required)]
    pub host: Field<String>,
    /// Where the repository is on the storage host.
    #[schemars(required)]
    pub path: Field<UnitPath>,
    /// The mount point of the file system that the repository lies on.
    pub file_system: Field<UnitPath>,
    /// The file with the repository's password, on the storage host.
    #[schemars(required)]
    pub password_file: Field<UnitPath>,
    /// Which snapshots stay, of all hosts that do not say otherwise.
    #[schemars(required)]
    pub keep: Field<KeepPolicy>,
    /// Whether a repository is made where none is.
    pub initialize: Field<bool>,
    /// How long to wait for a lock that somebody else holds.
    pub lock_wait: Field<TimeSpan>,
    /// How long a restic that is told to stop may take, before it is killed and its lock stays.
    pub stop_wait: Field<TimeSpan>,
    /// The user id of restic on the storage host, to which NFS maps every client.
    #[schemars(range(min = 1))]
    pub uid: Field<i64>,
}

/// `[nfs]`: how clients reach the repository.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NfsTable {
    /// Where clients mount the repository.
    #[schemars(required)]
    pub mount: Field<UnitPath>,
}

/// `[ssh]`: how the storage host reaches clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SshTable {
    /// The port on which clients wait for the storage host.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Field<i64>,
    /// The private key, on the storage host.
    #[schemars(required)]
    pub key_file: Field<UnitPath>,
    /// Its public key.
    #[schemars(required)]
    pub public_key: Field<PublicKey>,
}

/// `[hosts.NAME]`: one host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostTable {
    /// Where the host is reached; by default its name.
    pub address: Field<Address>,
    /// Where `genbackup push` reaches the host by the administrator's own ssh: any destination that ssh(1) takes. Its user is
    /// root, or may become root by sudo without a password. By default `root@ADDRESS`.
    pub push_to: Field<Destination>,
    /// The host's ssh public key.
    pub host_key: Field<PublicKey>,
    /// The private key of that, on the host.
    pub host_key_file: Field<UnitPath>,
    /// What is backed up.
    #[schemars(length(min = 1))]
    pub include: List<AbsolutePath>,
    /// What is left out, as restic's patterns.
    pub exclude: List<ExcludePattern>,
    /// Files that mark the directory that they are in to be left out, as `NAME` or `NAME:HEADER`.
    pub exclude_if_present: List<Marker>,
    /// Files that are larger than this are left out.
    pub exclude_larger_than: Field<FileSize>,
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
    /// When the host is backed up, in a run of its own, which the fleet's leaves it to.
    pub schedule: Field<OwnScheduleTable>,
    /// How old the host's last backup may be; without this, that follows its schedule.
    pub monitor: Field<OwnMonitorTable>,
    /// Which snapshots of this host stay; without this, as in `[repository]`.
    pub keep: Field<KeepPolicy>,
    /// Tags of this host's snapshots, beside `genbackup`.
    pub tags: List<Tag>,
}

/// `[hosts.NAME.schedule]`: when one host is backed up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnScheduleTable {
    /// When a run of this host starts, systemd.time(7); several times in a list.
    #[schemars(required)]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The start is put off by up to this span; by default as in `[schedule]`.
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host slept through; by default as in `[schedule]`.
    pub catch_up: Field<CatchUpWord>,
}

/// `[hosts.NAME.monitor]`: how old one host's last backup may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnMonitorTable {
    /// Older than this is a warning.
    #[schemars(required)]
    pub warn_after: Field<TimeSpan>,
    /// Older than this is an alert.
    #[schemars(required)]
    pub alert_after: Field<TimeSpan>,
}

/// `[hosts.NAME.before.HOOK]` and `[hosts.NAME.after.HOOK]`: a command, as a unit of its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookTable {
    /// Who runs it.
    #[schemars(required)]
    pub user: Field<UserName>,
    /// The program and its arguments.
    #[schemars(required, extend("minItems" = 1))]
    pub command: List<CommandWord>,
    /// What it may write.
    pub writes: List<UnitPath>,
    /// How far it reaches.
    pub network: Field<Network>,
    /// How long it may take.
    pub time_limit: Field<TimeSpan>,
}

/// `[power]`, also of one host: what a backup, forget and prune take of their host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
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
    /// How fast a backup may write to the repository, in KiB/s or MiB/s.
    pub limit_upload: Field<Rate>,
    /// How fast a backup may read from the repository, in KiB/s or MiB/s.
    pub limit_download: Field<Rate>,
    /// Whether the host stays awake meanwhile.
    pub keep_awake: Field<bool>,
    /// What becomes of a backup while the host runs on battery.
    pub on_battery: Field<OnBattery>,
}

/// `[minimum-versions]`, also of one host: which programs are there at least. What newer ones can do is used only
/// where the fleet says so.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VersionsTable {
    /// restic's version.
    pub restic: Field<ResticVersion>,
    /// systemd's version.
    pub systemd: Field<SystemdVersion>,
}

/// `[monitor]`: how old a last backup may be, and where what is known is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("dependencies" = {"warn-after": ["alert-after"], "alert-after": ["warn-after"]}))]
pub struct MonitorTable {
    /// Older than this is a warning.
    pub warn_after: Field<TimeSpan>,
    /// Older than this is an alert.
    pub alert_after: Field<TimeSpan>,
    /// The file that Prometheus' node exporter reads.
    pub metrics: Field<UnitPath>,
    /// The page for people.
    pub report: Field<UnitPath>,
    /// How old the last forget may be; without this, as old as a backup.
    pub forget: Field<PhaseMonitorTable>,
    /// How old the last prune may be; without this, as old as a backup.
    pub prune: Field<PhaseMonitorTable>,
    /// That the repository is checked, which `genbackup record check` notes, and how old the last check may be.
    pub check: Field<PhaseMonitorTable>,
    /// That a restore is tried, which `genbackup record drill` notes, and how old the last drill may be.
    pub drill: Field<PhaseMonitorTable>,
    /// That the repository is copied elsewhere, which `genbackup record offsite` notes, and how old the last copy may be.
    pub offsite: Field<PhaseMonitorTable>,
}

/// `[monitor.PHASE]`: how old the last of a phase may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PhaseMonitorTable {
    /// Older than this is a warning.
    #[schemars(required)]
    pub warn_after: Field<TimeSpan>,
    /// Older than this is an alert.
    #[schemars(required)]
    pub alert_after: Field<TimeSpan>,
}

/// `[notify.NAME]`: a recipient of notifications.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotifyTable {
    /// Which service gets the notifications.
    #[schemars(required)]
    pub kind: Field<KindWord>,
    /// The file on the storage host whose first line is the address, with token and recipient. Not for `email`.
    pub address_file: Field<UnitPath>,
    /// The recipients of the email. Only for `email`.
    #[schemars(extend("minItems" = 1))]
    pub to: List<EmailAddress>,
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum KindWord {
    /// At a web address.
    Web(WebService),
    /// Through sendmail(8).
    Email,
}

impl KindWord {
    /// All of them, each with its word.
    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let messages = MessageService::ALL.iter();
        let messages = messages.map(|service| (service.word(), WebService::Messages(*service)));
        let runs = PushMonitor::ALL.iter();
        let runs = runs.map(|monitor| (monitor.word(), WebService::Runs(*monitor)));
        let web = messages
            .chain(runs)
            .map(|(word, service)| (word, Self::Web(service)));
        web.chain([("email", Self::Email)])
    }

    /// Their words.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        Self::all().map(|(word, _)| word).collect()
    }

    /// Their words, for a hint.
    #[must_use]
    pub fn listed() -> String {
        let mut words: Vec<String> = Self::words().iter().map(|word| format!("`{word}`")).collect();
        let last = words.pop().unwrap_or_default();
        format!("{} or {last}", words.join(", "))
    }
}

impl TryFrom<String> for KindWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = Self::all().find(|(word, _)| *word == text);
        known.map(|(_, kind)| kind).ok_or_else(|| {
            Refusal::new(
                format!("unknown word `{text}`"),
                format!("write {}", Self::listed()),
            )
        })
    }
}

impl FleetFile {
    /// The calendar expressions that can be read, with their places: the fleet's, and each host's own.
    pub fn calendars(&self) -> impl Iterator<Item = (Range<usize>, &Calendar)> {
        let fleet = self
            .schedule
            .iter()
            .filter_map(|table| table.get_ref().calendar.as_ref());
        let hosts = self.hosts.iter().flat_map(|hosts| hosts.get_ref().values());
        let own = hosts.filter_map(|host| host.schedule.as_ref()?.get_ref().calendar.as_ref());
        fleet.chain(own).flat_map(Spanned::values)
    }
}

//! The fleet file: what it looks like, and nothing else.
//!
//! Every value is optional here, and every value that can be wrong on its own has a type of
//! [`crate::model`] that says why. What is missing, and what does not fit together, is for
//! [`crate::config::resolve`].

mod explain;
mod one_or_more;
mod read;
mod spanned;
mod syntax;

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::words::{listed, words};
use crate::model::{
    AbsolutePath, Address, Calendar, CommandWord, CopyName, Deletion, Destination, EmailAddress,
    ExcludePattern, FileSize, HookName, HostName, KeepPolicy, Marker, MemorySize, MessageService, Network,
    NotifyName, OnBattery, Percent, Place, PublicKey, PushMonitor, Rate, Refusal, Release, Remote,
    RepositoryAddress, ResticVersion, SystemdVersion, Tag, TimeSpan, UnitPath, UserName, WebService,
};

pub use one_or_more::OneOrMore;
pub use read::{Reading, read};
pub use spanned::Spanned;

/// A value and its place in the file; absent when the key is.
pub type Field<T> = Option<Spanned<T>>;

/// A list; absent when the key is. Each item has its place, and is refused on its own.
pub type List<T> = Field<Vec<Spanned<Item<T>>>>;

/// An item of a list. An item that fails in serde would fail as the whole list, at the list's place; so it
/// does not fail there, and [`crate::config::resolve`] hears of it.
#[derive(Debug, Deserialize)]
#[serde(from = "String", bound = "T: TryFrom<String, Error = Refusal>")]
pub struct Item<T>(pub Result<T, Refusal>);

impl<T: TryFrom<String, Error = Refusal>> From<String> for Item<T> {
    fn from(text: String) -> Self {
        Self(T::try_from(text))
    }
}

/// The fleet file: the hosts that are backed up, and the storage host that keeps their snapshots.
//
// The comment of a key describes it. What happens without the key, an example and the first version with the key are
// attributes, from which the schema, the manual page and the book get them:
//
// x-since     the first version of genbackup that knows the key
// x-also      forms of the value that came later, each with its version
// x-default   the default
// x-without   what holds without the key, where no value says it; it continues "Default: "
// x-same-as   the table whose keys are the defaults of this table's keys
// x-kind      what a string stands for; most types have one in `schema::grammar`
// x-name      what stands for the names of tables that the administrator names; `NAME` by default
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FleetFile {
    /// The oldest version of genbackup that can read this file. An older genbackup refuses the file and names this
    /// version.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "examples" = ["0.2"]))]
    pub requires: Field<Release>,
    /// When the hosts without their own schedule are backed up, and how a run works.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub schedule: Field<ScheduleTable>,
    /// The restic repository and the storage host that keeps it.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub repository: Field<RepositoryTable>,
    /// How clients on other machines mount the repository.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required if the fleet has clients on other machines"
    ))]
    pub nfs: Field<NfsTable>,
    /// How the storage host connects to clients on other machines.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required if the fleet has clients on other machines"
    ))]
    pub ssh: Field<SshTable>,
    /// The hosts, one table `[hosts.NAME]` for each. `NAME` is the host name that its snapshots carry. Put a name
    /// with dots in quotes, as in `[hosts."www.example.net"]`.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub hosts: Field<BTreeMap<Spanned<HostName>, HostTable>>,
    /// At which age a last backup is a warning or an alert, and which files genbackup writes for other programs.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "the ages follow from the schedule"))]
    pub monitor: Field<MonitorTable>,
    /// The recipients of notifications, one table `[notify.NAME]` for each.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none"))]
    pub notify: Field<BTreeMap<Spanned<NotifyName>, NotifyTable>>,
    /// Copies of the repository in other places, one table `[offsite.NAME]` for each.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none"))]
    pub offsite: Field<BTreeMap<Spanned<CopyName>, OffsiteTable>>,
    /// The oldest versions of restic and systemd on the hosts. genbackup uses what newer versions can do only if this
    /// table names them. `[hosts.NAME.minimum-versions]` overrides single keys for one host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the defaults of its keys"))]
    pub minimum_versions: Field<VersionsTable>,
    /// What backups, forget and prune may use of their host, for all hosts. `[hosts.NAME.power]` overrides single
    /// keys for one host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the defaults of its keys"))]
    pub power: Field<PowerTable>,
}

/// `[schedule]`: when the hosts without their own schedule are backed up, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScheduleTable {
    /// When the run starts: a calendar expression of systemd.time(7), or a list of them. Times are in the time zone
    /// of the storage host, unless the expression names another.
    #[schemars(
        required,
        extend("x-since" = "0.1.0", "x-also" = "a list: 0.2.0", "examples" = ["*-*-* 04:00:00"])
    )]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The longest random delay of each start.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "no delay", "examples" = ["15min"]))]
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host missed while it was off. `after-missed-run` starts it as soon as
    /// the host is up. `never` skips it.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::CATCH_UP.word(), "examples" = ["never"]))]
    pub catch_up: Field<CatchUpWord>,
    /// The number of hosts that are backed up at the same time.
    #[schemars(
        range(min = 1, max = 256),
        extend("x-since" = "0.1.0", "x-default" = defaults::MAX_PARALLEL, "examples" = [4])
    )]
    pub max_parallel: Field<i64>,
    /// How long the backup of one host may take, including its `before` hooks. A backup that takes longer is stopped.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::TIME_LIMIT.text, "examples" = ["6h"]))]
    pub time_limit: Field<TimeSpan>,
}

words! {
    /// What happens to a run that the storage host missed while it was off.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    CatchUpWord, word {
        /// It starts as soon as the host is up (`Persistent=`, systemd.timer(5)).
        AfterMissedRun = "after-missed-run",
        /// It is skipped.
        Never = "never",
    }
}

impl TryFrom<String> for CatchUpWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = Self::ALL.map(Self::word);
        Self::of_word(&text).ok_or_else(|| unknown_word(&text, words))
    }
}

/// `[repository]`: the restic repository and the storage host that keeps it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RepositoryTable {
    /// The storage host, by its name in `[hosts]`. It keeps the repository and starts the backups.
    #[schemars(
        required,
        extend("x-since" = "0.1.0", "x-kind" = "name of a host in `[hosts]`", "examples" = ["jak"])
    )]
    pub host: Field<String>,
    /// The directory of the repository on the storage host.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/mnt/storage/restic"]))]
    pub path: Field<UnitPath>,
    /// The mount point of the file system that holds the repository, or `/` for the root file system. While it is not
    /// mounted, the repository is neither exported nor created.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "nothing checks that a file system is mounted; required with `initialize`",
        "examples" = ["/mnt/storage"]
    ))]
    pub file_system: Field<UnitPath>,
    /// The file on the storage host whose first line is the password of the repository. Make it readable for root
    /// only: systemd passes the password to the units.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/etc/genbackup/restic-password"]))]
    pub password_file: Field<UnitPath>,
    /// Which snapshots forget keeps of each host. Write rules of restic, separated by commas: a number or `unlimited`
    /// with a period, or `within` with an age.
    #[schemars(
        required,
        extend(
            "x-since" = "0.1.0",
            "x-also" = "`within` and `unlimited`: 0.2.0",
            "examples" = ["30 daily, 5 weekly, 12 monthly, 10 yearly"]
        )
    )]
    pub keep: Field<KeepPolicy>,
    /// Create the repository if there has never been one. Requires `file-system`.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::INITIALIZE, "examples" = [true]))]
    pub initialize: Field<bool>,
    /// How long a backup, forget or prune waits for a lock that another restic holds.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::LOCK_WAIT.text, "examples" = ["45min"]))]
    pub lock_wait: Field<TimeSpan>,
    /// How long restic may take to end and to remove its lock when a backup or a restore is stopped. After that, it is
    /// killed and its lock stays.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::STOP_WAIT.text, "examples" = ["3min"]))]
    pub stop_wait: Field<TimeSpan>,
    /// The user id and group id of user restic on the storage host. The NFS export maps every client to them.
    #[schemars(
        range(min = 1, max = 65_533),
        extend("x-since" = "0.1.0", "x-default" = defaults::USER_ID, "examples" = [12_345])
    )]
    pub uid: Field<i64>,
}

/// `[nfs]`: how clients reach the repository.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NfsTable {
    /// The directory where clients mount the repository. It is mounted only while a backup runs.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/mnt/backup"]))]
    pub mount: Field<UnitPath>,
}

/// `[ssh]`: how the storage host reaches clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SshTable {
    /// The TCP port on which the backup's own sshd listens on each client. It cannot be 22.
    #[schemars(
        range(min = 1, max = 65_535),
        extend("x-since" = "0.1.0", "x-default" = defaults::PORT, "examples" = [2222])
    )]
    pub port: Field<i64>,
    /// The file on the storage host with the private ssh key for the clients. Make it readable for root only. On a
    /// client, this key can only request a backup.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/etc/genbackup/ssh_ed25519"]))]
    pub key_file: Field<UnitPath>,
    /// The public key that belongs to `key-file`: the text of its `.pub` file.
    #[schemars(
        required,
        extend(
            "x-since" = "0.1.0",
            "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"]
        )
    )]
    pub public_key: Field<PublicKey>,
}

/// A host of the fleet. The storage host needs a table, too, which may be empty if it only stores backups.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostTable {
    /// The host name or IP address under which the other hosts reach this host. If the storage host has an IP address
    /// here, clients accept its ssh key from that address only.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "the name of the host", "examples" = ["ziz.example.net"]))]
    pub address: Field<Address>,
    /// Where `genbackup push` connects to with the administrator's own ssh: any destination that ssh(1) takes. Its user
    /// is root or has passwordless sudo. Refused for the storage host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "`root@` and the address",
        "examples" = ["admin@ziz.example.net"]
    ))]
    pub push_to: Field<Destination>,
    /// The public ssh host key of a client: the text of `/etc/ssh/ssh_host_ed25519_key.pub` there. Refused for the
    /// storage host.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required for each client",
        "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"]
    ))]
    pub host_key: Field<PublicKey>,
    /// The file on the client with the private key that belongs to `host-key`. Refused for the storage host.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-default" = defaults::HOST_KEY_FILE,
        "examples" = ["/etc/genbackup/host_key"]
    ))]
    pub host_key_file: Field<UnitPath>,
    /// The absolute paths to back up. `*`, `~` and variables are not expanded. A storage host without this key is not
    /// backed up.
    #[schemars(
        length(min = 1),
        extend(
            "x-since" = "0.1.0",
            "x-without" = "none; required for each client",
            "examples" = [["/etc", "/home", "/srv", "/var/backups"]]
        )
    )]
    pub include: List<AbsolutePath>,
    /// The paths to exclude, as patterns of restic.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = [], "examples" = [["/home/*/.cache", "*.tmp"]]))]
    pub exclude: List<ExcludePattern>,
    /// Exclude the content of a directory that holds a file with one of these names. With `NAME:HEADER`, the file must
    /// start with `HEADER`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [[".nobackup"]]))]
    pub exclude_if_present: List<Marker>,
    /// Exclude files that are larger than this size.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["4 GiB"]))]
    pub exclude_larger_than: Field<FileSize>,
    /// Exclude the content of directories with a `CACHEDIR.TAG` file.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::EXCLUDE_CACHES, "examples" = [true]))]
    pub exclude_caches: Field<bool>,
    /// Exclude other file systems that are mounted below an included path.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::ONE_FILE_SYSTEM, "examples" = [true]))]
    pub one_file_system: Field<bool>,
    /// Leave the access times of files unchanged. This gives the unit that reads the files the capability
    /// `CAP_FOWNER`.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::PRESERVE_ACCESS_TIMES, "examples" = [true]))]
    pub preserve_access_times: Field<bool>,
    /// The included directories that may be empty. Any other included directory that is empty makes the backup
    /// `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/srv"]]))]
    pub may_be_empty: List<AbsolutePath>,
    /// The mount points that must be mounted during a backup. If one is not mounted, the backup is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/srv"]]))]
    pub must_be_mounted: List<AbsolutePath>,
    /// How old the last backup of an unreachable client may be without a warning, as for a laptop. Refused for the
    /// storage host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "an unreachable client is a warning at once",
        "examples" = ["5d"]
    ))]
    pub may_be_absent: Field<TimeSpan>,
    /// The oldest versions of restic and systemd on this host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "as in `[minimum-versions]`",
        "x-same-as" = "minimum-versions"
    ))]
    pub minimum_versions: Field<VersionsTable>,
    /// Commands that run before each backup, such as a database dump, one table `[hosts.NAME.before.HOOK]` for each.
    /// If one fails, the backup is made and is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "x-name" = "HOOK"))]
    pub before: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// Commands that run after each backup, also after one that failed, one table `[hosts.NAME.after.HOOK]` for each.
    /// If one fails, the next backup of the host is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "x-name" = "HOOK"))]
    pub after: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// What a backup, forget and prune may use of this host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[power]`", "x-same-as" = "power"))]
    pub power: Field<PowerTable>,
    /// The host's own schedule: it is backed up in a separate run, and the run of `[schedule]` skips it.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the host is backed up in the run of `[schedule]`"))]
    pub schedule: Field<OwnScheduleTable>,
    /// At which age this host's last backup is a warning or an alert.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "the ages follow from the host's own schedule; without one, as in `[monitor]`"
    ))]
    pub monitor: Field<OwnMonitorTable>,
    /// Which snapshots forget keeps of this host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "as in `[repository]`",
        "examples" = ["within 30d, 12 monthly"]
    ))]
    pub keep: Field<KeepPolicy>,
    /// The tags of this host's snapshots in addition to `genbackup`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["important"]]))]
    pub tags: List<Tag>,
}

/// `[hosts.NAME.schedule]`: when one host is backed up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnScheduleTable {
    /// When the run of this host starts: a calendar expression of systemd.time(7), or a list of them. Times are in
    /// the time zone of the storage host, unless the expression names another.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["Sun 12:00"]))]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The longest random delay of each start.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[schedule]`", "examples" = ["1h"]))]
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host missed while it was off. `after-missed-run` starts it as soon as
    /// the host is up. `never` skips it.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[schedule]`", "examples" = ["never"]))]
    pub catch_up: Field<CatchUpWord>,
}

/// `[hosts.NAME.monitor]`: at which age one host's last backup is a warning or an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnMonitorTable {
    /// A last complete backup that is older than this is a warning.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["8d"]))]
    pub warn_after: Field<TimeSpan>,
    /// A last complete backup that is older than this is an alert. Not less than `warn-after`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["15d"]))]
    pub alert_after: Field<TimeSpan>,
}

/// A command that runs as a separate unit, with its own user and sandbox.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookTable {
    /// The user that runs the command. It must exist on the host, and cannot be `restic`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["postgres"]))]
    pub user: Field<UserName>,
    /// The full path of the program, and each argument as a separate string. No shell runs the command.
    #[schemars(
        required,
        extend(
            "x-since" = "0.2.0",
            "minItems" = 1,
            "examples" = [["/usr/bin/pg_dumpall", "--file=/var/backups/postgres/all.sql"]]
        )
    )]
    pub command: List<CommandWord>,
    /// The files and directories that the command may write to; they must exist. If a `before` hook writes files, at
    /// least one of these paths must be backed up.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/var/backups/postgres"]]))]
    pub writes: List<UnitPath>,
    /// What the command can reach over the network: `none`, `local` (services of the same host) or `any`. Sockets
    /// below `/run` are always within reach.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::HOOK_NETWORK.word(), "examples" = ["local"]))]
    pub network: Field<Network>,
    /// How long the command may take.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::HOOK_TIME_LIMIT.text, "examples" = ["20min"]))]
    pub time_limit: Field<TimeSpan>,
}

/// `[power]`, also of one host: what a backup, forget and prune may use of their host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PowerTable {
    /// How much processor time they leave to other programs, as in nice(1): from 0 (none) to 19 (most).
    #[schemars(
        range(min = 0, max = 19),
        extend("x-since" = "0.2.0", "x-default" = defaults::NICE, "examples" = [10])
    )]
    pub nice: Field<i64>,
    /// Use the disk only while no other program does.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::IDLE_IO, "examples" = [true]))]
    pub idle_io: Field<bool>,
    /// Their share of the processor while others need it too (`CPUWeight=`). Other services have 100.
    #[schemars(
        range(min = 1, max = 10_000),
        extend("x-since" = "0.2.0", "x-without" = "not set", "examples" = [20])
    )]
    pub cpu_weight: Field<i64>,
    /// The most memory that they may use, from `256 MiB` to `16 TiB`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["1 GiB"]))]
    pub memory_limit: Field<MemorySize>,
    /// How fast a backup may write to the repository.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["20 MiB/s"]))]
    pub limit_upload: Field<Rate>,
    /// How fast a backup may read from the repository.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["512 KiB/s"]))]
    pub limit_download: Field<Rate>,
    /// Keep the host from going to sleep while a backup, forget or prune is running.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::KEEP_AWAKE, "examples" = [false]))]
    pub keep_awake: Field<bool>,
    /// What happens to a backup while the host runs on battery: `back-up` makes it, `skip` reports the host as
    /// unreachable.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::ON_BATTERY.word(), "examples" = ["skip"]))]
    pub on_battery: Field<OnBattery>,
}

/// `[minimum-versions]`, also of one host: the oldest versions of programs. What newer versions can do is used only
/// where the fleet file names them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VersionsTable {
    /// The oldest version of restic.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = ResticVersion::OLDEST.to_string(), "examples" = ["0.18"]))]
    pub restic: Field<ResticVersion>,
    /// The oldest version of systemd.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = SystemdVersion::OLDEST.to_string(), "examples" = ["257"]))]
    pub systemd: Field<SystemdVersion>,
}

/// `[monitor]`: at which age a last backup is a warning or an alert, and which files genbackup writes for other
/// programs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("dependencies" = {"warn-after": ["alert-after"], "alert-after": ["warn-after"]}))]
pub struct MonitorTable {
    /// A last complete backup, forget or prune that is older than this is a warning. Required if `alert-after` is set,
    /// or if the table has no other key.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = concat!(
            "the longest gap in `[schedule]`, its `randomized-delay` and one hour, which is `25h` for one run a ",
            "night"
        ),
        "examples" = ["25h"]
    ))]
    pub warn_after: Field<TimeSpan>,
    /// A last complete backup, forget or prune that is older than this is an alert. Not less than `warn-after`.
    /// Required if `warn-after` is set, or if the table has no other key.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = concat!(
            "a sixth of the longest gap in `[schedule]`, but at least one hour, later than the warning, which is ",
            "`29h` for one run a night"
        ),
        "examples" = ["29h"]
    ))]
    pub alert_after: Field<TimeSpan>,
    /// The file with metrics for the textfile collector of the Prometheus node exporter. genbackup writes it after each
    /// run and every 15 minutes. User restic must be able to write to its directory.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "no file",
        "examples" = ["/var/lib/prometheus/node-exporter/genbackup.prom"]
    ))]
    pub metrics: Field<UnitPath>,
    /// The file with the report, a page of HTML. genbackup writes it after each run and every 15 minutes. User restic
    /// must be able to write to its directory.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no file", "examples" = ["/srv/www/backup.html"]))]
    pub report: Field<UnitPath>,
    /// At which age the last forget is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as for backups"))]
    pub forget: Field<PhaseMonitorTable>,
    /// At which age the last prune is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as for backups"))]
    pub prune: Field<PhaseMonitorTable>,
    /// Expect checks of the repository that `genbackup record check` records, and set at which age the last one is a
    /// warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no checks are expected"))]
    pub check: Field<PhaseMonitorTable>,
    /// Expect restore drills that `genbackup record drill` records, and set at which age the last one is a warning or
    /// an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no drills are expected"))]
    pub drill: Field<PhaseMonitorTable>,
    /// Expect offsite copies that `genbackup record offsite` records, and set at which age the last one is a warning
    /// or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no copies are expected"))]
    pub offsite: Field<PhaseMonitorTable>,
}

/// `[monitor.PHASE]`: at which age the last result of a phase is a warning or an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PhaseMonitorTable {
    /// A last result that is older than this is a warning.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["26h"]))]
    pub warn_after: Field<TimeSpan>,
    /// A last result that is older than this is an alert. Not less than `warn-after`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["3d"]))]
    pub alert_after: Field<TimeSpan>,
}

/// A recipient of notifications.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotifyTable {
    /// The service that gets the notifications.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["telegram"]))]
    pub kind: Field<KindWord>,
    /// The file on the storage host whose first line is the address, with token and recipient. Make it readable for
    /// root only. Refused for `email`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for every kind except `email`",
        "examples" = ["/etc/genbackup/telegram"]
    ))]
    pub address_file: Field<UnitPath>,
    /// The recipients of the email. Refused for other kinds.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `email`",
        "minItems" = 1,
        "examples" = [["admin@example.net"]]
    ))]
    pub to: List<EmailAddress>,
}

/// A copy of the repository in another place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OffsiteTable {
    /// How the copy is made. `sync` copies the encrypted files with rclone, without the password. `copy` copies
    /// snapshots with restic into a repository with its own password and keep policy.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["sync"]))]
    pub kind: Field<CopyWord>,
    /// The place of the copy: a remote of rclone and a path, or a directory of the storage host. Required for `sync`,
    /// and refused for `copy`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sync`",
        "examples" = ["cloud:backups/restic"]
    ))]
    pub remote: Field<Remote>,
    /// The configuration file of rclone on the storage host, with the credential of the remote. Make it readable for
    /// root only. Refused for `copy`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for a remote that is not a directory",
        "examples" = ["/etc/genbackup/rclone.conf"]
    ))]
    pub config_file: Field<UnitPath>,
    /// When files that the repository no longer has leave the copy: `after` and a time span, `at-once` or `never`.
    /// Refused for `copy`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::DELETE.text, "examples" = ["after 90d"]))]
    pub delete: Field<Deletion>,
    /// How many snapshots the repository may lose between two copies. If it lost more, nothing is copied or deleted
    /// until you accept it. The same holds for what the `keep` of a `copy` would remove. One snapshot of each host for
    /// each day since the last copy may go in any case.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::MAX_LOSS.text, "examples" = ["25%"]))]
    pub max_loss: Field<Percent>,
    /// The repository to copy to, as `restic --repo` takes it. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["sftp:backup@nas.example.net:/backup"]
    ))]
    pub repository: Field<RepositoryAddress>,
    /// The file on the storage host whose first line is the password of that repository. Make it readable for root
    /// only. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["/etc/genbackup/friend-password"]
    ))]
    pub password_file: Field<UnitPath>,
    /// Which snapshots that repository keeps of each host. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["12 monthly, 5 yearly"]
    ))]
    pub keep: Field<KeepPolicy>,
    /// The file on the storage host with the credential of that repository, as lines `NAME=VALUE` of environment
    /// variables. Make it readable for root only. Refused for `sync`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "examples" = ["/etc/genbackup/friend.env"]))]
    pub environment_file: Field<UnitPath>,
    /// The file on the storage host with the private ssh key for an `sftp:` repository. Make it readable for root only.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sftp:`",
        "examples" = ["/etc/genbackup/friend_ed25519"]
    ))]
    pub ssh_key_file: Field<UnitPath>,
    /// The public ssh host key of the server of an `sftp:` repository. Another key is refused.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sftp:`",
        "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"]
    ))]
    pub host_key: Field<PublicKey>,
    /// Copy after each run, once forget and prune are done.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required without `calendar`",
        "examples" = [true]
    ))]
    pub after_run: Field<bool>,
    /// When the copy starts: a calendar expression of systemd.time(7), or a list of them. Refused with `after-run`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required without `after-run`",
        "examples" = ["Sun 09:00"]
    ))]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// How fast the copy may send.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["20 MiB/s"]))]
    pub bandwidth: Field<Rate>,
    /// Where the copy is, in a word or two. Copies with the same word count as one place.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the name of the copy", "examples" = ["cloud"]))]
    pub r#where: Field<Place>,
    /// At which age the last copy is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the ages follow from when the copy starts"))]
    pub monitor: Field<OwnMonitorTable>,
}

words! {
    /// How a copy is made.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    CopyWord, word {
        /// By rclone, file by file.
        Sync = "sync",
        /// By `restic copy`, snapshot by snapshot.
        Copy = "copy",
    }
}

impl TryFrom<String> for CopyWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = Self::ALL.map(Self::word);
        Self::of_word(&text).ok_or_else(|| unknown_word(&text, words))
    }
}

/// How a recipient is notified.
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
        let messages = MessageService::ALL.into_iter();
        let messages = messages.map(|service| (service.word(), WebService::Messages(service)));
        let runs = PushMonitor::ALL.into_iter();
        let runs = runs.map(|monitor| (monitor.word(), WebService::Runs(monitor)));
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
        listed(Self::words())
    }
}

impl TryFrom<String> for KindWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = Self::all().find(|(word, _)| *word == text);
        known
            .map(|(_, kind)| kind)
            .ok_or_else(|| unknown_word(&text, Self::words()))
    }
}

/// The refusal of a text that is none of these words.
fn unknown_word(text: &str, words: impl IntoIterator<Item = &'static str>) -> Refusal {
    Refusal::new(
        format!("unknown value `{text}`"),
        format!("write {}", listed(words)),
    )
}

impl FleetFile {
    /// The calendar expressions that can be read, with their places: the fleet's, each host's own, and those of copies.
    pub fn calendars(&self) -> impl Iterator<Item = (Range<usize>, &Calendar)> {
        let fleet = self
            .schedule
            .iter()
            .filter_map(|table| table.get_ref().calendar.as_ref());
        let hosts = self.hosts.iter().flat_map(|hosts| hosts.get_ref().values());
        let own = hosts.filter_map(|host| host.schedule.as_ref()?.get_ref().calendar.as_ref());
        let copies = self.offsite.iter().flat_map(|copies| copies.get_ref().values());
        let of_copies = copies.filter_map(|copy| copy.calendar.as_ref());
        fleet.chain(own).chain(of_copies).flat_map(Spanned::values)
    }
}

//! The fleet, valid and complete: every default filled in, every pair of values known to fit.

use std::collections::BTreeMap;

use super::phase::Phase;

use super::{
    AbsolutePath, Address, Calendars, CopyName, Destination, ExcludePattern, FileSize, Hooks, HostName,
    KeepPolicy, Marker, MinimumVersions, Offsite, Power, PublicKey, Tag, TimeSpan, UnitPath, Watching,
};

/// One storage host, and the hosts that it backs up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// When the fleet's run starts, and its limits.
    pub schedule: Schedule,
    /// Where the snapshots are.
    pub repository: Repository,
    /// The host that holds the repository and coordinates the runs.
    pub storage: StorageHost,
    /// The clients on other machines; `None` if the storage host backs up only itself.
    pub remote: Option<RemoteClients>,
    /// The maximum age of a last backup, if the fleet file sets it.
    pub monitor: Option<Monitor>,
    /// The maximum age of the last result of each phase for which the fleet file sets it.
    pub phases: BTreeMap<Phase, Monitor>,
    /// The recipients of notifications, and the files for other programs.
    pub watching: Watching,
    /// The copies of the repository in other places.
    pub offsite: BTreeMap<CopyName, Offsite>,
}

/// When the run of the hosts without their own schedule starts, and the limits of each run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it starts.
    pub timing: Timing,
    /// The number of hosts that are backed up at the same time; at least 1.
    pub max_parallel: u16,
    /// The time limit of one host.
    pub time_limit: TimeSpan,
}

/// When a timer starts a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The times.
    pub calendars: Calendars,
    /// The longest random delay of a start.
    pub randomized_delay: Option<TimeSpan>,
    /// What happens to a run that the storage host missed while it was off.
    pub catch_up: CatchUp,
}

/// What happens to a run that the storage host missed while it was off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// It starts as soon as the host is up.
    AfterMissedRun,
    /// It is skipped.
    Never,
}

/// Where the snapshots are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its directory on the storage host.
    pub path: UnitPath,
    /// The mount point of its file system, if the fleet file sets it.
    pub file_system: Option<UnitPath>,
    /// The file with its password, on the storage host.
    pub password_file: UnitPath,
    /// Which snapshots of the hosts without their own keep policy stay.
    pub keep: KeepPolicy,
    /// Whether it is created if it is missing.
    pub creation: Creation,
    /// How long to wait for the lock of another process.
    pub lock_wait: TimeSpan,
    /// How long restic may take to stop. After that, it is killed and its lock stays.
    pub stop_wait: TimeSpan,
    /// The user ID and group ID of user restic on the storage host.
    pub uid: u32,
}

/// Whether a missing repository is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// An admin creates it.
    ByHand,
    /// The storage host creates it once this file system is mounted.
    OnceMounted {
        /// The mount point.
        file_system: UnitPath,
    },
}

impl Creation {
    /// True if it is created on the root file system, which is always mounted.
    #[must_use]
    pub fn is_on_root(&self) -> bool {
        matches!(self, Self::OnceMounted { file_system } if file_system.as_str() == "/")
    }
}

/// The host that holds the repository and coordinates the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageHost {
    /// Its name in the fleet.
    pub name: HostName,
    /// The address at which clients reach its NFS server.
    pub address: Address,
    /// Its source; `None` if it only stores snapshots.
    pub source: Option<Source>,
    /// What its backup, forget and prune may use of it.
    pub power: Power,
    /// The oldest versions of its programs.
    pub versions: MinimumVersions,
}

/// The clients on other machines, and their common settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClients {
    /// Where each of them mounts the repository.
    pub mount: UnitPath,
    /// The port on which each listens for the storage host.
    pub port: u16,
    /// The private key, on the storage host.
    pub key_file: UnitPath,
    /// Its public key.
    pub public_key: PublicKey,
    /// The clients; at least one.
    pub clients: BTreeMap<HostName, RemoteClient>,
}

/// A client on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClient {
    /// The address at which the storage host reaches it.
    pub address: Address,
    /// Where `genbackup push` connects to with the administrator's own ssh.
    pub push_to: Destination,
    /// Its ssh public key, which the storage host pins.
    pub host_key: PublicKey,
    /// The file with its private key, on the client.
    pub host_key_file: UnitPath,
    /// Its source.
    pub source: Source,
    /// What its backup may use of it.
    pub power: Power,
    /// The maximum age of its last backup while it is unreachable; `None` if an unreachable client is a warning at
    /// once.
    pub may_be_absent: Option<TimeSpan>,
    /// The oldest versions of its programs.
    pub versions: MinimumVersions,
}

/// What is backed up of a host, its own settings, and its hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The included files and directories; at least one.
    pub include: Vec<AbsolutePath>,
    /// The excluded paths.
    pub exclude: Vec<ExcludePattern>,
    /// The content of directories with such a file is excluded.
    pub exclude_if_present: Vec<Marker>,
    /// Larger files are excluded.
    pub exclude_larger_than: Option<FileSize>,
    /// The included directories that may be empty.
    pub may_be_empty: Vec<AbsolutePath>,
    /// The mount points that must be mounted.
    pub must_be_mounted: Vec<AbsolutePath>,
    /// Directories with a `CACHEDIR.TAG` file.
    pub caches: Caches,
    /// Other file systems mounted below an included directory.
    pub file_systems: FileSystems,
    /// What reading a file does to its access time.
    pub access_times: AccessTimes,
    /// The commands before and after the backup.
    pub hooks: Hooks,
    /// Its own schedule; `None` if it is backed up in the fleet's run.
    pub schedule: Option<Timing>,
    /// The maximum age of its last backup, if the fleet file sets it for this host.
    pub monitor: Option<Monitor>,
    /// Which of its snapshots stay; `None` for [`Repository::keep`].
    pub keep: Option<KeepPolicy>,
    /// The tags of its snapshots in addition to our own tag.
    pub tags: Vec<Tag>,
}

/// Directories with a `CACHEDIR.TAG` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// They are backed up.
    Include,
    /// Their content is excluded.
    Exclude,
}

/// Other file systems mounted below an included directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystems {
    /// They are backed up.
    Cross,
    /// They are excluded.
    StayOnOne,
}

/// What reading a file does to its access time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTimes {
    /// It changes, as the options of the mount define (`relatime`, mount(8)).
    Change,
    /// It stays, which needs the capability `CAP_FOWNER`.
    Preserve,
}

/// The maximum age of a last backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// An older one is a warning.
    pub warn_after: TimeSpan,
    /// An older one is an alert; not less than `warn_after`.
    pub alert_after: TimeSpan,
}

impl Fleet {
    /// The names of all hosts: the storage host first, then the clients in order.
    pub fn host_names(&self) -> impl Iterator<Item = &HostName> {
        let clients = self.remote.iter().flat_map(|remote| remote.clients.keys());
        std::iter::once(&self.storage.name).chain(clients)
    }

    /// The names of the hosts that are backed up, in the same order.
    pub fn backed_up(&self) -> impl Iterator<Item = &HostName> {
        let stores_only = self.storage.source.is_none();
        self.host_names().skip(usize::from(stores_only))
    }

    /// The source of a host; `None` if it only stores snapshots.
    #[must_use]
    pub fn source(&self, host: &HostName) -> Option<&Source> {
        if *host == self.storage.name {
            return self.storage.source.as_ref();
        }
        Some(&self.remote.as_ref()?.clients.get(host)?.source)
    }

    /// The hosts with their own schedule, in the same order.
    pub fn with_own_schedule(&self) -> impl Iterator<Item = (&HostName, &Timing)> {
        self.backed_up()
            .filter_map(|host| Some((host, self.source(host)?.schedule.as_ref()?)))
    }

    /// True if a host is backed up in its own run, and not in the fleet's.
    #[must_use]
    pub(crate) fn has_own_schedule(&self, host: &HostName) -> bool {
        self.source(host).is_some_and(|source| source.schedule.is_some())
    }

    /// Which snapshots of a host stay.
    #[must_use]
    pub fn keep(&self, host: &HostName) -> &KeepPolicy {
        let own = self.source(host).and_then(|source| source.keep.as_ref());
        own.unwrap_or(&self.repository.keep)
    }

    /// Replaces every keep policy: the fleet's, and those of hosts with their own.
    pub(crate) fn replace_keep(&mut self, policy: &KeepPolicy) {
        self.repository.keep = policy.clone();
        let clients = self
            .remote
            .iter_mut()
            .flat_map(|remote| remote.clients.values_mut());
        let sources = clients.map(|client| &mut client.source);
        for source in sources.chain(self.storage.source.as_mut()) {
            source.keep = source.keep.as_ref().map(|_| policy.clone());
        }
    }

    /// The hosts with their own keep policy, in the same order.
    pub(crate) fn with_own_keep(&self) -> impl Iterator<Item = (&HostName, &KeepPolicy)> {
        self.backed_up()
            .filter_map(|host| Some((host, self.source(host)?.keep.as_ref()?)))
    }

    /// The name of the timer and of the service that back up a host, without their suffix.
    #[must_use]
    pub(crate) fn run_of(&self, host: &HostName) -> String {
        if self.has_own_schedule(host) {
            Self::run_of_those(&[host])
        } else {
            "genbackup".to_owned()
        }
    }

    /// The name of the service that backs up only these hosts, without its suffix. `_` separates them: no host name
    /// has one.
    #[must_use]
    pub(crate) fn run_of_those(hosts: &[&HostName]) -> String {
        let names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
        format!("genbackup-run@{}", names.join("_"))
    }

    /// The phases that are expected: those of each run, and the ad hoc phases for which the fleet file sets a maximum
    /// age.
    pub(crate) fn expected_phases(&self) -> impl Iterator<Item = Phase> {
        let is_expected = |phase: &Phase| !phase.is_ad_hoc() || self.phases.contains_key(phase);
        Phase::ALL.into_iter().filter(is_expected)
    }

    /// What a backup of a host may use.
    #[must_use]
    pub fn power(&self, host: &HostName) -> Option<&Power> {
        if *host == self.storage.name {
            return Some(&self.storage.power);
        }
        Some(&self.remote.as_ref()?.clients.get(host)?.power)
    }

    /// The maximum age of a host's last backup while it is unreachable.
    #[must_use]
    pub fn may_be_absent(&self, host: &HostName) -> Option<TimeSpan> {
        self.remote.as_ref()?.clients.get(host)?.may_be_absent
    }
}

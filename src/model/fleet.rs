//! The fleet, valid and complete: every default filled in, every pair of values known to fit.

use std::collections::BTreeMap;

use crate::record::Phase;

use super::{
    AbsolutePath, Address, Calendars, Destination, ExcludePattern, FileSize, Hooks, HostName, KeepPolicy, Marker,
    MinimumVersions, Power, PublicKey, Tag, TimeSpan, UnitPath, Watching,
};

/// One storage host, and the hosts that it backs up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// When the fleet's run starts and how a run goes.
    pub schedule: Schedule,
    /// Where the snapshots are.
    pub repository: Repository,
    /// The host that holds the repository and coordinates the runs.
    pub storage: StorageHost,
    /// The clients on other machines; none when the storage host backs up only itself.
    pub remote: Option<RemoteClients>,
    /// How old a last backup may be, where the fleet says so.
    pub monitor: Option<Monitor>,
    /// How old the last of a phase may be, of those for which the fleet says so.
    pub phases: BTreeMap<Phase, Monitor>,
    /// Who is told, and what is written for others to read.
    pub watching: Watching,
}

/// When the fleet's run starts, which has the hosts without a schedule of their own, and how a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it starts.
    pub timing: Timing,
    /// How many hosts are backed up at once; at least 1.
    pub max_parallel: u16,
    /// How long one host may take.
    pub time_limit: TimeSpan,
}

/// When a run starts by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The times.
    pub calendars: Calendars,
    /// The start is put off by a random part of this.
    pub randomized_delay: Option<TimeSpan>,
    /// What happens to a run that the storage host slept through.
    pub catch_up: CatchUp,
}

/// What happens to a run that the storage host slept through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// It starts as soon as the host is up.
    AfterMissedRun,
    /// It is left out.
    Never,
}

/// Where the snapshots are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its directory on the storage host.
    pub path: UnitPath,
    /// The mount point of the file system that it lies on, where the fleet says so.
    pub file_system: Option<UnitPath>,
    /// The file with its password, on the storage host.
    pub password_file: UnitPath,
    /// Which snapshots stay, of the hosts without a keep policy of their own.
    pub keep: KeepPolicy,
    /// Whether it is made where none is.
    pub creation: Creation,
    /// How long to wait for somebody else's lock.
    pub lock_wait: TimeSpan,
    /// How long a restic that is told to stop may take, before it is killed and its lock stays.
    pub stop_wait: TimeSpan,
    /// The user and group id of restic on the storage host.
    pub uid: u32,
}

/// Whether a repository is made where none is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// Somebody makes it by hand.
    ByHand,
    /// The storage host makes it, once this file system is mounted.
    OnceMounted {
        /// The mount point.
        file_system: UnitPath,
    },
}

impl Creation {
    /// True when it is made on the root file system, which is always mounted.
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
    /// Where clients reach its NFS server.
    pub address: Address,
    /// What of it is backed up; nothing when it only stores.
    pub source: Option<Source>,
    /// What its backup, forget and prune take of it.
    pub power: Power,
    /// The programs that it has at least.
    pub versions: MinimumVersions,
}

/// The clients on other machines, and what all of them share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClients {
    /// Where each of them mounts the repository.
    pub mount: UnitPath,
    /// The port on which each waits for the storage host.
    pub port: u16,
    /// The private key, on the storage host.
    pub key_file: UnitPath,
    /// Its public key.
    pub public_key: PublicKey,
    /// The clients; at least one.
    pub clients: BTreeMap<HostName, RemoteClient>,
}

/// A client on another machine than the storage host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClient {
    /// Where the storage host reaches it.
    pub address: Address,
    /// Where the administrator's own ssh reaches it.
    pub push_to: Destination,
    /// Its ssh public key, which the storage host pins.
    pub host_key: PublicKey,
    /// The private key of that, on the client.
    pub host_key_file: UnitPath,
    /// What of it is backed up.
    pub source: Source,
    /// What its backup takes of it.
    pub power: Power,
    /// How long it may be out of reach before anybody is told; not at all unless the fleet says so.
    pub may_be_absent: Option<TimeSpan>,
    /// The programs that it has at least.
    pub versions: MinimumVersions,
}

/// What of a client is backed up, when, and what is done before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Files and directories; at least one.
    pub include: Vec<AbsolutePath>,
    /// What is left out of them.
    pub exclude: Vec<ExcludePattern>,
    /// Directories with such a file are left out of them.
    pub exclude_if_present: Vec<Marker>,
    /// Files that are larger are left out.
    pub exclude_larger_than: Option<FileSize>,
    /// Those of the included directories that may have nothing in them.
    pub may_be_empty: Vec<AbsolutePath>,
    /// Mount points that are there on every good day.
    pub must_be_mounted: Vec<AbsolutePath>,
    /// Folders with a CACHEDIR.TAG.
    pub caches: Caches,
    /// Other file systems mounted below an included directory.
    pub file_systems: FileSystems,
    /// What reading a file does to its access time.
    pub access_times: AccessTimes,
    /// Commands before and after the backup.
    pub hooks: Hooks,
    /// When it is backed up, in a run of its own; without this, in the fleet's.
    pub schedule: Option<Timing>,
    /// How old its last backup may be, where the fleet says so of this host.
    pub monitor: Option<Monitor>,
    /// Which of its snapshots stay; without this, as in [`Repository::keep`].
    pub keep: Option<KeepPolicy>,
    /// What its snapshots are marked with, beside our own tag.
    pub tags: Vec<Tag>,
}

/// Folders with a CACHEDIR.TAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// Backed up like any other.
    Include,
    /// Left out.
    Exclude,
}

/// Other file systems mounted below an included directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystems {
    /// Backed up as well.
    Cross,
    /// Left out.
    StayOnOne,
}

/// What reading a file does to its access time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTimes {
    /// It changes, as the mount's options say (relatime, mount(8)).
    Change,
    /// It stays, which costs the capability `CAP_FOWNER`.
    Preserve,
}

/// How old a last backup may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// Older is a warning.
    pub warn_after: TimeSpan,
    /// Older is an alert; not less than `warn_after`.
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

    /// What of a host is backed up; nothing when it only stores.
    #[must_use]
    pub fn source(&self, host: &HostName) -> Option<&Source> {
        if *host == self.storage.name {
            return self.storage.source.as_ref();
        }
        Some(&self.remote.as_ref()?.clients.get(host)?.source)
    }

    /// The hosts with a schedule of their own, in the same order.
    pub fn with_own_schedule(&self) -> impl Iterator<Item = (&HostName, &Timing)> {
        self.backed_up()
            .filter_map(|host| Some((host, self.source(host)?.schedule.as_ref()?)))
    }

    /// True where a host is backed up in a run of its own, and not in the fleet's.
    #[must_use]
    pub fn has_own_schedule(&self, host: &HostName) -> bool {
        self.source(host).is_some_and(|source| source.schedule.is_some())
    }

    /// Which snapshots of a host stay.
    #[must_use]
    pub fn keep(&self, host: &HostName) -> &KeepPolicy {
        let own = self.source(host).and_then(|source| source.keep.as_ref());
        own.unwrap_or(&self.repository.keep)
    }

    /// Puts another keep policy in the place of each: the fleet's, and those of hosts with their own.
    pub fn replace_keep(&mut self, policy: &KeepPolicy) {
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

    /// The hosts with a keep policy of their own, in the same order.
    pub fn with_own_keep(&self) -> impl Iterator<Item = (&HostName, &KeepPolicy)> {
        self.backed_up()
            .filter_map(|host| Some((host, self.source(host)?.keep.as_ref()?)))
    }

    /// The name of the timer and of the service that back a host up, without what follows the last dot.
    #[must_use]
    pub fn run_of(&self, host: &HostName) -> String {
        if self.has_own_schedule(host) {
            Self::run_of_those(&[host])
        } else {
            "genbackup".to_owned()
        }
    }

    /// The name of the service that backs up these hosts alone, in the same way: there is no `_` in the name of a host.
    #[must_use]
    pub fn run_of_those(hosts: &[&HostName]) -> String {
        let names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
        format!("genbackup-run@{}", names.join("_"))
    }

    /// The phases that are expected: those of each run, and those beside the runs for which the fleet says how old the
    /// last may be.
    pub fn expected_phases(&self) -> impl Iterator<Item = Phase> {
        let is_expected = |phase: &Phase| !phase.is_beside() || self.phases.contains_key(phase);
        Phase::ALL.into_iter().filter(is_expected)
    }

    /// What its backup takes of a host.
    #[must_use]
    pub fn power(&self, host: &HostName) -> Option<&Power> {
        if *host == self.storage.name {
            return Some(&self.storage.power);
        }
        Some(&self.remote.as_ref()?.clients.get(host)?.power)
    }

    /// How long a host may be out of reach before anybody is told.
    #[must_use]
    pub fn may_be_absent(&self, host: &HostName) -> Option<TimeSpan> {
        self.remote.as_ref()?.clients.get(host)?.may_be_absent
    }
}

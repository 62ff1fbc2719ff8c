//! The fleet, valid and complete: every default filled in, every pair of values known to fit.

use std::collections::BTreeMap;

use crate::record::Phase;

use super::{
    AbsolutePath, Address, Calendar, ExcludePattern, Hooks, HostName, KeepPolicy, MinimumVersions, Power,
    PublicKey, TimeSpan, UnitPath, Watching,
};

/// One storage host, and the hosts that it backs up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// When a run starts and how it goes.
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

/// When a run starts and how it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it starts.
    pub calendar: Calendar,
    /// The start is put off by a random part of this.
    pub randomized_delay: Option<TimeSpan>,
    /// What happens to a run that the storage host slept through.
    pub catch_up: CatchUp,
    /// How many hosts are backed up at once; at least 1.
    pub max_parallel: u16,
    /// How long one host may take.
    pub time_limit: TimeSpan,
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
    /// Its folder on the storage host.
    pub path: UnitPath,
    /// The mount point of the file system that it lies on, where the fleet says so.
    pub file_system: Option<UnitPath>,
    /// The file with its password, on the storage host.
    pub password_file: UnitPath,
    /// Which snapshots stay.
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

/// What of a client is backed up, and what is done before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Files and folders; at least one.
    pub include: Vec<AbsolutePath>,
    /// What is left out of them.
    pub exclude: Vec<ExcludePattern>,
    /// Those of the included folders that may have nothing in them.
    pub may_be_empty: Vec<AbsolutePath>,
    /// Mount points that are there on every good day.
    pub must_be_mounted: Vec<AbsolutePath>,
    /// Folders with a CACHEDIR.TAG.
    pub caches: Caches,
    /// Other file systems mounted below an included folder.
    pub file_systems: FileSystems,
    /// What reading a file does to its access time.
    pub access_times: AccessTimes,
    /// Commands before and after the backup.
    pub hooks: Hooks,
}

/// Folders with a CACHEDIR.TAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// Backed up like any other.
    Include,
    /// Left out.
    Exclude,
}

/// Other file systems mounted below an included folder.
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

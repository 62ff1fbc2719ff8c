//! What one host of the fleet does: coordinates, is backed up, or both.

use std::collections::BTreeMap;

use crate::model::{
    Address, CopyKind, CopyName, Fleet, HostName, KeepPolicy, MinimumVersions, NotifyName, Offsite, Power,
    PublicKey, RemoteClient, RemoteClients, Repository, ResticCopy, ResticVersion, Schedule, Source, Start,
    SyncCopy, TimeSpan, Timing, UnitPath, Watching,
};

/// The part of the fleet that concerns one host.
#[derive(Debug)]
pub struct HostPlan<'f> {
    /// The host.
    pub host: &'f HostName,
    /// The programs that it has at least.
    pub versions: MinimumVersions,
    /// What a backup, forget and prune take of it.
    pub power: Power,
    /// What it does as the storage host.
    pub coordinator: Option<CoordinatorPlan<'f>>,
    /// What it does as a client.
    pub client: Option<ClientPlan<'f>>,
    /// What to do when something of the fleet is gone.
    pub recovery: RecoveryPlan<'f>,
}

/// What to do when something of the fleet is gone. A client knows nothing of the others, so that what all hosts have
/// grows with the fleet, and not with its square.
#[derive(Debug)]
pub struct RecoveryPlan<'f> {
    /// Where the snapshots are.
    pub repository: &'f Repository,
    /// The storage host, by its name.
    pub storage: &'f HostName,
    /// What of it is backed up.
    pub source: Option<&'f Source>,
    /// Where clients reach it.
    pub address: &'f Address,
    /// What the clients share, where there are some.
    pub remote: Option<&'f RemoteClients>,
    /// The clients that are spoken of: all of them, or the one that reads it.
    pub clients: Vec<(&'f HostName, &'f RemoteClient)>,
    /// The recipients over the web, each with the file on the storage host that has its address.
    pub addresses: Vec<(&'f NotifyName, &'f UnitPath)>,
    /// The copies of the repository in other places.
    pub offsite: &'f BTreeMap<CopyName, Offsite>,
}

/// What the storage host does.
#[derive(Debug)]
pub struct CoordinatorPlan<'f> {
    /// Its name.
    pub name: &'f HostName,
    /// When a run starts and how it goes.
    pub schedule: &'f Schedule,
    /// Where the snapshots are.
    pub repository: &'f Repository,
    /// Where clients reach it.
    pub address: &'f Address,
    /// Its own name, when it backs up itself.
    pub local: Option<&'f HostName>,
    /// What of it is backed up.
    pub source: Option<&'f Source>,
    /// The clients that it reaches by ssh.
    pub remote: Option<&'f RemoteClients>,
    /// The hosts with their own schedule.
    pub own: Vec<(&'f HostName, &'f Timing)>,
    /// The hosts with their own keep policy.
    pub own_keep: Vec<(&'f HostName, &'f KeepPolicy)>,
    /// The oldest restic that it may have, which forgets.
    pub restic: ResticVersion,
    /// The recipients of notifications, and what is written for others to read.
    pub watching: &'f Watching,
    /// The copies of the repository in other places.
    pub offsite: &'f BTreeMap<CopyName, Offsite>,
}

impl CoordinatorPlan<'_> {
    /// Whether a unit starts the command of genbackup with the fleet file.
    #[must_use]
    pub(crate) fn starts_the_command(&self) -> bool {
        self.watching.starts_the_command() || !self.offsite.is_empty()
    }
}

/// What a client does.
#[derive(Debug)]
pub struct ClientPlan<'f> {
    /// Its name, which its snapshots carry.
    pub name: &'f HostName,
    /// What of it is backed up.
    pub source: &'f Source,
    /// Where it sees the repository.
    pub repository: &'f UnitPath,
    /// How long its restic waits for a lock.
    pub lock_wait: TimeSpan,
    /// How long its restic may take to stop, before it is killed.
    pub stop_wait: TimeSpan,
    /// How it and the storage host reach each other; nothing when they are one host.
    pub connection: Option<Connection<'f>>,
}

/// How a client and the storage host reach each other.
#[derive(Debug)]
pub struct Connection<'f> {
    /// Where the client reaches the storage host's NFS server.
    pub storage: &'f Address,
    /// The repository's directory there.
    pub exported: &'f UnitPath,
    /// The port on which the client waits.
    pub port: u16,
    /// The storage host's public key.
    pub public_key: &'f PublicKey,
    /// The client's own host key.
    pub host_key_file: &'f UnitPath,
}

impl<'f> HostPlan<'f> {
    /// The plan of a host; `None` when the fleet has no host of that name.
    #[must_use]
    pub fn of(fleet: &'f Fleet, host: &HostName) -> Option<Self> {
        let Fleet {
            schedule,
            repository,
            storage,
            remote,
            monitor: _,
            phases: _,
            watching,
            offsite,
        } = fleet;
        let recovery = RecoveryPlan {
            repository,
            storage: &storage.name,
            source: storage.source.as_ref(),
            address: &storage.address,
            remote: remote.as_ref(),
            clients: Vec::new(),
            addresses: watching.address_files().collect(),
            offsite,
        };
        if *host == storage.name {
            let local = storage.source.as_ref().map(|source| ClientPlan {
                name: &storage.name,
                source,
                repository: &repository.path,
                lock_wait: repository.lock_wait,
                stop_wait: repository.stop_wait,
                connection: None,
            });
            let coordinator = CoordinatorPlan {
                name: &storage.name,
                schedule,
                repository,
                address: &storage.address,
                local: local.as_ref().map(|client| client.name),
                source: storage.source.as_ref(),
                remote: remote.as_ref(),
                own: fleet.with_own_schedule().collect(),
                own_keep: fleet.with_own_keep().collect(),
                restic: storage.versions.restic,
                watching,
                offsite,
            };
            return Some(Self {
                host: &storage.name,
                versions: storage.versions,
                power: storage.power,
                coordinator: Some(coordinator),
                client: local,
                recovery: RecoveryPlan {
                    clients: remote.iter().flat_map(|remote| &remote.clients).collect(),
                    ..recovery
                },
            });
        }
        let remote = remote.as_ref()?;
        let (name, client) = remote.clients.get_key_value(host)?;
        let (versions, power) = (client.versions, client.power);
        let recovery = RecoveryPlan {
            clients: vec![(name, client)],
            ..recovery
        };
        let connection = Connection {
            storage: &storage.address,
            exported: &repository.path,
            port: remote.port,
            public_key: &remote.public_key,
            host_key_file: &client.host_key_file,
        };
        let client = ClientPlan {
            name,
            source: &client.source,
            repository: &remote.mount,
            lock_wait: repository.lock_wait,
            stop_wait: repository.stop_wait,
            connection: Some(connection),
        };
        Some(Self {
            host: name,
            versions,
            power,
            coordinator: None,
            client: Some(client),
            recovery,
        })
    }
}

impl<'f> RecoveryPlan<'f> {
    /// The copies of the repository's files.
    pub fn copies(&self) -> impl Iterator<Item = (&'f CopyName, &'f SyncCopy)> {
        self.offsite.iter().filter_map(|(name, copy)| match &copy.kind {
            CopyKind::Sync(sync) => Some((name, sync)),
            CopyKind::Restic(_) => None,
        })
    }

    /// The copies of its snapshots.
    pub(crate) fn restic_copies(&self) -> impl Iterator<Item = (&'f CopyName, &'f ResticCopy)> {
        self.offsite.iter().filter_map(|(name, copy)| match &copy.kind {
            CopyKind::Restic(copy) => Some((name, copy)),
            CopyKind::Sync(_) => None,
        })
    }
}

impl<'f> CoordinatorPlan<'f> {
    /// The hosts that it backs up: itself first.
    #[must_use]
    pub fn hosts(&self) -> Vec<&'f HostName> {
        let clients = self.remote.iter().flat_map(|remote| remote.clients.keys());
        self.local.iter().copied().chain(clients).collect()
    }

    /// The keep policies of single hosts, each with the hosts that share it, in the order of the hosts.
    #[must_use]
    pub(crate) fn own_policies(&self) -> Vec<(Vec<&'f HostName>, &'f KeepPolicy)> {
        let local = self.local.zip(self.source);
        let clients = self.remote.iter().flat_map(|remote| &remote.clients);
        let sources = clients.map(|(host, client)| (host, &client.source));
        let mut policies: Vec<(Vec<&HostName>, &KeepPolicy)> = Vec::new();
        for (host, source) in local.into_iter().chain(sources) {
            let Some(keep) = source.keep.as_ref().filter(|keep| **keep != self.repository.keep) else {
                continue;
            };
            match policies.iter_mut().find(|(_, known)| *known == keep) {
                Some((hosts, _)) => hosts.push(host),
                None => policies.push((vec![host], keep)),
            }
        }
        policies
    }

    /// The copies that are made after each run.
    pub(crate) fn copies_after_run(&self) -> impl Iterator<Item = &'f CopyName> {
        let offsite = self.offsite.iter();
        offsite
            .filter(|(_, copy)| copy.start == Start::AfterRun)
            .map(|(name, _)| name)
    }

    /// Those of them that follow the fleet's schedule.
    #[must_use]
    pub fn together(&self) -> Vec<&'f HostName> {
        let has_own = |host: &HostName| self.own.iter().any(|(name, _)| *name == host);
        self.hosts().into_iter().filter(|host| !has_own(host)).collect()
    }
}

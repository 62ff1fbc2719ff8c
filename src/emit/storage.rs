//! What the storage host gets: timer, services and scripts of the runs, the export, the pinned host keys.

use askama::Template;

use super::{Access, Artifact, Platform, add, add_script, offsite, unit, watching};
use crate::emit::escape::filters;
use crate::emit::plan::CoordinatorPlan;
use crate::model::{
    Address, CatchUp, Creation, DiskShare, Fleet, HostName, Power, RemoteClients, Repository, Sleep, Timing,
    UnitPath,
};

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup.timer")]
struct Timer<'p> {
    /// The host that it backs up alone; the fleet without one.
    host: Option<&'p HostName>,
    timing: &'p Timing,
}

impl Timer<'_> {
    /// systemd.timer(5)'s `Persistent=`.
    fn persistent(&self) -> &'static str {
        match self.timing.catch_up {
            CatchUp::AfterMissedRun => "true",
            CatchUp::Never => "false",
        }
    }
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup.service")]
struct CoordinatorService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    init: bool,
    /// Whether it backs up the hosts that its instance names, and not all.
    chosen: bool,
    power: &'p Power,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-maintain.service")]
struct MaintainService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    power: &'p Power,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-directory.service")]
struct DirectoryService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    file_system: &'p UnitPath,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-init.service")]
struct InitService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    file_system: &'p UnitPath,
    platform: &'p Platform,
    has_directory_unit: bool,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/run-backups.bash")]
struct RunBackups<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/maintain-repository.bash")]
struct MaintainRepository<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/make-directory.bash")]
struct MakeDirectory<'p> {
    platform: &'p Platform,
    plan: &'p CoordinatorPlan<'p>,
}

#[derive(Template)]
#[template(path = "etc/sysusers.d/genbackup-storage.conf.sysusers")]
struct Users {
    uid: u32,
}

#[derive(Template)]
#[template(path = "etc/tmpfiles.d/genbackup-storage.conf.tmpfiles")]
struct Directories<'p> {
    repository_on_root: Option<&'p UnitPath>,
    has_copies: bool,
}

#[derive(Template)]
#[template(path = "etc/exports.d/genbackup.exports")]
struct Exports<'p> {
    repository: &'p Repository,
    remote: &'p RemoteClients,
    options: String,
}

#[derive(Template)]
#[template(path = "etc/genbackup/ssh_config.ssh")]
struct SshConfig<'p> {
    remote: &'p RemoteClients,
    storage: &'p Address,
    known_hosts: &'static str,
}

#[derive(Template)]
#[template(path = "etc/genbackup/known_hosts.ssh")]
struct KnownHosts<'p> {
    remote: &'p RemoteClients,
}

/// The host keys of the clients.
const KNOWN_HOSTS: &str = "/etc/genbackup/known_hosts";

/// The users that may start and stop a run, the same in every fleet.
const POLKIT_RULES: &str = include_str!("../../templates/etc/polkit-1/rules.d/50-genbackup.rules");

pub(super) fn emit(
    plan: &CoordinatorPlan<'_>,
    power: &Power,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let CoordinatorPlan {
        name: _,
        schedule,
        repository,
        address: storage,
        local: _,
        source: _,
        remote,
        own,
        own_keep: _,
        restic: _,
        watching: _,
        offsite: _,
    } = plan;
    let made_once_mounted = match &repository.creation {
        Creation::ByHand => None,
        Creation::OnceMounted { file_system } => Some(file_system),
    };

    let timing = &schedule.timing;
    add(artifacts, unit("genbackup.timer"), &Timer { host: None, timing })?;
    for (host, timing) in own {
        let name = format!("{}.timer", Fleet::run_of_those(&[*host]));
        let host = Some(*host);
        add(artifacts, unit(&name), &Timer { host, timing })?;
    }
    let init = made_once_mounted.is_some();
    for (name, chosen) in [("genbackup.service", false), ("genbackup-run@.service", true)] {
        let service = CoordinatorService {
            plan,
            init,
            chosen,
            power,
            platform,
        };
        add(artifacts, unit(name), &service)?;
    }
    add(
        artifacts,
        unit("genbackup-maintain.service"),
        &MaintainService {
            plan,
            power,
            platform,
        },
    )?;
    if let Some(file_system) = made_once_mounted {
        emit_creation(plan, file_system, platform, artifacts)?;
    }
    add_script(artifacts, "run-backups", &RunBackups { plan, platform })?;
    add_script(
        artifacts,
        "maintain-repository",
        &MaintainRepository { plan, platform },
    )?;
    artifacts.push(Artifact {
        path: "/etc/polkit-1/rules.d/50-genbackup.rules".to_owned(),
        access: Access::Readable,
        content: POLKIT_RULES.to_owned(),
    });
    add(
        artifacts,
        "/etc/sysusers.d/genbackup-storage.conf",
        &Users { uid: repository.uid },
    )?;
    let directories = Directories {
        repository_on_root: repository.creation.is_on_root().then_some(&repository.path),
        has_copies: !plan.offsite.is_empty(),
    };
    add(artifacts, "/etc/tmpfiles.d/genbackup-storage.conf", &directories)?;

    if let Some(remote) = remote {
        let options = export_options(repository);
        add(
            artifacts,
            "/etc/exports.d/genbackup.exports",
            &Exports {
                repository,
                remote,
                options,
            },
        )?;
        let config = SshConfig {
            remote,
            storage,
            known_hosts: KNOWN_HOSTS,
        };
        add(artifacts, "/etc/genbackup/ssh_config", &config)?;
        add(artifacts, KNOWN_HOSTS, &KnownHosts { remote })?;
    }
    offsite::emit(plan, platform, artifacts)?;
    watching::emit(plan, platform, artifacts)
}

/// What makes the repository, once its file system is mounted. On the root file system systemd-tmpfiles makes its
/// directory: `ReadWritePaths=/` does not lift `ProtectSystem=strict`, and the unit need not write anything else there.
fn emit_creation(
    plan: &CoordinatorPlan<'_>,
    file_system: &UnitPath,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let has_directory_unit = !plan.repository.creation.is_on_root();
    if has_directory_unit {
        add(
            artifacts,
            unit("genbackup-directory.service"),
            &DirectoryService {
                plan,
                file_system,
                platform,
            },
        )?;
        add_script(artifacts, "make-directory", &MakeDirectory { platform, plan })?;
    }
    add(
        artifacts,
        unit("genbackup-init.service"),
        &InitService {
            plan,
            file_system,
            platform,
            has_directory_unit,
        },
    )
}

/// exports(5): everybody is the repository's owner, and nothing is exported while the file system is away.
fn export_options(repository: &Repository) -> String {
    let uid = repository.uid;
    let mut options = format!("rw,sync,no_subtree_check,sec=sys,all_squash,anonuid={uid},anongid={uid}");
    // The root file system is always there, and is no mount point to nfs-utils.
    if let Some(file_system) = repository
        .file_system
        .as_ref()
        .filter(|path| path.as_str() != "/")
    {
        options.push_str(",mountpoint=");
        options.push_str(file_system.as_str());
    }
    options
}

//! What a client gets: the socket and the service that back it up, and the way there for the storage host.

use askama::Template;

use super::hooks;
use super::{Artifact, Platform, add, add_script, unit};
use crate::emit::escape::filters;
use crate::emit::plan::{ClientPlan, Connection};
use crate::model::{
    AccessTimes, Caches, DiskShare, FileSystems, MinimumVersions, Power, ResticFeature, ResticVersion, Sleep,
    Source, SystemdFeature, SystemdVersion,
};

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-backup.socket")]
struct BackupSocket {
    systemd: SystemdVersion,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-backup@.service")]
struct BackupService<'p> {
    client: &'p ClientPlan<'p>,
    mount: bool,
    capabilities: &'static str,
    power: &'p Power,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/PATH.mount")]
struct Mount<'p> {
    platform: &'p Platform,
    client: &'p ClientPlan<'p>,
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-sshd.socket")]
struct SshdSocket<'p> {
    systemd: SystemdVersion,
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-sshd@.service")]
struct SshdService<'p> {
    platform: &'p Platform,
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/backup-restic.bash")]
struct BackupRestic<'p> {
    platform: &'p Platform,
    restic: ResticVersion,
    client: &'p ClientPlan<'p>,
    power: &'p Power,
    options: Vec<&'static str>,
    skips_on_battery: bool,
    stays_on_one: bool,
    keeps_awake: bool,
}

#[derive(Template)]
#[template(path = "etc/genbackup/include.paths")]
struct IncludeList<'p> {
    source: &'p Source,
}

#[derive(Template)]
#[template(path = "etc/genbackup/exclude.patterns")]
struct ExcludeFile<'p> {
    source: &'p Source,
}

#[derive(Template)]
#[template(path = "etc/genbackup/sshd_config.ssh")]
struct SshdConfig<'p> {
    connection: &'p Connection<'p>,
    command: &'p str,
}

#[derive(Template)]
#[template(path = "etc/genbackup/authorized_keys.ssh")]
struct AuthorizedKeys<'p> {
    connection: &'p Connection<'p>,
    command: &'p str,
}

#[derive(Template)]
#[template(path = "etc/sysusers.d/genbackup-client.conf.sysusers")]
struct Users;

#[derive(Template)]
#[template(path = "etc/tmpfiles.d/genbackup-client.conf.tmpfiles")]
struct Directories<'p> {
    source: &'p Source,
}

pub(super) fn emit(
    client: &ClientPlan<'_>,
    versions: MinimumVersions,
    power: &Power,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let ClientPlan {
        name: _,
        source,
        repository,
        lock_wait: _,
        stop_wait: _,
        connection,
    } = client;
    let Source {
        include: _,
        exclude: _,
        exclude_if_present: _,
        exclude_larger_than: _,
        may_be_empty: _,
        must_be_mounted: _,
        caches,
        file_systems,
        access_times: _,
        hooks: _,
        schedule: _,
        monitor: _,
        keep: _,
        tags: _,
    } = source;
    let mount = connection.is_some();
    let systemd = versions.systemd;
    let skips_on_battery = power.skips_on_battery();

    add(
        artifacts,
        unit("genbackup-backup.socket"),
        &BackupSocket { systemd },
    )?;
    let service = BackupService {
        client,
        mount,
        capabilities: capabilities(source),
        power,
        platform,
    };
    add(artifacts, unit("genbackup-backup@.service"), &service)?;
    add_script(
        artifacts,
        "backup-restic",
        &BackupRestic {
            platform,
            restic: versions.restic,
            client,
            power,
            options: options(*caches, *file_systems),
            skips_on_battery,
            stays_on_one: *file_systems == FileSystems::StayOnOne,
            keeps_awake: power.sleep == Sleep::Inhibited,
        },
    )?;
    add(artifacts, "/etc/genbackup/include", &IncludeList { source })?;
    add(artifacts, "/etc/genbackup/exclude", &ExcludeFile { source })?;
    add(
        artifacts,
        "/etc/tmpfiles.d/genbackup-client.conf",
        &Directories { source },
    )?;
    hooks::emit(client, skips_on_battery, platform, artifacts)?;

    if let Some(connection) = connection {
        // All that the storage host's key can start.
        let command = &format!(
            "{} -t 0.001 - UNIX-CONNECT:/run/genbackup/backup.sock",
            platform.socat
        );
        add(
            artifacts,
            unit(&repository.mount_unit_name()),
            &Mount {
                platform,
                client,
                connection,
            },
        )?;
        add(
            artifacts,
            unit("genbackup-sshd.socket"),
            &SshdSocket { systemd, connection },
        )?;
        add(
            artifacts,
            unit("genbackup-sshd@.service"),
            &SshdService { platform, connection },
        )?;
        add(
            artifacts,
            "/etc/genbackup/sshd_config",
            &SshdConfig { connection, command },
        )?;
        add(
            artifacts,
            "/etc/genbackup/authorized_keys",
            &AuthorizedKeys { connection, command },
        )?;
        add(artifacts, "/etc/sysusers.d/genbackup-client.conf", &Users)?;
    }
    Ok(())
}

/// What the one process that reads all files may do, as in capabilities(7).
#[must_use]
pub fn capabilities(source: &Source) -> &'static str {
    match source.access_times {
        AccessTimes::Change => "CAP_DAC_READ_SEARCH",
        AccessTimes::Preserve => "CAP_DAC_READ_SEARCH CAP_FOWNER",
    }
}

fn options(caches: Caches, file_systems: FileSystems) -> Vec<&'static str> {
    let mut options = Vec::new();
    match caches {
        Caches::Include => {}
        Caches::Exclude => options.push("--exclude-caches"),
    }
    match file_systems {
        FileSystems::Cross => {}
        FileSystems::StayOnOne => options.push("--one-file-system"),
    }
    options
}

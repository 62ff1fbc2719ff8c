//! What a client gets: the socket and the service that back it up, and the way there for the storage host.

use askama::Template;

use super::{Artifact, LIBEXEC, add, add_script, unit};
use crate::escape::filters;
use crate::model::{AccessTimes, Caches, FileSystems, Source, UnitPath};
use crate::plan::{ClientPlan, Connection};

#[derive(Template)]
#[template(path = "systemd/genbackup-backup.socket")]
struct BackupSocket;

#[derive(Template)]
#[template(path = "systemd/genbackup-backup@.service")]
struct BackupService<'p> {
    client: &'p ClientPlan<'p>,
    mount: bool,
    capabilities: &'static str,
    libexec: &'static str,
}

#[derive(Template)]
#[template(path = "systemd/repository.mount")]
struct Mount<'p> {
    client: &'p ClientPlan<'p>,
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "systemd/genbackup-sshd.socket")]
struct SshdSocket<'p> {
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "systemd/genbackup-sshd@.service")]
struct SshdService<'p> {
    connection: &'p Connection<'p>,
}

#[derive(Template)]
#[template(path = "scripts/backup-restic.bash")]
struct BackupRestic<'p> {
    client: &'p ClientPlan<'p>,
    options: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "lists/list.include")]
struct IncludeList<'p> {
    source: &'p Source,
}

#[derive(Template)]
#[template(path = "lists/list.exclude")]
struct ExcludeFile<'p> {
    source: &'p Source,
}

#[derive(Template)]
#[template(path = "ssh/sshd_config.ssh")]
struct SshdConfig<'p> {
    connection: &'p Connection<'p>,
    command: &'static str,
}

#[derive(Template)]
#[template(path = "ssh/authorized_keys.ssh")]
struct AuthorizedKeys<'p> {
    connection: &'p Connection<'p>,
    command: &'static str,
}

#[derive(Template)]
#[template(path = "tables/client.sysusers")]
struct Users;

#[derive(Template)]
#[template(path = "tables/client.tmpfiles")]
struct Folders;

/// All that the storage host's key can start.
const FORCED_COMMAND: &str = "/usr/bin/socat -t 0.05 - UNIX-CONNECT:/run/genbackup/backup.sock";

pub(super) fn emit(client: &ClientPlan<'_>, artifacts: &mut Vec<Artifact>) -> askama::Result<()> {
    let ClientPlan {
        name: _,
        source,
        repository,
        lock_wait: _,
        connection,
    } = client;
    let Source {
        include: _,
        exclude: _,
        caches,
        file_systems,
        access_times,
    } = source;
    let capabilities = match access_times {
        AccessTimes::Change => "CAP_DAC_READ_SEARCH",
        AccessTimes::Preserve => "CAP_DAC_READ_SEARCH CAP_FOWNER",
    };
    let mount = connection.is_some();

    add(artifacts, unit("genbackup-backup.socket"), &BackupSocket)?;
    let service = BackupService {
        client,
        mount,
        capabilities,
        libexec: LIBEXEC,
    };
    add(artifacts, unit("genbackup-backup@.service"), &service)?;
    add_script(
        artifacts,
        "backup-restic",
        &BackupRestic {
            client,
            options: options(*caches, *file_systems),
        },
    )?;
    add(artifacts, "/etc/genbackup/include", &IncludeList { source })?;
    add(artifacts, "/etc/genbackup/exclude", &ExcludeFile { source })?;
    add(artifacts, "/etc/tmpfiles.d/genbackup-client.conf", &Folders)?;

    if let Some(connection) = connection {
        let command = FORCED_COMMAND;
        add(
            artifacts,
            unit(&mount_unit_name(repository)),
            &Mount { client, connection },
        )?;
        add(
            artifacts,
            unit("genbackup-sshd.socket"),
            &SshdSocket { connection },
        )?;
        add(
            artifacts,
            unit("genbackup-sshd@.service"),
            &SshdService { connection },
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

/// The name that systemd demands of a mount unit, systemd.mount(5).
fn mount_unit_name(path: &UnitPath) -> String {
    format!("{}.mount", libsystemd::unit::escape_path(path.as_str()))
}

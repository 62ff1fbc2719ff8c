//! What the storage host gets for the copies of its repository: a unit for each, and a timer where it has a calendar.

use askama::Template;

use super::{Artifact, Platform, add, unit};
use crate::emit::escape::filters;
use crate::emit::plan::CoordinatorPlan;
use crate::model::{Calendars, CopyKind, CopyName, CopySsh, ResticCopy, UnitPath, offsite};

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-offsite@NAME.service")]
struct CopyService<'p> {
    plan: &'p CoordinatorPlan<'p>,
    platform: &'p Platform,
    name: &'p CopyName,
    is_restic: bool,
    /// Whether the copy is not a directory of this host.
    has_network: bool,
    /// The directory of the copy, where it is one of this host.
    directory: Option<&'p str>,
    /// Each with its file.
    credentials: Vec<(&'static str, &'p UnitPath)>,
}

#[derive(Template)]
#[template(path = "etc/genbackup/offsite-NAME.ssh_config.ssh")]
struct SshConfig<'p> {
    name: &'p CopyName,
    /// The environment variable with the path of the key.
    variable: &'static str,
    known_hosts: &'p str,
}

#[derive(Template)]
#[template(path = "etc/genbackup/offsite-NAME.known_hosts.ssh")]
struct KnownHosts<'p> {
    name: &'p CopyName,
    ssh: &'p CopySsh,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-offsite@NAME.timer")]
struct Timer<'p> {
    name: &'p CopyName,
    calendars: &'p Calendars,
}

pub(super) fn emit(
    plan: &CoordinatorPlan<'_>,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    for (name, copy) in plan.offsite {
        let directory = copy.kind.directory();
        let service = CopyService {
            plan,
            platform,
            name,
            is_restic: copy.kind.is_restic(),
            has_network: directory.is_none(),
            directory,
            credentials: copy.kind.credentials(&plan.repository.password_file),
        };
        add(
            artifacts,
            unit(&format!("{}.service", name.copy_unit())),
            &service,
        )?;
        if let CopyKind::Restic(ResticCopy { ssh: Some(ssh), .. }) = &copy.kind {
            let config = SshConfig {
                name,
                variable: offsite::SSH_KEY_VARIABLE,
                known_hosts: &name.known_hosts(),
            };
            add(artifacts, name.ssh_config(), &config)?;
            add(artifacts, name.known_hosts(), &KnownHosts { name, ssh })?;
        }
        if let Some(calendars) = copy.start.calendars() {
            let timer = Timer { name, calendars };
            add(artifacts, unit(&format!("{}.timer", name.copy_unit())), &timer)?;
        }
    }
    Ok(())
}

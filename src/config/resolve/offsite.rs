//! `[offsite.NAME]`: copies of the repository in other places.

use std::collections::BTreeMap;

use crate::config::defaults;
use crate::config::file::{CopyWord, Field, OffsiteTable, OneOrMore, Spanned};
use crate::model::{
    Calendar, CatchUp, CopyKind, CopyName, CopySsh, Offsite, Place, PublicKey, Remote, RemoteClients,
    Repository, RepositoryAddress, ResticCopy, Source, Start, StorageHost, SyncCopy, Timing, UnitPath,
};

use super::fields::{Fields, Section};
use super::{monitor, paths};

type Tables = Field<BTreeMap<Spanned<CopyName>, OffsiteTable>>;
type Hosts = (StorageHost, Option<RemoteClients>);

/// The copies, without those that are problems.
pub(super) fn resolve(
    fields: &mut Fields<'_>,
    tables: Tables,
    repository: Option<&Repository>,
    hosts: Option<&Hosts>,
) -> BTreeMap<CopyName, Offsite> {
    let source = hosts.and_then(|(storage, _)| storage.source.as_ref());
    let tables = tables.map(Spanned::into_inner).unwrap_or_default();
    tables
        .into_iter()
        .filter_map(|(name, table)| {
            let section = Section::at(format!("offsite.{}", name.get_ref()), name.span());
            let copy = resolve_one(fields, &section, name.get_ref(), table, repository, source)?;
            Some((name.into_inner(), copy))
        })
        .collect()
}

fn resolve_one(
    fields: &mut Fields<'_>,
    section: &Section,
    name: &CopyName,
    table: OffsiteTable,
    repository: Option<&Repository>,
    source: Option<&Source>,
) -> Option<Offsite> {
    let OffsiteTable {
        kind,
        remote,
        config_file,
        delete,
        max_loss,
        repository: address,
        password_file,
        keep,
        environment_file,
        ssh_key_file,
        host_key,
        after_run,
        calendar,
        bandwidth,
        r#where,
        monitor,
    } = table;
    let kind = fields.required(section, "kind", kind, "`kind = \"…\"`, which is `sync` or `copy`");
    let credentials = config_file.iter().chain(&password_file).chain(&environment_file);
    for file in credentials.chain(&ssh_key_file) {
        paths::check_credential(fields, file);
        if let Some(repository) = repository {
            paths::check_outside(fields, file, &repository.path);
        }
    }
    let start = resolve_start(fields, section, after_run, calendar);
    let monitor = monitor::of_table(fields, &format!("offsite.{name}"), monitor);
    let kind = match kind?.into_inner() {
        CopyWord::Sync => {
            misplaced(fields, address.as_ref(), "repository", "`copy`");
            misplaced(fields, password_file.as_ref(), "password-file", "`copy`");
            misplaced(fields, keep.as_ref(), "keep", "`copy`");
            misplaced(fields, environment_file.as_ref(), "environment-file", "`copy`");
            misplaced(fields, ssh_key_file.as_ref(), "ssh-key-file", "`copy`");
            misplaced(fields, host_key.as_ref(), "host-key", "`copy`");
            let hint = "`remote = \"…\"`, such as `cloud:backups/restic`";
            let remote = fields.required(section, "remote", remote, hint)?;
            let is_directory = remote.get_ref().kind() == Some("local");
            let config_file = if is_directory {
                check_directory(fields, &remote, repository, source);
                config_file
            } else {
                let hint =
                    "`config-file = \"/…\"`, the configuration file of rclone, which only root can read";
                Some(fields.required(section, "config-file", config_file, hint)?)
            };
            CopyKind::Sync(SyncCopy {
                remote: remote.into_inner(),
                config_file: config_file.map(Spanned::into_inner),
                delete: delete.map_or(defaults::DELETE.value, Spanned::into_inner),
            })
        }
        CopyWord::Copy => {
            misplaced(fields, remote.as_ref(), "remote", "`sync`");
            misplaced(fields, config_file.as_ref(), "config-file", "`sync`");
            misplaced(fields, delete.as_ref(), "delete", "`sync`");
            let hint = "`repository = \"…\"`, as `restic --repo` takes it";
            let address = fields.required(section, "repository", address, hint);
            let hint = "`password-file = \"/…\"`, a file with the password of that repository";
            let password_file = fields.required(section, "password-file", password_file, hint);
            let keep = fields.required(section, "keep", keep, "`keep = \"12 monthly, 5 yearly\"`");
            let address = address?;
            let ssh = resolve_ssh(fields, section, &address, ssh_key_file, host_key);
            CopyKind::Restic(ResticCopy {
                repository: address.into_inner(),
                password_file: password_file?.into_inner(),
                keep: keep?.into_inner(),
                environment_file: environment_file.map(Spanned::into_inner),
                ssh: ssh?,
            })
        }
    };
    let place = match r#where {
        Some(place) => place.into_inner(),
        None => Place::try_from(name.to_string()).ok()?,
    };
    Some(Offsite {
        kind,
        start: start?,
        bandwidth: bandwidth.map(Spanned::into_inner),
        max_loss: max_loss.map_or(defaults::MAX_LOSS.value, Spanned::into_inner),
        place,
        monitor,
    })
}

/// How the server of the repository is reached, where that is by ssh.
#[expect(
    clippy::option_option,
    reason = "the outer is about problems, the inner is the value"
)]
fn resolve_ssh(
    fields: &mut Fields<'_>,
    section: &Section,
    address: &Spanned<RepositoryAddress>,
    key_file: Field<UnitPath>,
    host_key: Field<PublicKey>,
) -> Option<Option<CopySsh>> {
    let Some(destination) = address.get_ref().destination() else {
        misplaced(
            fields,
            key_file.as_ref(),
            "ssh-key-file",
            "a repository that begins with `sftp:`",
        );
        misplaced(
            fields,
            host_key.as_ref(),
            "host-key",
            "a repository that begins with `sftp:`",
        );
        return Some(None);
    };
    let hint = "`ssh-key-file = \"/…\"`, a private key without a passphrase, for this copy alone";
    let key_file = fields.required(section, "ssh-key-file", key_file, hint);
    let hint =
        "`host-key = \"ssh-ed25519 …\"`, the text of `/etc/ssh/ssh_host_ed25519_key.pub` on that server";
    let host_key = fields.required(section, "host-key", host_key, hint);
    let destination = match destination {
        Ok(destination) => Some(destination),
        Err(refusal) => {
            fields.problem(
                address.span(),
                refusal.what,
                "write `sftp:USER@HOST:/PATH`, or `sftp://USER@HOST:PORT//PATH`",
            );
            None
        }
    };
    Some(Some(CopySsh {
        destination: destination?,
        key_file: key_file?.into_inner(),
        host_key: host_key?.into_inner(),
    }))
}

fn resolve_start(
    fields: &mut Fields<'_>,
    section: &Section,
    after_run: Field<bool>,
    calendar: Field<OneOrMore<Calendar>>,
) -> Option<Start> {
    let after_run = after_run.filter(|wish| *wish.get_ref());
    match (after_run, calendar) {
        (Some(_), None) => Some(Start::AfterRun),
        (Some(wish), Some(_)) => {
            fields.problem(
                wish.span(),
                "`after-run` and `calendar` are both set",
                "remove one of them",
            );
            None
        }
        (None, None) => {
            if !fields.was_taken_out(section, "calendar") && !fields.was_taken_out(section, "after-run") {
                fields.problem(
                    section.span(),
                    "this copy is never made",
                    "add `after-run = true`, or `calendar = \"…\"`",
                );
            }
            None
        }
        (None, Some(calendar)) => Some(Start::Timer(Timing {
            calendars: fields.calendars(section, calendar)?,
            randomized_delay: None,
            catch_up: CatchUp::AfterMissedRun,
        })),
    }
}

/// A copy in a directory of the storage host: neither the repository, nor within, nor backed up.
fn check_directory(
    fields: &mut Fields<'_>,
    remote: &Spanned<Remote>,
    repository: Option<&Repository>,
    source: Option<&Source>,
) {
    let text = remote.get_ref().as_str().to_owned();
    let Ok(directory) = UnitPath::try_from(text.clone()) else {
        return;
    };
    if let Some(repository) = repository
        && (repository.path.contains(&text) || directory.contains(repository.path.as_str()))
    {
        fields.problem(
            remote.span(),
            format!(
                "the copy `{text}` and the repository `{}` are in one another",
                repository.path
            ),
            "name a directory on another file system",
        );
    }
    let included = source.iter().flat_map(|source| &source.include);
    if let Some(included) = included.into_iter().find(|path| path.contains(&text)) {
        fields.problem(
            remote.span(),
            format!("the copy `{text}` is in `{included}`, which is backed up"),
            "name a directory that is not backed up",
        );
    }
}

fn misplaced<T>(fields: &mut Fields<'_>, field: Option<&Spanned<T>>, key: &str, other: &str) {
    if let Some(field) = field {
        fields.problem(
            field.span(),
            format!("`{key}` does not apply to this kind of copy"),
            format!("remove it: it is a key of {other}"),
        );
    }
}

//! From the file to the fleet: finds missing and conflicting values, and fills in the defaults.
//!
//! No module after this one reports an invalid configuration: a [`Fleet`] is valid.

mod fields;
mod hooks;
mod hosts;
mod monitor;
mod offsite;
mod paths;
mod power;
mod schedule;
mod source;

use crate::config::file::Spanned;

use crate::config::defaults;
use crate::config::file::{FleetFile, Reading, RepositoryTable};
use crate::config::problem::Problem;
use crate::model::{Creation, Fleet, Repository, UnitPath};

use fields::{Fields, Section};

/// Directories that the sandbox of the unit that reads files hides. A backup of a directory above them lacks
/// them.
pub(crate) fn hidden_places() -> impl Iterator<Item = &'static str> {
    paths::HIDDEN.into_iter().map(|(place, _)| place)
}

/// Turns what was read into a fleet.
///
/// # Errors
/// All problems of the file, in the order of their places, if there is one.
pub fn resolve(reading: Reading<'_>) -> Result<Fleet, Vec<Problem>> {
    let Reading {
        file,
        problems,
        taken_out,
        understood,
    } = reading;
    if !understood {
        return Err(problems.into_vec());
    }
    let FleetFile {
        requires: _,
        schedule,
        repository,
        nfs,
        ssh,
        hosts,
        monitor,
        notify,
        offsite,
        minimum_versions,
        power,
    } = file;
    let mut fields = Fields::new(problems, taken_out);

    let wishes = schedule::Wishes::of(schedule.as_ref());
    let calendar = wishes.calendar_span();
    let schedule = schedule::resolve(&mut fields, schedule);
    let (storage_name, repository) = resolve_repository(&mut fields, repository);
    let monitor::Resolved {
        monitor,
        phases,
        watching,
    } = monitor::resolve(&mut fields, monitor, notify, repository.as_ref());
    let shared = power::Defaults::of(&mut fields, power.as_ref());
    let hosts = hosts::resolve_hosts(
        &mut fields,
        storage_name,
        repository.as_ref(),
        hosts,
        nfs,
        ssh,
        &hosts::Defaults {
            versions: minimum_versions,
            power: shared,
            schedule: wishes,
        },
    );
    let offsite = offsite::resolve(&mut fields, offsite, repository.as_ref(), hosts.as_ref());
    schedule::refuse_an_empty_run(&mut fields, calendar, hosts.as_ref());

    let problems = fields.into_problems();
    match (schedule, repository, hosts) {
        (Some(schedule), Some(repository), Some((storage, remote))) if problems.is_empty() => Ok(Fleet {
            schedule,
            repository,
            storage,
            remote,
            monitor,
            phases,
            watching,
            offsite,
        }),
        _ => Err(problems),
    }
}

fn resolve_repository(
    fields: &mut Fields<'_>,
    table: Option<Spanned<RepositoryTable>>,
) -> (Option<Spanned<String>>, Option<Repository>) {
    let hint = "add `[repository]` with `host`, `path`, `password-file` and `keep`";
    let (section, table) = fields.section("repository", table, hint);
    let RepositoryTable {
        host,
        path,
        file_system,
        password_file,
        keep,
        initialize,
        lock_wait,
        stop_wait,
        uid,
    } = table;
    let host = fields.required(
        &section,
        "host",
        host,
        "`host = \"…\"`, the name of the storage host in `[hosts]`",
    );
    let path = fields.required(
        &section,
        "path",
        path,
        "`path = \"/…\"`, the directory of the repository on the storage host",
    );
    let password_file = fields.required(
        &section,
        "password-file",
        password_file,
        "`password-file = \"/…\"`, a file on the storage host",
    );
    let keep = fields.required(
        &section,
        "keep",
        keep,
        "`keep = \"30 daily, 5 weekly, 12 monthly, 10 yearly\"`",
    );
    let uid = fields.number(uid, 1..=65_533, defaults::USER_ID);

    if let Some(path) = &path {
        paths::check_repository(fields, path, file_system.as_ref());
    }
    if let Some(file) = &password_file {
        paths::check_credential(fields, file);
        if let Some(path) = &path {
            paths::check_outside(fields, file, path.get_ref());
        }
    }
    let creation = resolve_creation(fields, &section, initialize, file_system.as_ref());
    let repository = (|| {
        Some(Repository {
            path: path?.into_inner(),
            file_system: file_system.map(Spanned::into_inner),
            password_file: password_file?.into_inner(),
            keep: keep?.into_inner(),
            creation: creation?,
            lock_wait: lock_wait.map_or(defaults::LOCK_WAIT.value, Spanned::into_inner),
            stop_wait: stop_wait.map_or(defaults::STOP_WAIT.value, Spanned::into_inner),
            uid: uid?,
        })
    })();
    (host, repository)
}

/// A repository is made only where its file system can be distinguished from an empty mount point.
fn resolve_creation(
    fields: &mut Fields<'_>,
    section: &Section,
    initialize: Option<Spanned<bool>>,
    file_system: Option<&Spanned<UnitPath>>,
) -> Option<Creation> {
    let place = initialize.as_ref().map(Spanned::span).unwrap_or_default();
    if !initialize.map_or(defaults::INITIALIZE, Spanned::into_inner) {
        return Some(Creation::ByHand);
    }
    let Some(file_system) = file_system else {
        if !fields.was_taken_out(section, "file-system") {
            fields.problem(
                place,
                "`initialize` needs `file-system`: otherwise a repository could be created in an empty mount point",
                "add the mount point that holds the repository, such as `file-system = \"/mnt/storage\"`; for the root \
                 file system, add `file-system = \"/\"`",
            );
        }
        return None;
    };
    Some(Creation::OnceMounted {
        file_system: file_system.get_ref().clone(),
    })
}

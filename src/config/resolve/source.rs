//! What of a host is backed up, and with which versions.

use crate::config::defaults;
use crate::config::file::Spanned;

use crate::config::file::{HostTable, VersionsTable};
use crate::model::{
    AbsolutePath, AccessTimes, Caches, FileSystems, HostName, MinimumVersions, ResticVersion, Source,
    SystemdVersion, UnitPath,
};

use super::fields::{Fields, Section};
use super::{hooks, monitor, paths, power, schedule};

/// What of a host is backed up, and when; `repository` is where that host sees the repository.
pub(super) fn resolve_source(
    fields: &mut Fields<'_>,
    name: &Spanned<HostName>,
    table: HostTable,
    repository: Option<&UnitPath>,
    shared: &schedule::Wishes,
) -> Option<Source> {
    let HostTable {
        include,
        exclude,
        exclude_if_present,
        exclude_larger_than,
        exclude_caches,
        one_file_system,
        preserve_access_times,
        may_be_empty,
        must_be_mounted,
        address: _,
        push_to: _,
        host_key: _,
        host_key_file: _,
        may_be_absent: _,
        minimum_versions: _,
        before,
        after,
        power: _,
        schedule,
        monitor,
        keep,
        tags,
    } = table;
    let section = Section::at(format!("hosts.{}", name.get_ref()), name.span());
    let include = fields.required(&section, "include", include, "`include = [\"/etc\", \"/home\"]`");
    let exclude = exclude.map(Spanned::into_inner).unwrap_or_default();
    let exclude = fields.items(exclude);
    let exclude_if_present = exclude_if_present.map(Spanned::into_inner).unwrap_or_default();
    let exclude_if_present = fields.distinct_items(exclude_if_present);
    let tags = fields.distinct_items(tags.map(Spanned::into_inner).unwrap_or_default());
    let may_be_empty = may_be_empty.map(Spanned::into_inner).unwrap_or_default();
    let may_be_empty = fields.items(may_be_empty);
    let must_be_mounted = must_be_mounted.map(Spanned::into_inner).unwrap_or_default();
    let must_be_mounted = fields.items(must_be_mounted);
    let schedule = shared.resolve(fields, name.get_ref(), schedule);
    let monitor = monitor::resolve_own(fields, name.get_ref(), monitor);
    let include = include?;
    if include.get_ref().is_empty() && !fields.has_taken_out_below(&section, "include") {
        fields.problem(
            include.span(),
            "the include list is empty",
            "write the paths to back up, or remove the host",
        );
    }
    let include = fields.items(include.into_inner());
    let file_systems = if is_set(one_file_system.as_ref(), defaults::ONE_FILE_SYSTEM) {
        FileSystems::StayOnOne
    } else {
        FileSystems::Cross
    };
    let hooks = hooks::resolve_hooks(fields, name, (before, after), &include, repository);
    paths::check_include(fields, &include, &exclude, repository);
    check_may_be_empty(fields, &may_be_empty, &include);
    check_must_be_mounted(fields, &must_be_mounted, &include, file_systems);
    Some(Source {
        include: inner(include),
        exclude: exclude.into_iter().map(Spanned::into_inner).collect(),
        exclude_if_present,
        exclude_larger_than: exclude_larger_than.map(Spanned::into_inner),
        may_be_empty: inner(may_be_empty),
        must_be_mounted: inner(must_be_mounted),
        caches: if is_set(exclude_caches.as_ref(), defaults::EXCLUDE_CACHES) {
            Caches::Exclude
        } else {
            Caches::Include
        },
        file_systems,
        access_times: if is_set(preserve_access_times.as_ref(), defaults::PRESERVE_ACCESS_TIMES) {
            AccessTimes::Preserve
        } else {
            AccessTimes::Change
        },
        hooks,
        schedule,
        monitor,
        keep: keep.map(Spanned::into_inner),
        tags,
    })
}

/// Reports the keys about a backup in the table of a host of which nothing is backed up.
pub(super) fn refuse_what_concerns_a_backup(fields: &mut Fields<'_>, table: &HostTable) {
    let HostTable {
        include: _,
        exclude,
        exclude_if_present,
        exclude_larger_than,
        exclude_caches,
        one_file_system,
        preserve_access_times,
        may_be_empty,
        must_be_mounted,
        address: _,
        push_to: _,
        host_key: _,
        host_key_file: _,
        may_be_absent: _,
        minimum_versions: _,
        before,
        after,
        power: own_power,
        schedule,
        monitor,
        keep,
        tags,
    } = table;
    let options = [exclude_caches, one_file_system, preserve_access_times];
    let options = options.map(|option| option.as_ref().map(Spanned::span));
    for span in options
        .into_iter()
        .chain([exclude.as_ref().map(Spanned::span)])
        .chain([exclude_if_present.as_ref().map(Spanned::span)])
        .chain([exclude_larger_than.as_ref().map(Spanned::span)])
        .chain([tags.as_ref().map(Spanned::span)])
        .chain([may_be_empty, must_be_mounted].map(|list| list.as_ref().map(Spanned::span)))
        .chain([before, after].map(|hooks| hooks.as_ref().map(Spanned::span)))
        .chain(power::spans_of_a_backup(own_power.as_ref()))
        .chain([schedule.as_ref().map(Spanned::span)])
        .chain([monitor.as_ref().map(Spanned::span)])
        .chain([keep.as_ref().map(Spanned::span)])
        .flatten()
    {
        fields.problem(
            span,
            "this key has no effect: the host has no `include` list, so it is not backed up",
            "add `include = [\"/etc\", \"/home\"]`, or remove this key",
        );
    }
}

/// The versions of one host: its own words, then the fleet's, then the oldest that are supported.
pub(super) fn resolve_versions(
    host: Option<&Spanned<VersionsTable>>,
    fleet: Option<&Spanned<VersionsTable>>,
) -> MinimumVersions {
    let pick = |version: fn(&VersionsTable) -> Option<&Spanned<ResticVersion>>| {
        [host, fleet]
            .into_iter()
            .flatten()
            .find_map(|table| version(table.get_ref()))
            .map(|version| *version.get_ref())
    };
    let restic = pick(|table| table.restic.as_ref()).unwrap_or(ResticVersion::OLDEST);
    let systemd = [host, fleet]
        .into_iter()
        .flatten()
        .find_map(|table| table.get_ref().systemd.as_ref())
        .map_or(SystemdVersion::OLDEST, |version| *version.get_ref());
    MinimumVersions { restic, systemd }
}

fn check_may_be_empty(
    fields: &mut Fields<'_>,
    paths: &[Spanned<AbsolutePath>],
    include: &[Spanned<AbsolutePath>],
) {
    for path in paths {
        if !include
            .iter()
            .any(|included| included.get_ref() == path.get_ref())
        {
            fields.problem(
                path.span(),
                format!("`{}` is not in the include list", path.get_ref()),
                "write a path as in `include`, or remove it: only included paths are checked for being empty",
            );
        }
    }
}

fn check_must_be_mounted(
    fields: &mut Fields<'_>,
    paths: &[Spanned<AbsolutePath>],
    include: &[Spanned<AbsolutePath>],
    file_systems: FileSystems,
) {
    for path in paths {
        let point = path.get_ref();
        let holds_an_included = include
            .iter()
            .any(|included| included.get_ref().is_within(point.as_str()));
        let lies_in_an_included = include
            .iter()
            .any(|included| point.is_within(included.get_ref().as_str()));
        if point.as_str() == "/" {
            fields.problem(
                path.span(),
                "the root directory is always mounted",
                "write mount points of other file systems",
            );
        } else if !holds_an_included && !lies_in_an_included {
            fields.problem(
                path.span(),
                format!("nothing of `{point}` is backed up"),
                "add it to `include`, or remove it here",
            );
        } else if !holds_an_included && file_systems == FileSystems::StayOnOne {
            fields.problem(
                path.span(),
                format!("`{point}` is another file system, which `one-file-system` excludes"),
                "add it to `include` as well",
            );
        }
    }
}

fn inner(paths: Vec<Spanned<AbsolutePath>>) -> Vec<AbsolutePath> {
    paths.into_iter().map(Spanned::into_inner).collect()
}

fn is_set(wish: Option<&Spanned<bool>>, default: bool) -> bool {
    wish.map_or(default, |wish| *wish.get_ref())
}

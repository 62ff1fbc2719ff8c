//! The storage host.

use crate::config::file::{HostTable, Spanned};
use crate::config::resolve::source::{refuse_what_concerns_a_backup, resolve_source, resolve_versions};
use crate::model::{HostName, Repository, StorageHost};

use super::{Defaults, Fields, Section};

pub(super) fn resolve_storage(
    fields: &mut Fields<'_>,
    name: Spanned<HostName>,
    table: HostTable,
    repository: Option<&Repository>,
    defaults: &Defaults,
) -> StorageHost {
    let HostTable {
        address,
        push_to,
        host_key,
        host_key_file,
        include,
        exclude: _,
        exclude_if_present: _,
        exclude_larger_than: _,
        exclude_caches: _,
        one_file_system: _,
        preserve_access_times: _,
        may_be_empty: _,
        must_be_mounted: _,
        may_be_absent,
        minimum_versions: own_versions,
        before: _,
        after: _,
        power: own_power,
        schedule: _,
        monitor: _,
        keep: _,
        tags: _,
    } = &table;
    for span in [
        host_key.as_ref().map(Spanned::span),
        host_key_file.as_ref().map(Spanned::span),
    ]
    .into_iter()
    .flatten()
    {
        fields.problem(
            span,
            "the storage host needs no host key",
            "remove this key: the storage host backs itself up without ssh",
        );
    }
    if let Some(span) = push_to {
        fields.problem(
            span.span(),
            "nothing is pushed to the storage host",
            "remove this key: on the storage host, `genbackup emit --now` writes its files",
        );
    }
    if let Some(span) = may_be_absent {
        fields.problem(
            span.span(),
            "`may-be-absent` does not apply to the storage host",
            "remove this key: it is for clients that the storage host cannot reach at times",
        );
    }
    let address = address.as_ref().map_or_else(
        || name.get_ref().to_address(),
        |address| address.get_ref().clone(),
    );
    let versions = resolve_versions(own_versions.as_ref(), defaults.versions.as_ref());
    let has_source = include.is_some();
    let section = Section::at(format!("hosts.{}", name.get_ref()), name.span());
    if !has_source && !fields.was_taken_out(&section, "include") {
        refuse_what_concerns_a_backup(fields, &table);
    }
    let power = defaults.power.resolve(fields, own_power.as_ref());
    let source = has_source
        .then(|| {
            resolve_source(
                fields,
                &name,
                table,
                repository.map(|repository| &repository.path),
                &defaults.schedule,
            )
        })
        .flatten();
    StorageHost {
        name: name.into_inner(),
        address,
        source,
        power,
        versions,
    }
}

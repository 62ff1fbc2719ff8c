//! The hosts: the storage host, the clients, and how they reach each other.

mod client;
mod distinct;
mod shared;
mod storage;

use std::collections::BTreeMap;

use crate::config::file::Spanned;

use crate::config::file::{Field, HostTable, NfsTable, SshTable, VersionsTable};
use crate::config::problem::{did_you_mean, likely, quoted_if_odd};
use crate::model::{Address, HostName, RemoteClients, Repository, StorageHost};

use super::fields::{Fields, Section};
use super::power;
use super::schedule;
use super::source::resolve_source;
use client::resolve_client;
use distinct::{refuse_other_families, refuse_shared_addresses, refuse_shared_host_keys};
use shared::{Shared, resolve_shared};
use storage::resolve_storage;

type Hosts = BTreeMap<Spanned<HostName>, HostTable>;

/// The settings of hosts that have none themselves.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) versions: Option<Spanned<VersionsTable>>,
    pub(super) power: power::Defaults,
    pub(super) schedule: schedule::Wishes,
}

/// The storage host and the clients on other machines; `None` after a problem.
pub(super) fn resolve_hosts(
    fields: &mut Fields<'_>,
    storage_name: Option<Spanned<String>>,
    repository: Option<&Repository>,
    hosts: Field<Hosts>,
    nfs: Field<NfsTable>,
    ssh: Field<SshTable>,
    defaults: &Defaults,
) -> Option<(StorageHost, Option<RemoteClients>)> {
    let (section, mut hosts) =
        fields.section("hosts", hosts, "add `[hosts.NAME]` with `include` for each host");
    refuse_shared_addresses(fields, &hosts);
    refuse_shared_host_keys(fields, &hosts);
    let storage_name = storage_name
        .filter(|_| section.is_present())
        .and_then(|name| known_host(fields, &name, &hosts));
    if let Some(storage) = &storage_name {
        refuse_other_families(fields, &hosts, storage.get_ref());
    }
    let storage_span = storage_name.as_ref().map(Spanned::span);
    let storage = storage_name
        .as_ref()
        .and_then(|name| hosts.remove_entry(name))
        .map(|(name, table)| resolve_storage(fields, name, table, repository, defaults));

    let mount = nfs
        .as_ref()
        .and_then(|table| table.get_ref().mount.as_ref())
        .cloned();
    let clients: Option<BTreeMap<_, _>> = hosts
        .into_iter()
        .map(|(name, table)| {
            // Before the storage host is known, a host without a host key may be it.
            if storage_span.is_none() && table.host_key.is_none() {
                resolve_source(fields, &name, table, None, &defaults.schedule);
                return None;
            }
            resolve_client(fields, name, table, mount.as_ref(), defaults)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let Some(clients) = clients else {
        // The settings that all clients share are checked even if a client is wrong.
        resolve_shared(fields, repository, nfs, ssh);
        return None;
    };
    let storage = storage?;
    if clients.is_empty() {
        let section = Section::at(format!("hosts.{}", storage.name), 0..0);
        if let (None, Some(span)) = (&storage.source, storage_span)
            && !fields.was_taken_out(&section, "include")
        {
            fields.problem(
                span,
                "nothing is backed up: no host has an `include` list",
                "add `include = [\"/etc\", \"/home\"]` to at least one host",
            );
        }
        return Some((storage, None));
    }
    let section = Section::at(
        format!("hosts.{}", storage.name),
        storage_span.unwrap_or_default(),
    );
    check_default_address(fields, &section, &storage.address);
    let Shared {
        mount,
        port,
        key_file,
        public_key,
    } = resolve_shared(fields, repository, nfs, ssh)?;
    Some((
        storage,
        Some(RemoteClients {
            mount,
            port,
            key_file,
            public_key,
            clients,
        }),
    ))
}

fn known_host(fields: &mut Fields<'_>, name: &Spanned<String>, hosts: &Hosts) -> Option<Spanned<HostName>> {
    let known = hosts
        .keys()
        .find(|host| host.get_ref().as_str() == name.get_ref());
    // A host that is present and wrong is reported already.
    let is_wrong = fields.was_host_taken_out(name.get_ref());
    if known.is_none() && !is_wrong {
        let names = hosts.keys().map(|host| host.get_ref().as_str());
        let hint = likely(name.get_ref(), names).map_or_else(
            || {
                format!(
                    "add `[hosts.{}]`; it may be empty if the host only stores backups",
                    quoted_if_odd(name.get_ref())
                )
            },
            did_you_mean,
        );
        fields.problem(
            name.span(),
            format!("no host is named `{}`", name.get_ref()),
            hint,
        );
    }
    known.cloned()
}

/// A host's name is its address unless it gives one, and not every name is an address.
fn check_default_address(fields: &mut Fields<'_>, section: &Section, address: &Address) {
    if let Err(refusal) = Address::try_from(address.to_string())
        && !fields.was_taken_out(section, "address")
    {
        let hint = format!("add `address = \"…\"`: {}", refusal.hint);
        fields.problem(section.span(), refusal.what, hint);
    }
}

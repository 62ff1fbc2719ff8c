//! The hosts: who stores, who is a client, and how they reach each other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use crate::config::defaults;
use crate::config::file::Spanned;

use crate::config::file::{Field, HostTable, NfsTable, SshTable, VersionsTable};
use crate::config::problem::{did_you_mean, likely, quoted_if_odd};
use crate::model::{
    Address, Destination, HostName, PublicKey, RemoteClient, RemoteClients, Repository, StorageHost, UnitPath,
};

use super::fields::{Fields, Section};
use super::paths;
use super::power;
use super::schedule;
use super::source::{refuse_what_concerns_a_backup, resolve_source, resolve_versions};

type Hosts = BTreeMap<Spanned<HostName>, HostTable>;

/// What holds for the hosts that do not say otherwise.
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
            // Before the storage host is known, a host without a host key may well be it.
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
        // What all clients share is looked at even when one of them is wrong.
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
    // A host that is there and wrong has a problem of its own.
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

fn refuse_shared_addresses(fields: &mut Fields<'_>, hosts: &Hosts) {
    let mut seen: BTreeMap<String, &HostName> = BTreeMap::new();
    for (name, table) in in_order(hosts) {
        let (address, span) = match &table.address {
            Some(address) => (address.get_ref().clone(), address.span()),
            None => (name.get_ref().to_address(), name.span()),
        };
        if let Some(other) = seen.insert(address.identity(), name.get_ref()) {
            fields.problem(
                span,
                format!(
                    "`{}` and `{other}` have the same address, `{address}`",
                    name.get_ref()
                ),
                "give each host its own address: two hosts of a fleet must be two machines",
            );
        }
    }
}

/// ssh binds to the storage host's address, and reaches no address of the other family from there.
fn refuse_other_families(fields: &mut Fields<'_>, hosts: &Hosts, storage: &HostName) {
    let number = |table: &HostTable| table.address.as_ref()?.get_ref().number();
    let of_storage = hosts.iter().find(|(name, _)| name.get_ref() == storage);
    let Some(own) = of_storage.and_then(|(_, table)| number(table)) else {
        return;
    };
    let family = |number: IpAddr| if number.is_ipv4() { "IPv4" } else { "IPv6" };
    for (name, table) in in_order(hosts) {
        if let (Some(address), Some(other)) = (&table.address, number(table))
            && other.is_ipv4() != own.is_ipv4()
        {
            fields.problem(
                address.span(),
                format!(
                    "`{}` has an {} address and the storage host `{storage}` an {} address, so they cannot reach each other",
                    name.get_ref(),
                    family(other),
                    family(own)
                ),
                "write addresses of the same family, or host names",
            );
        }
    }
}

fn refuse_shared_host_keys(fields: &mut Fields<'_>, hosts: &Hosts) {
    let mut seen: BTreeMap<String, &HostName> = BTreeMap::new();
    for (name, table) in in_order(hosts) {
        let Some(key) = &table.host_key else { continue };
        if let Some(other) = seen.insert(key.get_ref().without_comment(), name.get_ref()) {
            fields.problem(
                key.span(),
                format!("`{}` and `{other}` have the same host key", name.get_ref()),
                "give each host its own key, because either could pose as the other; on a cloned machine, remove \
                 `/etc/ssh/ssh_host_*` and run `ssh-keygen -A`",
            );
        }
    }
}

/// The hosts in the order of the file.
fn in_order(hosts: &Hosts) -> Vec<(&Spanned<HostName>, &HostTable)> {
    let mut hosts: Vec<_> = hosts.iter().collect();
    hosts.sort_by_key(|(name, _)| name.span().start);
    hosts
}

fn resolve_storage(
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

fn resolve_client(
    fields: &mut Fields<'_>,
    name: Spanned<HostName>,
    table: HostTable,
    mount: Option<&Spanned<UnitPath>>,
    defaults: &Defaults,
) -> Option<(HostName, RemoteClient)> {
    let section = Section::at(format!("hosts.{}", name.get_ref()), name.span());
    let host_key = fields.required(
        &section,
        "host-key",
        table.host_key.clone(),
        "`host-key = \"ssh-ed25519 AAAA…\"` from `/etc/ssh/ssh_host_ed25519_key.pub` of that host",
    );
    if let Some(file) = &table.host_key_file {
        paths::check_credential(fields, file);
    }
    let host_key_file = table
        .host_key_file
        .clone()
        .map(Spanned::into_inner)
        .or_else(default_host_key_file);
    let address = table
        .address
        .clone()
        .map_or_else(|| name.get_ref().to_address(), Spanned::into_inner);
    let push_to = table
        .push_to
        .clone()
        .map_or_else(|| Destination::root_of(&address), Spanned::into_inner);
    let versions = resolve_versions(table.minimum_versions.as_ref(), defaults.versions.as_ref());
    let may_be_absent = table.may_be_absent.clone().map(Spanned::into_inner);
    let power = defaults.power.resolve(fields, table.power.as_ref());
    check_default_address(fields, &section, &address);
    let source = resolve_source(
        fields,
        &name,
        table,
        mount.map(Spanned::get_ref),
        &defaults.schedule,
    );
    let client = RemoteClient {
        address,
        push_to,
        host_key: host_key?.into_inner(),
        host_key_file: host_key_file?,
        source: source?,
        power,
        may_be_absent,
        versions,
    };
    Some((name.into_inner(), client))
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

fn default_host_key_file() -> Option<UnitPath> {
    UnitPath::try_from(defaults::HOST_KEY_FILE.to_owned()).ok()
}

/// What all clients on other machines share.
struct Shared {
    mount: UnitPath,
    port: u16,
    key_file: UnitPath,
    public_key: PublicKey,
}

fn resolve_shared(
    fields: &mut Fields<'_>,
    repository: Option<&Repository>,
    nfs: Field<NfsTable>,
    ssh: Field<SshTable>,
) -> Option<Shared> {
    let hint = "add `[nfs]` with `mount = \"/mnt/…\"`: clients on other machines need it";
    let (nfs_section, NfsTable { mount }) = fields.section("nfs", nfs, hint);
    let hint = "add `[ssh]` with `key-file` and `public-key`: clients on other machines need them";
    let (
        ssh_section,
        SshTable {
            port,
            key_file,
            public_key,
        },
    ) = fields.section("ssh", ssh, hint);
    let mount = fields.required(
        &nfs_section,
        "mount",
        mount,
        "`mount = \"/mnt/…\"`, the directory where clients mount the repository",
    );
    let key_file = fields.required(
        &ssh_section,
        "key-file",
        key_file,
        "`key-file = \"/…\"`, a file on the storage host",
    );
    let public_key = fields.required(
        &ssh_section,
        "public-key",
        public_key,
        "`public-key = \"ssh-ed25519 AAAA…\"` from the `.pub` file of the key",
    );
    let port_span: Option<Range<usize>> = port.as_ref().map(Spanned::span);
    let port = fields.number(port, 1..=u16::MAX, defaults::PORT);
    if let (Some(22), Some(span)) = (port, port_span) {
        fields.problem(
            span,
            "port 22 belongs to the host's own sshd",
            format!(
                "write another port, such as `{}`: backups use a separate sshd, which runs as user restic",
                defaults::PORT
            ),
        );
    }
    if let Some(mount) = &mount {
        paths::check_mount(fields, mount);
    }
    if let Some(file) = &key_file {
        paths::check_credential(fields, file);
        if let Some(repository) = repository {
            paths::check_outside(fields, file, &repository.path);
        }
    }
    Some(Shared {
        mount: mount?.into_inner(),
        port: port?,
        key_file: key_file?.into_inner(),
        public_key: public_key?.into_inner(),
    })
}

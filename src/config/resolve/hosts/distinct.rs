//! Hosts that cannot be in one fleet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::config::file::{HostTable, Spanned};
use crate::model::HostName;

use super::{Fields, Hosts};

pub(super) fn refuse_shared_addresses(fields: &mut Fields<'_>, hosts: &Hosts) {
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
pub(super) fn refuse_other_families(fields: &mut Fields<'_>, hosts: &Hosts, storage: &HostName) {
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

pub(super) fn refuse_shared_host_keys(fields: &mut Fields<'_>, hosts: &Hosts) {
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

//! A client on another machine.

use crate::config::defaults;
use crate::config::file::{HostTable, Spanned};
use crate::config::resolve::paths;
use crate::config::resolve::source::{resolve_source, resolve_versions};
use crate::model::{Destination, HostName, RemoteClient, UnitPath};

use super::{Defaults, Fields, Section, check_default_address};

pub(super) fn resolve_client(
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

fn default_host_key_file() -> Option<UnitPath> {
    UnitPath::try_from(defaults::HOST_KEY_FILE.to_owned()).ok()
}

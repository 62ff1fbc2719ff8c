//! What all clients share.

use std::ops::Range;

use crate::config::defaults;
use crate::config::file::{Field, NfsTable, Spanned, SshTable};
use crate::config::resolve::paths;
use crate::model::{PublicKey, Repository, UnitPath};

use super::Fields;

/// What all clients on other machines share.
pub(super) struct Shared {
    pub(super) mount: UnitPath,
    pub(super) port: u16,
    pub(super) key_file: UnitPath,
    pub(super) public_key: PublicKey,
}

pub(super) fn resolve_shared(
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

//! What the tree of an image, which is made for a virtual machine, needs to be a container's.

use std::path::Path;

use super::world::{NFS_IS_REAL, World};

/// No disk, no network manager and no serial port: the world has mounted the root and given the address, and commands
/// come from outside.
const OF_A_CONTAINER: &str = r#"
: >"$1/etc/fstab"
rm "$1"/etc/systemd/system/genbackup-vmtests-agent.service "$1"/etc/systemd/system/*.wants/genbackup-vmtests-agent.service
for unit in systemd-networkd.service systemd-networkd.socket; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
mkdir -p "$1/lab"
"#;

/// The stand-in for NFS, in the place of what Debian has there. User restic gets the number of its group, which is the
/// same on all machines: a bind mount has no mapping of users, as the export has.
const STAND_IN: &str = r#"
for unit in run-rpc_pipefs.mount proc-fs-nfsd.mount nfs-client.target nfs-mountd.service rpc-statd-notify.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
echo restic:x:850: >>"$1/etc/group"
echo restic:!:: >>"$1/etc/gshadow"
install -m 0755 /dev/stdin "$1/usr/sbin/mount.nfs4" <<<"$2"
ln -sf mount.nfs4 "$1/usr/sbin/mount.nfs"
install -m 0755 /dev/stdin "$1/usr/local/lib/genbackup-vmtests/nfs-server" <<<"$3"
install -m 0755 /dev/stdin "$1/usr/sbin/exportfs" <<<"$4"
install -m 0644 /dev/stdin "$1/etc/systemd/system/nfs-server.service" <<<"$5"
"#;

/// Changes the tree at `root`, which the world has mounted.
pub(super) fn prepare(root: &Path, world: &World) -> anyhow::Result<()> {
    let root = root.to_string_lossy();
    world.script(OF_A_CONTAINER, &[&root])?;
    if *NFS_IS_REAL {
        return Ok(());
    }
    world
        .script(
            STAND_IN,
            &[
                &root,
                include_str!("../../image/stand-in/mount.nfs4"),
                include_str!("../../image/stand-in/nfs-server"),
                include_str!("../../image/stand-in/exportfs"),
                include_str!("../../image/stand-in/nfs-server.service"),
            ],
        )
        .map(drop)
}

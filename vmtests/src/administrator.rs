//! The administrator's own ssh in the lab: root of one machine logs in to others as root, as `genbackup push` needs.

use crate::machine::Machine;
use crate::side_by_side::on_all;

/// The administrator's key pair. It has no passphrase, so it needs no agent.
const KEY: &str = "/root/.ssh/id_ed25519";
/// In the lab, nobody answers the question of ssh: it accepts an unknown host key. It still refuses a changed one.
const SSH_CONFIG: &[u8] = b"StrictHostKeyChecking accept-new\n";
/// A login in the lab needs no session, so nothing of it depends on the PAM modules of the image.
const SSHD_CONFIG: &[u8] = b"UsePAM no\n";

/// Gives root of `from` access to root of each machine in `to`: makes a key pair on `from`, if there is none, adds its
/// public key to the others, and starts sshd there.
///
/// # Errors
/// When a command on one of the machines fails.
pub fn give_access(from: &Machine, to: &[&Machine]) -> anyhow::Result<()> {
    from.write_file("/root/.ssh/config", SSH_CONFIG, 0o600)?;
    from.succeeds(&format!(
        "test -e {KEY} || ssh-keygen -q -t ed25519 -N '' -C administrator -f {KEY}"
    ))?;
    let public_key = from.read_file(&format!("{KEY}.pub"))?;
    on_all(to, |machine| {
        machine.write_file("/root/.ssh/authorized_keys", &public_key, 0o600)?;
        machine.write_file("/etc/ssh/sshd_config.d/vmtests.conf", SSHD_CONFIG, 0o644)?;
        machine.succeeds("systemctl restart ssh.service").map(drop)
    })
}

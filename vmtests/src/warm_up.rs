//! What machines have in memory that did last night what they are to do now.
//!
//! A story starts from a machine as it was after its installation. What a first backup brings into memory, each story
//! would wait for anew: the modules of NFS and the pages of the programs, half a minute of emulation.

use crate::fleet::MOUNT;
use crate::lab::Lab;

/// The programs of a run, and a backup by them of a file to a repository next to it. Nothing of it stays but
/// in memory.
const PROGRAMS: &str = "
    directory=$(mktemp --directory /run/warm-up-XXXXXX)
    export RESTIC_REPOSITORY=$directory/repository RESTIC_PASSWORD_COMMAND='echo warm' RESTIC_CACHE_DIR=$directory/cache
    for verb in init 'backup /etc/hostname' 'forget --keep-last 1 --prune'; do
        restic $verb --json >/dev/null
    done
    ssh -V 2>/dev/null
    socat -V >/dev/null
    systemd-inhibit --list >/dev/null
    rm --recursive \"$directory\"
    sync";

/// Lets each machine do once what a run does, without a run.
///
/// # Errors
/// When a machine cannot.
pub fn warm_up(lab: &Lab) -> anyhow::Result<()> {
    lab.on_all(|machine| {
        machine.succeeds(&format!("set -euo pipefail{PROGRAMS}"))?;
        if machine.name() != lab.jak.name() {
            machine.succeeds(&format!(
                "unit=$(systemd-escape --path --suffix=mount {MOUNT})
                 systemctl start \"$unit\" && systemctl stop \"$unit\""
            ))?;
        }
        Ok(())
    })
}

//! The defaults of the fleet file: [`crate::config::resolve`] fills them in, and the schema documents them.

use super::file::CatchUpWord;
use crate::model::{Deletion, Network, OnBattery, Percent, TimeSpan};

/// A default, and how a fleet file writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset<T> {
    /// The value.
    pub(crate) value: T,
    /// The same value in a fleet file.
    pub(crate) text: &'static str,
}

/// `schedule.catch-up`.
pub(crate) const CATCH_UP: CatchUpWord = CatchUpWord::AfterMissedRun;

/// `schedule.max-parallel`.
pub(crate) const MAX_PARALLEL: u16 = 1;

/// `schedule.time-limit`: how long the backup of one host may take.
pub(crate) const TIME_LIMIT: Preset<TimeSpan> = Preset {
    value: TimeSpan::hours(12),
    text: "12h",
};

/// `repository.initialize`.
pub(crate) const INITIALIZE: bool = false;

/// `repository.lock-wait`: longer than the 30 minutes after which restic calls the lock of a host that died stale
/// (restic's `internal/restic/lock.go`).
pub(crate) const LOCK_WAIT: Preset<TimeSpan> = Preset {
    value: TimeSpan::hours(1),
    text: "1h",
};

/// `repository.stop-wait`: a storage host that boots is back by then, and the lock can be removed.
pub(crate) const STOP_WAIT: Preset<TimeSpan> = Preset {
    value: TimeSpan::minutes(10),
    text: "10min",
};

/// `repository.uid`: between the ids that Debian's adduser assigns from 100 upwards and those that sysusers.d(5)
/// assigns from 999 downwards.
pub(crate) const USER_ID: u32 = 850;

/// `ssh.port`.
pub(crate) const PORT: u16 = 50_000;

/// `hosts.NAME.host-key-file`: where sshd keeps a host's key by default (`sshd_config(5)`, `HostKey`).
pub(crate) const HOST_KEY_FILE: &str = "/etc/ssh/ssh_host_ed25519_key";

/// `hosts.NAME.exclude-caches`.
pub(crate) const EXCLUDE_CACHES: bool = false;

/// `hosts.NAME.one-file-system`.
pub(crate) const ONE_FILE_SYSTEM: bool = false;

/// `hosts.NAME.preserve-access-times`.
pub(crate) const PRESERVE_ACCESS_TIMES: bool = false;

/// `network` of a hook.
pub(crate) const HOOK_NETWORK: Network = Network::None;

/// `time-limit` of a hook.
pub(crate) const HOOK_TIME_LIMIT: Preset<TimeSpan> = Preset {
    value: TimeSpan::hours(1),
    text: "1h",
};

/// `power.nice`.
pub(crate) const NICE: u8 = 0;

/// `power.idle-io`.
pub(crate) const IDLE_IO: bool = false;

/// `power.keep-awake`.
pub(crate) const KEEP_AWAKE: bool = true;

/// `power.on-battery`.
pub(crate) const ON_BATTERY: OnBattery = OnBattery::BackUp;

/// `delete` of a copy.
pub(crate) const DELETE: Preset<Deletion> = Preset {
    value: Deletion::After(TimeSpan::hours(30 * 24)),
    text: "after 30d",
};

/// `max-loss` of a copy.
pub(crate) const MAX_LOSS: Preset<Percent> = Preset {
    value: Percent::new(10),
    text: "10%",
};

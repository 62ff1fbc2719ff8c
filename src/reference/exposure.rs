//! The bounds of the units' exposure. A test measures each unit against them, and the chapter of the units names them.

/// The exposure that each service may have at most, in tenths, from 0 (none) to 100 (full), by its kind
/// ([`super::kind`]).
pub const BOUNDS: [(&str, u32); 17] = [
    ("genbackup.service", 20),
    ("genbackup-after-HOOK.service", 16),
    ("genbackup-awake.service", 12),
    ("genbackup-backup@.service", 9),
    ("genbackup-before-HOOK.service", 16),
    ("genbackup-directory.service", 20),
    ("genbackup-hooks.service", 10),
    ("genbackup-init.service", 5),
    // sendmail becomes another user, which most of a sandbox forbids.
    ("genbackup-mail@.service", 70),
    ("genbackup-maintain.service", 5),
    ("genbackup-metrics.service", 5),
    ("genbackup-notify@.service", 15),
    ("genbackup-offsite@NAME.service", 12),
    ("genbackup-report.service", 5),
    ("genbackup-run@.service", 20),
    ("genbackup-sshd@.service", 20),
    ("genbackup-watch.service", 15),
];

/// The same of the transient unit of `genbackup restore`.
pub const RESTORE_BOUND: u32 = 19;

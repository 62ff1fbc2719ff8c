//! Backups of a fleet with restic on plain systemd.

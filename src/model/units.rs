//! The names of units that other programs start, stop or ask about.

/// The unit that backs up all hosts without their own schedule.
pub(crate) const HOSTS: &str = "genbackup.service";
/// The units that back up named hosts, as in glob(7).
pub(crate) const CHOSEN: &str = "genbackup-run@*.service";
/// The unit of forget and prune, which systemd starts after the hosts.
pub(crate) const MAINTAIN: &str = "genbackup-maintain.service";

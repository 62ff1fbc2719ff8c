//! What an error of ssh means.

use super::words::short;
use crate::runs::record::Status;

/// What OpenSSH prints if nothing answers.
const SILENCE: [&str; 7] = [
    "imed out",
    "No route to host",
    "nreachable",
    "Host is down",
    "Network is down",
    "Could not resolve",
    "not responding",
];

/// The status of a host to which ssh did not connect, and why.
///
/// A host is unreachable only if nothing on it answered. Any other error is a failure: a host that rejected the connection,
/// was rejected, or was never contacted is not absent.
pub(super) fn meaning(host: &str, complaint: &str) -> (Status, Option<String>) {
    let contains = |part: &&str| complaint.contains(*part);
    let message = short(complaint);
    let why = if contains(&"Host key verification failed") {
        "its host key is not the one in the fleet file: it was reinstalled, or another machine answers at its address"
            .to_owned()
    } else if ["Permission denied", "Too many authentication failures"]
        .iter()
        .any(contains)
    {
        format!(
            "it does not accept the storage host's ssh key; run `genbackup push {host}`, or see `genbackup doctor`: {message}"
        )
    } else if contains(&"Connection refused") {
        format!(
            "nothing listens on its port; on that host, run `systemctl enable --now genbackup-sshd.socket` (on NixOS \
             `systemctl start genbackup-sshd.socket`): {message}"
        )
    } else if SILENCE.iter().any(contains) {
        return (Status::Unreachable, Some(message));
    } else if message.is_empty() {
        "ssh cannot connect to its genbackup-sshd.socket".to_owned()
    } else {
        format!("ssh cannot connect to its genbackup-sshd.socket: {message}")
    };
    (Status::Failed, Some(why))
}

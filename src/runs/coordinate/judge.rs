//! How a host ended: from its answer and the end of the connection to the event of the record.

use jiff::Timestamp;

use super::answer::{Answer, LINE_LIMIT};
use super::lacks::lacks;
use super::ssh;
use super::words::short;
use crate::runs::complaint::explained;
use crate::runs::record::{HostFinished, Status, in_milliseconds};

/// The seconds by which a host's clock may be off: snapshots have the time of that clock, and forget uses it.
const CLOCK_TOLERANCE: u64 = 300;

/// How the connection to a host ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// How the process of the connection ended.
    pub how: How,
    /// The start of what it printed on standard error, with the standard error of the host.
    pub complaint: String,
    /// The limit of the answer in bytes, if it reached that and was cut off.
    pub cut_off_at: Option<u64>,
}

/// How the process of a connection ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum How {
    /// The host closed the connection.
    #[default]
    Closed,
    /// Nothing accepts connections to this host's own socket.
    NoSocket,
    /// ssh failed: it did not connect, or lost the connection.
    SshFailed,
    /// A program of the connection is missing, on this host or on the other one.
    NoProgram,
    /// The time limit was exceeded.
    TimeLimit,
}

/// The storage host by its name in the fleet file, and its kernel host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageHost<'a> {
    /// Its name in the fleet file.
    pub name: &'a str,
    /// Its kernel host name.
    pub kernel_name: &'a str,
}

/// Judges the answer of a host.
///
/// `storage` is absent if the host is the storage host itself. Clients are not compared with each other, so that no client
/// has an effect on another one.
#[must_use]
pub fn judge(
    host: &str,
    answer: Answer,
    ending: &Ending,
    storage: Option<StorageHost<'_>>,
    seconds: f64,
    now: Timestamp,
) -> HostFinished {
    let clock_off = clock_off(&answer, now);
    let (status, why) = verdict(host, &answer, ending, storage, clock_off);
    let Answer {
        restic_version,
        systemd_version,
        missing,
        empty,
        unmounted,
        links,
        unreadable,
        hooks,
        exit,
        ..
    } = answer;
    HostFinished {
        host: host.to_owned(),
        status,
        why,
        exit_code: exit,
        restic_version,
        systemd_version,
        seconds: Some(in_milliseconds(seconds)),
        missing: missing.first,
        missing_count: missing.count,
        unreadable: unreadable.first,
        unreadable_count: unreadable.count,
        empty: empty.first,
        empty_count: empty.count,
        unmounted: unmounted.first,
        unmounted_count: unmounted.count,
        links: links.first,
        links_count: links.count,
        hooks: hooks.into_iter().collect(),
        #[expect(clippy::cast_precision_loss, reason = "an epoch of twelve digits is exact")]
        clock_off: clock_off.map(|seconds| seconds as f64),
    }
}

fn verdict(
    host: &str,
    answer: &Answer,
    ending: &Ending,
    storage: Option<StorageHost<'_>>,
    clock_off: Option<i64>,
) -> (Status, Option<String>) {
    let why = |status, why: &str| (status, Some(why.to_owned()));
    let failed = |text: String| (Status::Failed, Some(text));
    if answer.is_busy {
        return why(Status::Busy, "another backup of this host is running");
    }
    // The host is up, but postpones its backup: that counts as being absent.
    if let Some(later) = &answer.later {
        let later = format!("it is up, but postpones its backup: {later}");
        return (Status::Unreachable, Some(later));
    }
    if let Some(refused) = &answer.refused {
        return failed(refused.clone());
    }
    if let Some(storage) =
        storage.filter(|storage| answer.kernel_name.as_deref() == Some(storage.kernel_name))
    {
        return failed(equal_names(storage));
    }
    if ending.how == How::TimeLimit {
        return why(Status::Failed, "its backup took longer than `time-limit`");
    }
    if let Some(limit) = ending.cut_off_at {
        return failed(format!("its answer exceeds {limit} bytes and was cut off"));
    }
    if answer.has_too_many_lines() {
        return failed(format!("its answer exceeds {LINE_LIMIT} lines and was cut off"));
    }
    match (&answer.restic_version, answer.exit) {
        (None, _) => no_answer(host, ending),
        (Some(_), None) => cut_short(ending),
        (Some(_), Some(exit)) => ended(answer, exit, clock_off),
    }
}

fn no_answer(host: &str, ending: &Ending) -> (Status, Option<String>) {
    let Ending { how, complaint, .. } = ending;
    let complaint = short(complaint);
    let why = match how {
        How::SshFailed => return ssh::meaning(host, &ending.complaint),
        How::NoProgram => format!(
            "a program for the connection is missing, on this host (`genbackup doctor` names it) or on that one \
             (`genbackup push {host}` names it): {complaint}"
        ),
        How::NoSocket => format!(
            "nothing listens on its socket; run `systemctl enable --now genbackup-backup.socket` (on NixOS `systemctl \
             start genbackup-backup.socket`): {complaint}"
        ),
        How::Closed | How::TimeLimit => {
            "it accepted the connection, but its genbackup-backup@.service did not answer; see its journal"
                .to_owned()
        }
    };
    (Status::Failed, Some(why))
}

fn cut_short(ending: &Ending) -> (Status, Option<String>) {
    if ending.how == How::SshFailed {
        let broke = with_cause(
            "the connection broke before restic finished",
            &short(&ending.complaint),
        );
        (Status::Unreachable, Some(broke))
    } else {
        let closed = "the connection closed before restic finished";
        (Status::Interrupted, Some(closed.to_owned()))
    }
}

/// How restic ended.
fn ended(answer: &Answer, exit: i64, clock_off: Option<i64>) -> (Status, Option<String>) {
    let lacks = lacks(answer);
    let why = |status, why: String| (status, Some(why));
    let has_summary = answer.summary().is_some();
    match exit {
        0 | 3 if has_summary => {
            let clock = clock_off.map(|seconds| {
                let direction = if seconds > 0 { "ahead" } else { "behind" };
                format!(
                    "its clock is {} s {direction}, so its snapshot has a wrong time; correct the clock",
                    seconds.unsigned_abs()
                )
            });
            let lacks: Vec<String> = lacks.into_iter().chain(clock).collect();
            match (exit, lacks.as_slice()) {
                (0, []) => (Status::Ok, None),
                (_, []) => why(
                    Status::Partial,
                    "restic exited with 3, but named no unreadable file".to_owned(),
                ),
                (_, lacks) => why(Status::Partial, lacks.join("; ")),
            }
        }
        130 => why(Status::Interrupted, SIGNALLED.to_owned()),
        1 if answer.messages.is_stopped => why(Status::Interrupted, SIGNALLED.to_owned()),
        0 => why(
            Status::Failed,
            "restic exited with 0, but printed no summary of a snapshot".to_owned(),
        ),
        exit => {
            let explained = explained(i32::try_from(exit).unwrap_or(1), &answer.messages.words());
            let all: Vec<String> = [explained].into_iter().chain(lacks).collect();
            why(Status::Failed, all.join("; "))
        }
    }
}

const SIGNALLED: &str = "a signal on the host stopped restic";

fn with_cause(what: &str, cause: &str) -> String {
    if cause.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {cause}")
    }
}

/// restic removes a lock at once if it has restic's own host name and its process does not run.
fn equal_names(storage: StorageHost<'_>) -> String {
    let StorageHost { name, kernel_name } = storage;
    format!(
        "its kernel host name {kernel_name} is also that of {name}, so restic confuses the locks of both hosts; give one \
         of them another name: `hostnamectl hostname NAME`"
    )
}

/// By how many seconds a host's clock is off; absent if it is right.
fn clock_off(answer: &Answer, now: Timestamp) -> Option<i64> {
    let off = answer.clock? - now.as_second();
    (off.unsigned_abs() > CLOCK_TOLERANCE).then_some(off)
}

/// The line about a host for the journal.
#[must_use]
pub fn in_words(finished: &HostFinished) -> String {
    let HostFinished {
        host,
        status,
        why,
        seconds,
        ..
    } = finished;
    let line = format!("{host}: {status} in {} s", seconds.unwrap_or_default());
    let line = with_cause(&line, why.as_deref().unwrap_or_default());
    line.replace(char::is_control, " ")
}

//! What a client answers, line by line, in bounded memory.
//!
//! | line | meaning |
//! | --- | --- |
//! | `hello VERSION`, `systemd VERSION` | the versions of its restic and of its systemd |
//! | `kernel NAME` | its kernel host name |
//! | `missing PATH`, `empty PATH`, `unmounted PATH`, `link PATH -> TARGET` | an include that the snapshot lacks |
//! | `no-files` | every include may be empty |
//! | `hook NAME WHY` | a hook that failed |
//! | `out LINE` | a line of restic's output |
//! | `clock EPOCH` | its time, after restic has ended |
//! | `busy`, `later WHY`, `refused WHY` | why it made no backup |
//! | `exit CODE` | restic's exit status |
//!
//! Each line is untrusted. An unknown line is ignored: a client of a newer release may send it.

use serde_json::Value;

use super::message::Messages;
use super::words::{cut, short, spelled_out};

/// The most lines of an answer that are read: a correct client sends at most one for each unreadable file.
pub const LINE_LIMIT: usize = 100_000;
/// The most bytes of a line that are read: restic's longest line names one file.
pub const LONGEST_LINE: usize = 64 * 1024;
/// The number of items of a list that are recorded, so that a host with a million of them does not fill the record.
const LISTED: usize = 100;

/// What a client has answered up to now.
#[derive(Debug, Default)]
pub struct Answer {
    pub(super) lines: usize,
    pub(super) restic_version: Option<String>,
    pub(super) systemd_version: Option<String>,
    pub(super) kernel_name: Option<String>,
    pub(super) missing: List,
    pub(super) empty: List,
    pub(super) unmounted: List,
    pub(super) links: List,
    pub(super) unreadable: List,
    pub(super) may_have_no_files: bool,
    /// Hooks that failed, and why, in the order of the answer.
    pub(super) hooks: Vec<(String, String)>,
    pub(super) messages: Messages,
    pub(super) clock: Option<i64>,
    pub(super) is_busy: bool,
    pub(super) later: Option<String>,
    pub(super) refused: Option<String>,
    pub(super) exit: Option<i64>,
}

/// A list of which only the first items are kept.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) first: Vec<String>,
    pub(super) count: u64,
}

impl List {
    pub(super) fn note(&mut self, item: &str) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(spelled_out(&cut(item)));
        }
    }
}

impl Answer {
    /// Adds one line, without its newline. Of a line that is longer than [`LONGEST_LINE`] the rest may be missing.
    pub fn add(&mut self, line: &[u8], is_cut: bool) {
        if self.has_too_many_lines() {
            return;
        }
        self.lines += 1;
        let line = String::from_utf8_lossy(line);
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let has_rest = word.len() < line.len();
        match word {
            "hello" if has_rest => self.restic_version = Some(short(rest)),
            "systemd" if has_rest => self.systemd_version = Some(short(rest)),
            "kernel" if is_kernel_name(rest) => self.kernel_name = Some(rest.to_owned()),
            "missing" if has_rest => self.missing.note(rest),
            "empty" if has_rest => self.empty.note(rest),
            "unmounted" if has_rest => self.unmounted.note(rest),
            "link" if has_rest => self.links.note(rest),
            "no-files" if !has_rest => self.may_have_no_files = true,
            "hook" => self.note_hook(rest),
            "busy" if !has_rest => self.is_busy = true,
            "later" if has_rest => self.later = Some(short(rest)),
            "refused" if has_rest => self.refused = Some(short(rest)),
            "clock" if is_epoch(rest) => self.clock = rest.parse().ok(),
            "exit" if has_rest => self.exit = Some(rest.parse().unwrap_or(1)),
            "out" if has_rest => {
                if let Some(item) = self.messages.add(rest, is_cut) {
                    self.unreadable.note(&item);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing more of it counts: restic's exit status is the last line.
    pub(super) const fn is_complete(&self) -> bool {
        self.restic_version.is_some() && self.exit.is_some()
    }

    /// Whether there were more lines than are read.
    pub(super) const fn has_too_many_lines(&self) -> bool {
        self.lines >= LINE_LIMIT
    }

    /// restic's summary of the snapshot, without control characters.
    #[must_use]
    pub const fn summary(&self) -> Option<&Value> {
        self.messages.summary.as_ref()
    }

    fn note_hook(&mut self, text: &str) {
        let Some((name, why)) = text.split_once(' ').filter(|(name, _)| is_hook(name)) else {
            return;
        };
        let why = short(why);
        if let Some((_, known)) = self.hooks.iter_mut().find(|(known, _)| known == name) {
            *known = why;
        } else if self.hooks.len() < LISTED {
            self.hooks.push((name.to_owned(), why));
        }
    }
}

fn is_kernel_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True for a plausible number of seconds, with which one can calculate.
fn is_epoch(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hook(name: &str) -> bool {
    let rest = name
        .strip_prefix("before-")
        .or_else(|| name.strip_prefix("after-"));
    rest.is_some_and(|rest| {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=64).contains(&rest.len()) && rest.bytes().all(is_part)
    })
}

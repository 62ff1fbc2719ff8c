//! Checks that all files of the repository belong to user restic, and that it can read them.
//!
//! restic writes files that only their owner can read. A file of another user, for example after `sudo restic prune`,
//! makes backups of clients fail: over NFS, they have the rights of user restic.

use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::finding::Finding;
use super::repository::by_hand;
use super::secrets::quoted;
use crate::emit::plan::CoordinatorPlan;

const CHECK: &str = "files of the repository";
/// The time limit. 100,000 files take 0.2 s if the kernel has cached them, and about 20 s on a rotating disk.
const PATIENCE: Duration = Duration::from_secs(25);
/// The number of files between two looks at the clock.
const AT_ONCE: u64 = 256;
/// The maximum depth: restic's layout is not deeper than `data/00/`. It ends loops of links.
const DEEPEST: usize = 4;
/// The number of files that are named.
const EXAMPLES: usize = 3;

/// The files of a repository that were checked.
#[derive(Debug, Default)]
struct Seen {
    files: u64,
    foreign: Named,
    closed: Named,
    unreadable: Option<String>,
    is_cut_short: bool,
}

/// A number of files, and the first of them.
#[derive(Debug, Default)]
struct Named {
    count: u64,
    first: Vec<String>,
}

impl Named {
    fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(what());
        }
    }

    /// `4 files and directories …: a, b, c, …`.
    fn describe(&self, what: &str) -> String {
        let more = if self.count > EXAMPLES as u64 { ", …" } else { "" };
        let plural = if self.count == 1 {
            "1 file or directory"
        } else {
            &format!("{} files and directories", self.count)
        };
        format!("{plural} {what}: {}{more}", self.first.join(", "))
    }
}

pub(super) fn check(plan: &CoordinatorPlan<'_>) -> Vec<Finding> {
    let repository = plan.repository;
    let path: &Path = repository.path.as_str().as_ref();
    // Otherwise there is no repository, or all of it belongs to another user: `repository` reports that.
    let is_ours = fs::metadata(path).is_ok_and(|directory| directory.uid() == repository.uid);
    if !is_ours || fs::symlink_metadata(path.join("config")).is_err() {
        return Vec::new();
    }
    let seen = walk(path, repository.uid, Instant::now() + PATIENCE);
    let mut findings: Vec<Finding> = path
        .ancestors()
        .skip(1)
        .filter(|above| fs::metadata(above).is_ok_and(|found| !lets_through(&found, repository.uid)))
        .map(closed_above)
        .collect();
    let command = by_hand(repository, "COMMAND");
    findings.extend(judge(repository.path.as_str(), &command, &seen));
    findings
}

/// True if a user, who is only in the group with the same number, may enter a directory.
fn lets_through(found: &Metadata, uid: u32) -> bool {
    let bit = if found.uid() == uid {
        0o100
    } else if found.gid() == uid {
        0o010
    } else {
        0o001
    };
    found.mode() & bit != 0
}

fn closed_above(above: &Path) -> Finding {
    let above = above.display().to_string();
    Finding::failed(
        CHECK,
        format!("user restic cannot reach the repository: {above} is closed to it"),
        format!(
            "run `chmod o+x -- {}`, or move the repository, for example below /srv",
            quoted(&above)
        ),
    )
}

/// Checks all files below a directory until a time.
fn walk(root: &Path, uid: u32, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut directories = vec![(root.to_path_buf(), 0)];
    while let Some((directory, depth)) = directories.pop() {
        let entries = match entries(&directory) {
            Ok(entries) => entries,
            // Backups, forget and prune may remove it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                seen.unreadable
                    .get_or_insert_with(|| format!("{}: {error}", directory.display()));
                continue;
            }
        };
        for entry in entries {
            let Some(found) = look(&entry) else { continue };
            seen.files += 1;
            if seen.files % AT_ONCE == 0 && Instant::now() > until {
                seen.is_cut_short = true;
                return seen;
            }
            let name = || {
                let path = entry.path();
                path.strip_prefix(root).unwrap_or(&path).display().to_string()
            };
            let needed = if found.is_dir() { 0o700 } else { 0o400 };
            if found.uid() != uid {
                seen.foreign.add(|| format!("{} of user {}", name(), found.uid()));
            } else if found.mode() & needed != needed {
                seen.closed
                    .add(|| format!("{} with mode {:04o}", name(), found.mode() & 0o7777));
            }
            if found.is_dir() && depth < DEEPEST {
                directories.push((entry.path(), depth + 1));
            }
        }
    }
    seen
}

/// The entries in the order of their inodes, which a rotating disk reads fastest.
fn entries(directory: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<DirEntry> = directory.read_dir()?.collect::<io::Result<_>>()?;
    entries.sort_by_key(DirEntryExt::ino);
    Ok(entries)
}

/// The metadata of an entry, or of the target of a link.
fn look(entry: &DirEntry) -> Option<Metadata> {
    let found = entry.metadata().ok()?;
    if found.is_symlink() {
        return fs::metadata(entry.path()).ok();
    }
    Some(found)
}

/// `command` is the one by which root runs restic as its user.
fn judge(path: &str, command: &str, seen: &Seen) -> Vec<Finding> {
    let Seen {
        files,
        foreign,
        closed,
        unreadable,
        is_cut_short,
    } = seen;
    let mut findings = Vec::new();
    let path = quoted(path);
    let so_far = if *is_cut_short {
        format!(" (among the first {files})")
    } else {
        String::new()
    };
    if foreign.count > 0 {
        let what = foreign.describe("of other users than restic") + &so_far;
        let hint = format!(
            "stop each restic that runs as another user, then run `chown -R restic:restic -- {path}`; run restic here only as \
             user restic: `{command}`"
        );
        findings.push(Finding::failed(CHECK, what, hint));
    }
    if closed.count > 0 {
        let what = closed.describe("closed to user restic") + &so_far;
        findings.push(Finding::failed(
            CHECK,
            what,
            format!("run `chmod -R u+rwX -- {path}`"),
        ));
    }
    if let Some(why) = unreadable {
        findings.push(Finding::unknown(CHECK, format!("cannot read {why}")));
    } else if *is_cut_short && findings.is_empty() {
        let what = format!(
            "the first {files} belong to user restic; the rest was not checked within {} s",
            PATIENCE.as_secs()
        );
        findings.push(Finding::unknown(CHECK, what));
    } else if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("all {files} belong to user restic")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    /// Of nobody in particular: nothing here belongs to it.
    const NOBODY: u32 = 4_000_000;

    fn own() -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// A repository of this user, with more files than are read between two looks at the clock.
    #[expect(clippy::disallowed_methods, reason = "the check looks at files")]
    fn repository() -> tempfile::TempDir {
        let repository = tempfile::tempdir().unwrap();
        for directory in ["00", "01", "02"] {
            let directory = repository.path().join(directory);
            fs::create_dir(&directory).unwrap();
            for number in 0..AT_ONCE {
                fs::write(directory.join(number.to_string()), "").unwrap();
            }
        }
        repository
    }

    #[test]
    fn a_file_of_another_user_is_counted_and_named() {
        let repository = repository();
        let seen = walk(repository.path(), NOBODY, later());
        assert!(seen.files > 20 && seen.foreign.count == seen.files, "{seen:?}");
        let findings = judge("/srv/it's", "restic", &seen);
        let [finding] = &findings[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(finding.state, State::Failed);
        let owner = format!(" of user {}", own());
        assert!(
            finding.what.contains(&owner) && finding.what.ends_with(", …"),
            "{finding:?}"
        );
        let chown = "`chown -R restic:restic -- $'/srv/it\\'s'`";
        assert!(finding.hint.as_ref().unwrap().contains(chown), "{finding:?}");
    }

    #[test]
    fn what_belongs_to_restic_is_ok() {
        let repository = repository();
        let seen = walk(repository.path(), own(), later());
        assert!(seen.files > 20, "{seen:?}");
        assert_eq!(
            judge("/srv/restic", "restic", &seen)[0].state,
            State::Ok,
            "{seen:?}"
        );
    }

    #[test]
    fn what_was_not_looked_at_in_time_is_not_ok() {
        let repository = repository();
        let seen = walk(repository.path(), own(), Instant::now());
        assert!(seen.is_cut_short, "{seen:?}");
        assert_eq!(
            judge("/srv/restic", "restic", &seen)[0].state,
            State::Unknown,
            "{seen:?}"
        );
    }
}

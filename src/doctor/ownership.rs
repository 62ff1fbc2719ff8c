//! The files of the repository: each is user restic's, and open to it.
//!
//! restic writes its files for their owner alone. One that belongs to somebody else, as after `sudo restic prune`, makes
//! backups of clients fail: NFS lets them do what user restic may, and no more.

use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::finding::Finding;
use super::secrets::quoted;
use crate::plan::CoordinatorPlan;

const CHECK: &str = "files of the repository";
/// How long it may look. 100,000 files take 0.2 s where the kernel knows them, and a disk that turns some 20 s.
const PATIENCE: Duration = Duration::from_secs(25);
/// Files that are looked at between two looks at the clock.
const AT_ONCE: u64 = 256;
/// restic's layout is `data/00/` and no deeper; a link that leads back ends here.
const DEEPEST: usize = 4;
/// Files that are named.
const EXAMPLES: usize = 3;

/// What was seen of a repository.
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

    /// `3 files or directories …: a, b, c, …`.
    fn told(&self, what: &str) -> String {
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
    // Otherwise there is no repository, or all of it is somebody else's: `repository` has that.
    let is_ours = fs::metadata(path).is_ok_and(|folder| folder.uid() == repository.uid);
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
    findings.extend(judge(repository.path.as_str(), &seen));
    findings
}

/// Whether a user, in the group of the same number and no other, may go through a directory.
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
            "`chmod o+x -- {}`, or move the repository, such as below /srv",
            quoted(&above)
        ),
    )
}

/// Looks at all that is below, until then.
fn walk(root: &Path, uid: u32, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut folders = vec![(root.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match entries(&folder) {
            Ok(entries) => entries,
            // Backups, forget and prune go on meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                seen.unreadable
                    .get_or_insert_with(|| format!("{}: {error}", folder.display()));
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
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    seen
}

/// In the order in which their inodes lie on the disk, which is how a disk that turns reads them quickly.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries: Vec<DirEntry> = folder.read_dir()?.collect::<io::Result<_>>()?;
    entries.sort_by_key(DirEntryExt::ino);
    Ok(entries)
}

/// What is there, or where a link leads.
fn look(entry: &DirEntry) -> Option<Metadata> {
    let found = entry.metadata().ok()?;
    if found.is_symlink() {
        return fs::metadata(entry.path()).ok();
    }
    Some(found)
}

fn judge(path: &str, seen: &Seen) -> Vec<Finding> {
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
        format!(" (of the first {files} that were looked at)")
    } else {
        String::new()
    };
    if foreign.count > 0 {
        let what = foreign.told("are not restic's") + &so_far;
        let hint = format!(
            "end each restic that runs as another user; then `chown -R restic:restic -- {path}`. Run restic here as user \
             restic: `sudo -u restic restic …`"
        );
        findings.push(Finding::failed(CHECK, what, hint));
    }
    if closed.count > 0 {
        let what = closed.told("are closed to user restic") + &so_far;
        findings.push(Finding::failed(
            CHECK,
            what,
            format!("`chmod -R u+rwX -- {path}`"),
        ));
    }
    if let Some(why) = unreadable {
        findings.push(Finding::unknown(CHECK, format!("cannot look into {why}")));
    } else if *is_cut_short && findings.is_empty() {
        let what = format!(
            "the first {files} are restic's; the rest was not looked at within {} s",
            PATIENCE.as_secs()
        );
        findings.push(Finding::unknown(CHECK, what));
    } else if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("all {files} are restic's")));
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

    #[test]
    fn a_file_of_another_user_is_counted_and_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/releases");
        let seen = walk(&root, NOBODY, later());
        assert!(seen.files > 20 && seen.foreign.count == seen.files, "{seen:?}");
        let findings = judge("/srv/it's", &seen);
        let [finding] = &findings[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(finding.state, State::Failed);
        let first = format!("0.1.0 of user {}", own());
        assert!(
            finding.what.contains(&first) && finding.what.ends_with(", …"),
            "{finding:?}"
        );
        let chown = "`chown -R restic:restic -- $'/srv/it\\'s'`";
        assert!(finding.hint.as_ref().unwrap().contains(chown), "{finding:?}");
    }

    #[test]
    fn what_belongs_to_restic_is_ok() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/releases");
        let seen = walk(&root, own(), later());
        assert_eq!(judge("/srv/restic", &seen)[0].state, State::Ok, "{seen:?}");
    }

    #[test]
    fn what_was_not_looked_at_in_time_is_not_called_well() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
        let seen = walk(&root, own(), Instant::now());
        assert!(seen.is_cut_short, "{seen:?}");
        assert_eq!(judge("/srv/restic", &seen)[0].state, State::Unknown, "{seen:?}");
    }
}

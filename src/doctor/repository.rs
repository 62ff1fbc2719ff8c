//! Checks the repository's directory on the storage host, and the free space.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytesize::ByteSize;
use nix::sys::statvfs::statvfs;

use super::apply::Apply;
use super::finding::{Finding, State};
use super::secrets::quoted;
use crate::emit::plan::CoordinatorPlan;
use crate::model::{Creation, Repository, UnitPath};
use crate::system::mounts::{self, Mount};

/// Less free space than this is a warning, in percent of the file system.
const SCARCE: u64 = 10;
/// This much free space, in bytes, is enough for records on a file system of any size: the records of 100
/// hosts take less in ten years.
const ENOUGH_FOR_RECORDS: u64 = 1 << 30;
/// With less free space than this, in bytes, restic cannot even lock the repository, or forget.
const NOTHING: u64 = 16 << 20;
const ROOM: &str = "room for snapshots";
const RECORDS: &str = "/var/lib/genbackup";

pub(super) fn check(plan: &CoordinatorPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let repository = plan.repository;
    let list = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut findings = Vec::new();
    let path = repository.path.as_str();
    if let Some(file_system) = &repository.file_system {
        let mounts = mounts::parse(&list);
        let mount = judge_mount(&mounts, file_system, path);
        let is_mounted = mount.state == State::Ok;
        findings.push(mount);
        if !is_mounted {
            // The empty mount point does not belong to the file system. A hint to make a repository there would be
            // wrong.
            for check in ["repository", ROOM] {
                let what = format!("not checked, because nothing is mounted at {file_system}");
                findings.push(Finding::unknown(check, what));
            }
            findings.push(check_room_for_records());
            return findings;
        }
    }
    let owner = |path: &Path| std::fs::metadata(path).ok().map(|found| found.uid());
    let directory = owner(path.as_ref());
    let has_config = owner(&Path::new(path).join("config")).is_some();
    findings.push(judge_directory(
        path,
        directory,
        has_config,
        repository.uid,
        &repository.creation,
        &by_hand(repository, "init"),
        apply,
    ));
    findings.push(check_room(
        ROOM,
        path,
        u64::MAX,
        "free some space, or keep fewer snapshots: `genbackup explain` shows what the keep policy keeps",
    ));
    findings.push(check_room_for_records());
    findings
}

fn check_room_for_records() -> Finding {
    check_room("room for records", RECORDS, ENOUGH_FOR_RECORDS, "free some space")
}

/// `enough` is free space, in bytes, that is never scarce.
fn check_room(check: &str, directory: &str, enough: u64, hint: &str) -> Finding {
    match room(directory) {
        Some((free, size)) => judge_room(check, directory, free, scarce(size, enough), size, hint),
        None => Finding::unknown(check, format!("cannot read the free space of {directory}")),
    }
}

/// The bytes that users may still write, and the size of the file system.
fn room(directory: &str) -> Option<(u64, u64)> {
    let found = statvfs(directory).ok()?;
    let block = found.fragment_size();
    Some((found.blocks_available() * block, found.blocks() * block))
}

fn judge_mount(mounts: &[Mount], file_system: &UnitPath, repository: &str) -> Finding {
    // A symbolic link may lead to another file system.
    let place = std::fs::canonicalize(repository);
    let place = place
        .as_ref()
        .ok()
        .and_then(|place| place.to_str())
        .unwrap_or(repository);
    match mounts.iter().find(|mount| mount.target == file_system.as_str()) {
        Some(_) if let Some(inner) = inner_mount(mounts, file_system, place) => Finding::warning(
            "file system",
            format!(
                "{repository} is on {inner}, but `file-system` is {file_system}: while {inner} is not mounted, a repository could be made in its empty mount point"
            ),
            format!("write `file-system = {inner:?}` into [repository]"),
        ),
        Some(mount) => Finding::ok(
            "file system",
            format!("{} is mounted at {file_system}, {}", mount.source, mount.kind),
        ),
        None => Finding::failed(
            "file system",
            format!("nothing is mounted at {file_system}"),
            "mount it; while it is not mounted, nothing is exported and no repository is made",
        ),
    }
}

/// A mount point between the mount point of a file system and a path below it. The path is then on the inner file
/// system.
fn inner_mount<'m>(mounts: &'m [Mount], file_system: &UnitPath, path: &str) -> Option<&'m str> {
    let inner = mounts::below(mounts, path)?.target.as_str();
    (inner != file_system.as_str()).then_some(inner)
}

/// The command by which root runs restic as its user, with these words at its end. Only with this capability, the user
/// can open the password file.
pub(super) fn by_hand(repository: &Repository, words: &str) -> String {
    let Repository {
        path, password_file, ..
    } = repository;
    format!(
        "setpriv --reuid=restic --regid=restic --init-groups --inh-caps=+dac_read_search \
         --ambient-caps=+dac_read_search -- restic --no-cache --repo {} --password-file {} {words}",
        quoted(path.as_str()),
        quoted(password_file.as_str())
    )
}

/// `init` is the command that makes a repository by hand.
fn judge_directory(
    path: &str,
    owner: Option<u32>,
    has_config: bool,
    uid: u32,
    creation: &Creation,
    init: &str,
    apply: Apply<'_>,
) -> Finding {
    let check = "repository";
    let how = match creation {
        Creation::ByHand if owner.is_none() => {
            format!("run `install -d -o restic -g restic -m 0700 {}`, then `{init}`", quoted(path))
        }
        Creation::ByHand => format!("run `{init}`"),
        Creation::OnceMounted { .. } if creation.is_on_root() && owner.is_none() => {
            "run `systemd-tmpfiles --create && systemctl start genbackup-init.service`, which makes it unless there was one before"
                .to_owned()
        }
        Creation::OnceMounted { .. } => {
            "run `systemctl start genbackup-init.service`, which makes it unless there was one before".to_owned()
        }
    };
    match owner {
        None => Finding::failed(check, format!("the directory {path} is missing"), how),
        Some(owner) if owner != uid => Finding::failed(
            check,
            format!("{path} belongs to user {owner}, but user restic is {uid}"),
            whose(path, owner, apply),
        ),
        Some(_) if !has_config => Finding::failed(check, format!("{path} contains no repository"), how),
        Some(_) => Finding::ok(check, format!("{path} contains one, and belongs to user restic")),
    }
}

/// How to give the repository to user restic.
fn whose(path: &str, owner: u32, apply: Apply<'_>) -> String {
    let take = format!(
        "stop all programs that write into it as another user, then run `chown -R restic:restic -- {}`",
        quoted(path)
    );
    if owner == 0 {
        return take;
    }
    format!(
        "{take}; to give user restic the ID {owner} instead, write `uid = {owner}` into [repository], then run {apply}"
    )
}

/// Less free space than this, in bytes, is a warning.
fn scarce(size: u64, enough: u64) -> u64 {
    (size / 100 * SCARCE).min(enough)
}

fn judge_room(check: &str, directory: &str, free: u64, scarce: u64, size: u64, hint: &str) -> Finding {
    let space = format!("{} of {} free", ByteSize(free), ByteSize(size));
    if free < NOTHING {
        Finding::failed(
            check,
            format!("the file system of {directory} is full: {space}"),
            hint,
        )
    } else if free < scarce {
        Finding::warning(
            check,
            format!("the file system of {directory} is nearly full: {space}"),
            hint,
        )
    } else {
        Finding::ok(check, space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_holds_a_repository_of_restic_s() {
        for (owner, has_config, state) in [
            (Some(850), true, State::Ok),
            (Some(850), false, State::Failed),
            (Some(0), true, State::Failed),
            (None, false, State::Failed),
        ] {
            let finding = judge_directory(
                "/srv/restic",
                owner,
                has_config,
                850,
                &Creation::ByHand,
                "init",
                Apply::Emit,
            );
            assert_eq!(finding.state, state, "{finding:?}");
        }
    }

    #[test]
    fn a_directory_of_another_user_has_its_commands() {
        let hint = |owner| {
            judge_directory(
                "/srv/my repo",
                Some(owner),
                true,
                850,
                &Creation::ByHand,
                "init",
                Apply::Emit,
            )
            .hint
            .unwrap()
        };
        let chown = "`chown -R restic:restic -- $'/srv/my repo'`";
        assert!(hint(0).ends_with(chown), "{}", hint(0));
        assert!(
            hint(34).contains(chown) && hint(34).contains("`uid = 34`"),
            "{}",
            hint(34)
        );
    }

    #[test]
    fn a_file_system_is_mounted_where_the_fleet_expects_it() {
        let mounts = mounts::parse("/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /mnt/my\\040disk ext4 rw 0 0\n");
        let path = |text: &str| UnitPath::try_from(text.to_owned()).unwrap();
        for (file_system, repository, state) in [
            ("/mnt/my disk", "/mnt/my disk/restic", State::Ok),
            ("/mnt", "/mnt/restic", State::Failed),
            ("/", "/srv/restic", State::Ok),
            ("/", "/mnt/my disk/restic", State::Warning),
        ] {
            let finding = judge_mount(&mounts, &path(file_system), repository);
            assert_eq!(finding.state, state, "{finding:?}");
        }
    }

    #[test]
    fn room_is_scarce_before_there_is_none() {
        const GIB: u64 = 1 << 30;
        for (free, state) in [
            (GIB, State::Ok),
            (GIB / 20, State::Warning),
            (GIB / 1000, State::Failed),
            (0, State::Failed),
        ] {
            let scarce = scarce(GIB, u64::MAX);
            assert_eq!(
                judge_room("room", "/", free, scarce, GIB, "").state,
                state,
                "{free}"
            );
        }
    }

    #[test]
    fn a_tenth_of_a_large_file_system_is_not_needed_for_records() {
        const GIB: u64 = 1 << 30;
        for (free, size, state) in [
            (24 * GIB, 252 * GIB, State::Ok),
            (GIB / 2, 252 * GIB, State::Warning),
            (GIB / 2, 4 * GIB, State::Ok),
        ] {
            let scarce = scarce(size, ENOUGH_FOR_RECORDS);
            let state_found = judge_room("room", "/", free, scarce, size, "").state;
            assert_eq!(state_found, state, "{free} of {size}");
        }
    }
}

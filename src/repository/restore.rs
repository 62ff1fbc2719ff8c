//! Restores files of a host. [`plan()`] chooses the snapshot and checks everything that can be checked before
//! a file is written. [`Plan::preview`] lists what would be restored, [`Plan::execute`] restores it.

mod choice;
mod execute;
mod missing;
mod place;
mod twice;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;

use self::place::Place;
use self::twice::Names;
use super::restic::{Node, Restic, Snapshot, SnapshotPath};
use super::snapshots::known;
use crate::error::fail;
use crate::model::{Excludes, Fleet, Refusal, ResticFeature};

pub(crate) use choice::Choice;
pub(crate) use execute::{Manner, Step, confinement};

/// What is asked for.
pub(crate) struct Request<'r> {
    /// The host whose files are restored.
    pub(crate) host: &'r str,
    /// The files and directories, by their paths on that host.
    pub(crate) paths: Vec<SnapshotPath>,
    /// Which snapshot they are restored from.
    pub(crate) choice: Choice<'r>,
    /// The directory that they are restored into.
    pub(crate) target: &'r Path,
    /// Whether files in it may be overwritten.
    pub(crate) overwrite: bool,
}

/// What is restored from where to where. No file was written for it.
pub(crate) struct Plan {
    /// The snapshot.
    pub(crate) snapshot: Snapshot,
    /// The newest earlier snapshot that a run of genbackup made, if `snapshot` is none and was not chosen by its id. It
    /// may hold more files.
    pub(crate) own: Option<Snapshot>,
    /// True if the next backup of the storage host would save the restored files again.
    pub(crate) is_backed_up: bool,
    paths: Vec<SnapshotPath>,
    place: Place,
}

/// Chooses the snapshot, and checks the target and the paths.
///
/// # Errors
/// When the target is not safe, there is no such snapshot, or a path is missing in it or there twice.
pub(crate) fn plan(restic: &Restic<'_>, fleet: &Fleet, request: Request<'_>) -> Result<Plan> {
    let Request {
        host,
        paths,
        choice,
        target,
        overwrite,
    } = request;
    let place = Place::of(target, &fleet.repository)?;
    place.refuse_what_is_there(overwrite)?;
    if overwrite {
        refuse_a_restic_that_follows_links()?;
    }
    let snapshots = restic.all_snapshots(Some(host))?;
    if snapshots.is_empty() {
        known(host, &restic.all_snapshots(None)?)?;
    }
    let snapshot = choice.of(host, &snapshots)?;
    missing::are_there(restic, &snapshots, snapshot, &paths)?;
    Ok(Plan {
        snapshot: snapshot.clone(),
        own: choice.newest_own(&snapshots, snapshot).cloned(),
        is_backed_up: is_backed_up(fleet, place.directory()),
        paths,
        place,
    })
}

impl Plan {
    /// The target, with all links resolved.
    pub(crate) fn target(&self) -> &Path {
        self.place.directory()
    }

    /// Calls `each` for everything that would be restored, with true if it would overwrite a file.
    ///
    /// # Errors
    /// When restic fails, `each` fails, or a path comes twice.
    pub(crate) fn preview(
        &self,
        restic: &Restic<'_>,
        mut each: impl FnMut(&Node, bool) -> Result<()>,
    ) -> Result<()> {
        self.each_once(restic, |node| {
            let place = self.target().join(node.path.trim_start_matches('/'));
            each(&node, node.kind != "dir" && place.symlink_metadata().is_ok())
        })
    }

    /// Calls `each` for everything at and below the paths.
    fn each_once(&self, restic: &Restic<'_>, mut each: impl FnMut(Node) -> Result<()>) -> Result<()> {
        let mut names = Names::default();
        restic.list(&self.snapshot.id, &self.paths, true, |node| {
            match names.see(&node) {
                Some(fault) => twice::refuse(&self.snapshot, &node.path, &fault),
                None => each(node),
            }
        })
    }
}

/// A path from the command line, without slashes at its end, which the completion of shells adds.
///
/// # Errors
/// When it holds a control character, or is no absolute path.
pub(crate) fn path(text: &OsStr) -> Result<SnapshotPath> {
    let bytes = text.as_bytes();
    let length = bytes
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(1, |last| last + 1);
    let trimmed = OsStr::from_bytes(&bytes[..length.min(bytes.len())]);
    if bytes.iter().any(u8::is_ascii_control) || text.to_string_lossy().contains(char::is_control) {
        let shown = text.to_string_lossy();
        fail!(
            what("{shown:?} contains a control character"),
            hint("restore the directory above it")
        );
    }
    SnapshotPath::try_from(trimmed.to_owned()).map_err(Refusal::into_error)
}

/// Refuses to overwrite files with a restic that would follow links in the target.
fn refuse_a_restic_that_follows_links() -> Result<()> {
    let version = Restic::version()?;
    if !version.has(ResticFeature::RestoreOverwrite) {
        fail!(
            what(
                "`--overwrite` needs restic {}: restic {version} follows symbolic links below the target",
                ResticFeature::RestoreOverwrite.since()
            ),
            hint(
                "restore into a new \
             directory, and copy the files from there"
            )
        );
    }
    Ok(())
}

/// True if a backup of the storage host includes this directory.
fn is_backed_up(fleet: &Fleet, directory: &Path) -> bool {
    let path = directory.to_string_lossy();
    fleet.storage.source.as_ref().is_some_and(|source| {
        source.include.iter().any(|include| include.contains(&path))
            && Excludes::new(&source.exclude).excluding(&path).is_none()
    })
}

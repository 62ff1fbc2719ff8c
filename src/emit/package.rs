//! A host's files as a separate package, below a prefix: what NixOS links into a system.

use super::{
    Artifact, LIBEXEC as USUAL_LIBEXEC, Platform, Programs, StorePath, UNIT_DIRECTORY, calendars, emit_for,
};
use crate::emit::plan::HostPlan;

/// Where our scripts are, below the prefix.
pub(super) const LIBEXEC: &str = "/libexec/genbackup";
/// Directories of a system, and what they are in a package (file-hierarchy(7)).
const DIRECTORIES: [(&str, &str); 4] = [
    (UNIT_DIRECTORY, "/lib/systemd/system"),
    (USUAL_LIBEXEC, LIBEXEC),
    ("/etc/sysusers.d", "/lib/sysusers.d"),
    ("/etc/tmpfiles.d", "/lib/tmpfiles.d"),
];

/// The files of one host with the paths that they have below the prefix, in the order of these. What goes to `/etc`
/// of the system is below `/etc` here. The module sets the calendars of the timers.
///
/// # Errors
/// As [`super::emit`].
pub fn package(
    plan: &HostPlan<'_>,
    programs: &Programs,
    prefix: &StorePath,
) -> askama::Result<Vec<Artifact>> {
    let mut artifacts = emit_for(plan, &Platform::package(programs, prefix))?;
    for artifact in &mut artifacts {
        drop(calendars::take(artifact));
        let path = &mut artifact.path;
        let moved = DIRECTORIES
            .iter()
            .find_map(|(directory, place)| Some(format!("{place}{}", path.strip_prefix(directory)?)));
        if let Some(moved) = moved {
            *path = moved;
        }
    }
    artifacts.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(artifacts)
}

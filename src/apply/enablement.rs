//! What the admin made of our units: links that enable them and drop-ins that change them. Both stay when a
//! unit goes, so genbackup has to report that they have no effect any more.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::change::Change;
use super::found::Files;
use super::manifest::Manifest;
use super::note::Note;
use crate::emit::UNIT_DIRECTORY;

/// The ends of the names of directories in which a link enables a unit (systemd.unit(5)).
const ENABLING: [&str; 3] = ["wants", "requires", "upholds"];
/// The kinds of units that we write.
const UNITS: [&str; 4] = ["mount", "service", "socket", "timer"];

/// The notes about the units that go, and about those that come to a host that has had others.
///
/// # Errors
/// When a directory cannot be looked into.
pub(super) fn notes(
    system: &impl Files,
    root: &Path,
    known: &Manifest,
    wanted: &Manifest,
    files: &[(PathBuf, Change)],
) -> Result<Vec<Note>> {
    let wanted: BTreeSet<&OsStr> = wanted.files.keys().filter_map(|path| path.file_name()).collect();
    let mut notes = Vec::new();
    for (path, change) in files {
        let Some(unit) = unit_name(path) else { continue };
        match change {
            // One that only moves to another directory keeps its links: systemd uses their names.
            Change::Remove(_) if !wanted.contains(OsStr::new(unit)) => {
                for link in links(system, root, path, unit)? {
                    notes.push(Note::StillEnabled {
                        unit: unit.to_owned(),
                        link,
                        root: root.to_path_buf(),
                    });
                }
                for directory in directories(root, path) {
                    let directory = directory.join(format!("{unit}.d"));
                    if system.is_directory(&directory) {
                        let unit = unit.to_owned();
                        notes.push(Note::StillDroppedIn { unit, directory });
                    }
                }
            }
            // On a host that had none of our files, all units have to be enabled: that needs no note for each.
            Change::Create(artifact)
                if !known.files.is_empty() && artifact.content.lines().any(|line| line == "[Install]") =>
            {
                let moved = known
                    .files
                    .keys()
                    .any(|path| path.file_name() == Some(OsStr::new(unit)));
                if !moved && links(system, root, path, unit)?.is_empty() {
                    notes.push(Note::NotEnabled {
                        unit: unit.to_owned(),
                        root: root.to_path_buf(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(notes)
}

pub(super) fn unit_name(path: &Path) -> Option<&str> {
    let kind = path.extension()?.to_str()?;
    UNITS
        .contains(&kind)
        .then(|| path.file_name()?.to_str())
        .flatten()
}

/// Where links and drop-ins for a unit may be: next to it, and where systemctl(1) puts them.
fn directories(root: &Path, unit: &Path) -> BTreeSet<PathBuf> {
    let usual = Path::new(UNIT_DIRECTORY.trim_start_matches('/'));
    unit.parent()
        .into_iter()
        .chain([usual])
        .map(|directory| root.join(directory))
        .collect()
}

/// The links that enable a unit, or an instance of it.
fn links(system: &impl Files, root: &Path, path: &Path, unit: &str) -> Result<Vec<PathBuf>> {
    let mut links = Vec::new();
    for directory in directories(root, path) {
        for enabling in system.entries(&directory)? {
            let ends_so = |end: &str| enabling.extension() == Some(OsStr::new(end));
            if !ENABLING.iter().any(|end| ends_so(end)) {
                continue;
            }
            for link in system.entries(&enabling)? {
                let leads_to = system.target(&link).unwrap_or_default();
                if [link.file_name(), leads_to.file_name()].contains(&Some(OsStr::new(unit))) {
                    links.push(link);
                }
            }
        }
    }
    links.sort();
    Ok(links)
}

//! What would change on the disk.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::change::{Change, unified};
use super::enablement;
use super::found::{Disk, Files, Found, strays};
use super::manifest::{self, Known, Manifest, hash};
use super::note::Note;
use super::place::Place;
use super::refused::{foreign, of_newer};
use crate::emit::Artifact;
use crate::model::Release;

/// What would change, file by file.
#[derive(Debug)]
pub struct Changes {
    pub(super) root: PathBuf,
    pub(super) manifest: PathBuf,
    pub(super) known: Manifest,
    pub(super) wanted: Manifest,
    pub(super) files: Vec<(PathBuf, Change)>,
    /// What an interrupted call left next to the places of its files.
    pub(super) strays: Vec<PathBuf>,
    /// What a person should know: the manifest cannot be read, a file was left.
    pub notes: Vec<Note>,
}

impl Changes {
    /// Compares what is wanted with what is there.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn between(place: &Place, artifacts: &[Artifact]) -> Result<Self> {
        Self::on(&Disk, place, artifacts)
    }

    /// The same on a machine whose files somebody reported.
    ///
    /// # Errors
    /// When there is a directory in the place of a file.
    pub(crate) fn on(system: &impl Files, place: &Place, artifacts: &[Artifact]) -> Result<Self> {
        let mut notes = Vec::new();
        let manifest = place.root.join(&place.manifest);
        let known = match manifest::read(system, &manifest)? {
            Known::Files(known) => known,
            Known::Unreadable(why) => {
                notes.push(Note::ManifestUnreadable { manifest, why });
                Manifest::default()
            }
        };
        let mut wanted = Manifest::new();
        let mut changes = Vec::new();
        for artifact in artifacts {
            let path = place.relative(artifact);
            wanted
                .files
                .insert(path.clone(), [hash(artifact.content.as_bytes())].into());
            if let Some(change) = compare(system, &place.root, &path, artifact, &known)? {
                changes.push((path, change));
            }
        }
        for path in known
            .files
            .keys()
            .filter(|path| !wanted.files.contains_key(*path))
        {
            let Some(Found { text, regular, .. }) = system.look(&place.root.join(path))? else {
                continue;
            };
            let change = if regular && known.lists(path, &text) {
                Change::Remove(text)
            } else {
                notes.push(Note::Stays(place.root.join(path)));
                Change::Leave
            };
            changes.push((path.clone(), change));
        }
        notes.extend(enablement::notes(system, &place.root, &known, &wanted, &changes)?);
        let files = known.files.keys().chain(wanted.files.keys());
        let files = files.chain([&place.manifest]);
        let files: Vec<&Path> = files.map(PathBuf::as_path).collect();
        let strays = strays(system, &place.root, &files)?;
        Ok(Self {
            root: place.root.clone(),
            manifest: place.manifest.clone(),
            known,
            wanted,
            files: changes,
            strays,
            notes,
        })
    }

    /// True when there is nothing to do: also no manifest to complete and nothing to clean up after an
    /// interrupted call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // A manifest of no file would have nothing but its version to complete.
        let has_no_file = self.known.files.is_empty() && self.wanted.files.is_empty();
        !self.changes_files() && self.strays.is_empty() && (has_no_file || self.known == self.wanted)
    }

    /// True when there is no manifest, so that nothing was written before.
    pub(crate) fn knows_nothing(&self) -> bool {
        let is_unreadable = |note: &Note| matches!(note, Note::ManifestUnreadable { .. });
        self.known == Manifest::default() && !self.notes.iter().any(is_unreadable)
    }

    /// True when a file would be written or removed.
    #[must_use]
    pub fn changes_files(&self) -> bool {
        !self
            .files
            .iter()
            .all(|(_, change)| matches!(change, Change::Leave))
    }

    /// The files that somebody else wrote or changed, and that we would overwrite, each with the difference. A
    /// manifest that cannot be read is one of them; its text is for nobody.
    pub(super) fn overwritten(&self) -> impl Iterator<Item = (PathBuf, String)> {
        let manifest = self.notes.iter().filter_map(|note| match note {
            Note::ManifestUnreadable { manifest, .. } => Some((manifest.clone(), String::new())),
            _ => None,
        });
        let files = self.files.iter().filter_map(|(path, change)| {
            let path = self.root.join(path);
            let difference = matches!(change, Change::Overwrite(..)).then(|| unified(&path, change))?;
            Some((path, difference?))
        });
        manifest.chain(files)
    }

    /// The genbackup that wrote the files, where it is newer than this one.
    pub(super) fn newer(&self) -> Option<Release> {
        self.known.genbackup.filter(|release| *release > Release::this())
    }

    /// Refuses a change of files that a newer genbackup wrote, or that somebody else wrote or changed.
    ///
    /// # Errors
    /// When there is such a file.
    pub(crate) fn refuse_foreign(&self) -> Result<()> {
        if let Some(release) = self.newer() {
            return Err(of_newer(&[(self.root.clone(), release)]));
        }
        let files: Vec<(PathBuf, String)> = self.overwritten().collect();
        if files.is_empty() {
            Ok(())
        } else {
            Err(foreign(&files))
        }
    }

    /// The paths below the root, without a leading `/`, that a comparison looks at.
    ///
    /// # Errors
    /// When there is a directory in the place of the manifest.
    pub(crate) fn paths_of_interest(
        system: &impl Files,
        place: &Place,
        artifacts: &[Artifact],
    ) -> Result<BTreeSet<PathBuf>> {
        let known = match manifest::read(system, &place.root.join(&place.manifest))? {
            Known::Files(known) => known,
            Known::Unreadable(_) => Manifest::default(),
        };
        let wanted = artifacts.iter().map(|artifact| place.relative(artifact));
        let paths = known.files.into_keys().chain(wanted);
        Ok(paths.chain([place.manifest.clone()]).collect())
    }

    /// True when the file at this absolute path would be written or removed.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths().any(|changed| changed == Path::new(path))
    }

    /// The files that would be written or removed.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let changes = |(_, change): &&(PathBuf, Change)| !matches!(change, Change::Leave);
        let files = self.files.iter().filter(changes);
        files.map(|(path, _)| self.root.join(path))
    }

    /// The units that go. One that only moves to another directory does not.
    pub(crate) fn leaving_units(&self) -> impl Iterator<Item = &str> {
        let removed = self
            .files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Remove(_)));
        let units = removed.filter_map(|(path, _)| enablement::unit_name(path));
        units.filter(|unit| {
            let mut wanted = self.wanted.files.keys();
            wanted.all(|path| path.file_name() != Some(OsStr::new(unit)))
        })
    }

    /// True when a unit's file would be written or removed.
    #[must_use]
    pub(crate) fn changes_units(&self) -> bool {
        let mut files = self.files.iter();
        files.any(|(path, change)| !matches!(change, Change::Leave) && enablement::unit_name(path).is_some())
    }

    /// The files that would be written or removed, each with the verb for it.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        self.files.iter().filter_map(|(path, change)| {
            let verb = match change {
                Change::Create(_) => "create",
                Change::Update(..) => "update",
                Change::Overwrite(..) => "overwrite",
                Change::Remove(_) => "remove",
                Change::Leave => return None,
            };
            Some((verb, self.root.join(path)))
        })
    }

    /// How many files are written and how many removed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let removed = self
            .files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Remove(_)))
            .count();
        let left = self
            .files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Leave))
            .count();
        (self.files.len() - removed - left, removed)
    }
}

fn compare(
    system: &impl Files,
    root: &Path,
    path: &Path,
    artifact: &Artifact,
    known: &Manifest,
) -> Result<Option<Change>> {
    let Some(found) = system.look(&root.join(path))? else {
        return Ok(Some(Change::Create(artifact.clone())));
    };
    let same_text = found.regular && found.text == artifact.content.as_bytes();
    let same_access = found.mode == artifact.access.mode() && found.owner == system.owner();
    let artifact = artifact.clone();
    Ok(match (same_text, same_access) {
        (true, true) => None,
        (true, false) => Some(Change::Update(artifact, found.text)),
        _ if found.regular && known.lists(path, &found.text) => Some(Change::Update(artifact, found.text)),
        _ => Some(Change::Overwrite(artifact, found.text)),
    })
}

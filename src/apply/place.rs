//! Where a host's files go, and what is noted of them.

use std::path::{Path, PathBuf};

use super::manifest::MANIFEST;
use crate::emit::{Artifact, UNIT_DIRECTORY};

/// The manifest of a directory that holds nothing but what we write, and belongs to somebody's own files: out of sight.
const HIDDEN_MANIFEST: &str = ".genbackup-manifest.json";

/// Where a host's files go.
#[derive(Debug, Clone)]
pub struct Place {
    /// What stands before every path: `/`, or a directory where a host's files are staged.
    pub root: PathBuf,
    /// Where units go, below the root; [`UNIT_DIRECTORY`] unless somebody wants them elsewhere.
    pub(super) units: PathBuf,
    /// The list of what we wrote, below the root.
    pub(super) manifest: PathBuf,
}

impl Place {
    /// A root, with the units at their usual place.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            units: PathBuf::from(UNIT_DIRECTORY),
            manifest: PathBuf::from(MANIFEST),
        }
    }

    /// A directory that is no system's root: artifacts go right into it.
    #[must_use]
    pub fn directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            manifest: PathBuf::from(HIDDEN_MANIFEST),
            ..Self::below(directory)
        }
    }

    /// The same with the units elsewhere.
    #[must_use]
    pub(crate) fn with_units(self, units: impl Into<PathBuf>) -> Self {
        let units = units.into();
        Self { units, ..self }
    }

    /// The same below another root.
    #[must_use]
    pub fn at(&self, root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { root, ..self.clone() }
    }

    /// True when files were written here.
    #[must_use]
    pub(crate) fn has_manifest(&self) -> bool {
        self.manifest_file().is_some()
    }

    /// The manifest, below the root.
    pub(crate) fn manifest_path(&self) -> &Path {
        &self.manifest
    }

    /// The absolute directory of the manifest, which is locked while files are written.
    pub(crate) fn directory_of_manifest(&self) -> PathBuf {
        let manifest = self.root.join(&self.manifest);
        manifest
            .parent()
            .map_or_else(|| self.root.clone(), Path::to_path_buf)
    }

    /// Which file the manifest is, if there is one.
    pub(super) fn manifest_file(&self) -> Option<std::fs::Metadata> {
        let manifest = std::fs::symlink_metadata(self.root.join(&self.manifest)).ok()?;
        (!manifest.is_dir()).then_some(manifest)
    }

    /// The artifact's path below the root, without a leading `/`.
    pub(super) fn relative(&self, artifact: &Artifact) -> PathBuf {
        let path = match artifact.path.strip_prefix(UNIT_DIRECTORY) {
            Some(unit) => self.units.join(unit.trim_start_matches('/')),
            None => PathBuf::from(&artifact.path),
        };
        path.strip_prefix("/").map(Path::to_path_buf).unwrap_or(path)
    }
}

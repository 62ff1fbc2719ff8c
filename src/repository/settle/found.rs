//! The files of a repository in `data`, `index` and `snapshots`, without following a link.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;

/// The directory of the packs.
pub(super) const DATA: &str = "data";
/// The directory of the index files.
pub(super) const INDEX: &str = "index";
/// The directory of the snapshots.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// The most bytes of a pack: restic's largest `--pack-size` is 128 MiB, and the last blob may exceed it.
const LARGEST_PACK: u64 = 160 << 20;
/// The most bytes of an index file; restic begins a new one after 50,000 blobs, of some 150 bytes each.
pub(super) const LARGEST_INDEX: u64 = 64 << 20;
/// The most bytes of a snapshot: it has the paths and the exclude patterns of a backup.
pub(super) const LARGEST_SNAPSHOT: u64 = 16 << 20;

/// Paths in the repository, each with the reason why it is moved away.
pub(super) type Reasons = Vec<(PathBuf, String)>;

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    /// Its size.
    pub(super) bytes: u64,
    /// When it was last written, by the clock of this host.
    pub(super) written: Timestamp,
}

/// Files by their names.
pub(super) type Files = BTreeMap<String, File>;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) packs: Files,
    pub(super) indexes: Files,
    pub(super) snapshots: Files,
    /// What restic never makes.
    pub(super) strange: Reasons,
}

impl Found {
    /// Reads the three directories.
    ///
    /// # Errors
    /// When one of them cannot be read, or is no directory: then the repository is not mounted, or damaged.
    pub(super) fn read(repository: &Path) -> Result<Self> {
        let mut found = Self::default();
        for entry in entries(&repository.join(DATA))? {
            let path = Path::new(DATA).join(entry.file_name());
            let name = entry.file_name();
            let first = name.to_str().filter(|name| name.len() == 2 && is_hex(name));
            match first {
                Some(first) if entry.file_type()?.is_dir() => {
                    let directory = repository.join(&path);
                    read(&directory, &path, first, &mut found.packs, &mut found.strange)?;
                }
                _ => found
                    .strange
                    .push((path, "it is no directory of packs".to_owned())),
            }
        }
        for (name, files) in [(INDEX, &mut found.indexes), (SNAPSHOTS, &mut found.snapshots)] {
            read(
                &repository.join(name),
                Path::new(name),
                "",
                files,
                &mut found.strange,
            )?;
        }
        Ok(found)
    }
}

/// Reads one directory of files whose names begin with `first`.
fn read(directory: &Path, path: &Path, first: &str, files: &mut Files, strange: &mut Reasons) -> Result<()> {
    for entry in entries(directory)? {
        let path = path.join(entry.file_name());
        // Of a link, this is the link itself.
        let found = entry
            .metadata()
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if !found.is_file() {
            let kind = if found.is_symlink() { "a link" } else { "no file" };
            strange.push((path, format!("it is {kind}")));
        } else if is_id(&name) && name.starts_with(first) {
            let written = found.modified().ok().and_then(|time| time.try_into().ok());
            let written = written.unwrap_or(Timestamp::MAX);
            files.insert(
                name,
                File {
                    bytes: found.len(),
                    written,
                },
            );
        } else {
            strange.push((path, "restic gives no file such a name".to_owned()));
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<DirEntry>> {
    let unreadable = || format!("cannot read `{}`", directory.display());
    let is_directory = fs::symlink_metadata(directory).with_context(unreadable)?.is_dir();
    anyhow::ensure!(is_directory, "`{}` is no directory", directory.display());
    let entries = fs::read_dir(directory).and_then(Iterator::collect);
    entries.with_context(unreadable)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// True of the name of a file in a repository: a SHA-256 in lower case.
pub(super) fn is_id(name: &str) -> bool {
    name.len() == 64 && is_hex(name)
}

/// Where a pack is in a repository.
pub(super) fn path_of_pack(pack: &str) -> PathBuf {
    let first = pack.get(..2).unwrap_or_default();
    [DATA, first, pack].iter().collect()
}

/// Takes the packs that are too large out of the set.
pub(super) fn oversized(packs: &mut BTreeSet<String>, files: &Files) -> Reasons {
    let is_large = |pack: &str| files.get(pack).is_some_and(|file| file.bytes > LARGEST_PACK);
    let large: Vec<String> = packs.iter().filter(|pack| is_large(pack)).cloned().collect();
    for pack in &large {
        packs.remove(pack);
    }
    let why = |pack: &String| (path_of_pack(pack), too_large(LARGEST_PACK));
    large.iter().map(why).collect()
}

/// Why a file is moved away that has more bytes than this.
pub(super) fn too_large(most: u64) -> String {
    format!("it is larger than {} MiB", most >> 20)
}

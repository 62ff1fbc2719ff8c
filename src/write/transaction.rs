//! Makes changes so that no file is ever half-written, however it ends.
//!
//! All new texts are first written beside their places and brought to the disk by one syncfs(2); only then are
//! they renamed. A disk that fills up is noticed before the first file has changed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

use super::changes::{Change, Changes};
use super::manifest::{MANIFEST, Manifest};

/// Whether files that somebody else wrote or changed are overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// They are refused, and nothing is written.
    Never,
    /// They are.
    Always,
}

/// Changes that are written beside their places, and not yet in force. Dropped without
/// [`Transaction::commit`], it takes back what it wrote.
#[derive(Debug, Default)]
pub struct Transaction {
    trees: Vec<Tree>,
}

/// What is staged below one root.
#[derive(Debug)]
struct Tree {
    root: PathBuf,
    /// Places whose new texts wait beside them; the manifest that knows both states comes first.
    staged: Vec<PathBuf>,
    removed: Vec<PathBuf>,
    wanted: Manifest,
    /// Held until the end: two who write at once would mix their states.
    _lock: Flock<File>,
}

impl Transaction {
    /// Writes the new texts beside their places.
    ///
    /// # Errors
    /// When there is a file that we may not overwrite, when somebody else is writing here, or when a text can't
    /// be written. Then nothing has changed.
    pub fn stage(&mut self, changes: Changes, overwrite: Overwrite) -> Result<()> {
        let foreign: Vec<String> = changes
            .overwritten()
            .map(|path| path.display().to_string())
            .collect();
        if overwrite == Overwrite::Never && !foreign.is_empty() {
            bail!(
                "changed by hand, or not ours: {}\n\nhint: `--diff` shows the difference; `--force` overwrites",
                foreign.join(", ")
            );
        }
        if changes.is_empty() {
            return Ok(());
        }
        let Changes {
            root,
            known,
            wanted,
            changes,
            notes: _,
        } = changes;
        let lock = lock(&root)?;
        self.trees.push(Tree {
            root,
            staged: Vec::new(),
            removed: Vec::new(),
            wanted,
            _lock: lock,
        });
        let Some(tree) = self.trees.last_mut() else {
            return Ok(());
        };
        tree.stage_text(Path::new(MANIFEST), &both(&known, &tree.wanted).to_text()?, 0o644)?;
        for (path, change) in changes {
            match change {
                Change::Create(artifact) | Change::Update(artifact, _) | Change::Overwrite(artifact, _) => {
                    tree.stage_text(&path, &artifact.content, artifact.access.mode())?;
                }
                Change::Remove(_) => tree.removed.push(path),
                Change::Leave => {}
            }
        }
        Ok(())
    }

    /// Puts everything that is staged in force.
    ///
    /// # Errors
    /// When the disk refuses; each file is then old or new, and the next call completes the change.
    pub fn commit(mut self) -> Result<()> {
        self.sync()?;
        for tree in &mut self.trees {
            for path in std::mem::take(&mut tree.staged) {
                let place = tree.root.join(&path);
                fs::rename(beside(&place), &place)
                    .with_context(|| format!("can't replace {}", place.display()))?;
            }
            for path in &tree.removed {
                remove(&tree.root.join(path))?;
            }
            let text = tree.wanted.to_text()?;
            tree.stage_text(Path::new(MANIFEST), &text, 0o644)?;
        }
        // The last word, once all it says is on the disk.
        self.sync()?;
        for tree in &mut self.trees {
            let place = tree.root.join(MANIFEST);
            fs::rename(beside(&place), &place)
                .with_context(|| format!("can't replace {}", place.display()))?;
            tree.staged.clear();
        }
        self.sync()
    }

    /// One syncfs(2) for all trees of one file system, instead of an fsync(2) a file.
    fn sync(&self) -> Result<()> {
        let mut synced = Vec::new();
        for tree in &self.trees {
            let folder =
                File::open(&tree.root).with_context(|| format!("can't open {}", tree.root.display()))?;
            let device = std::os::unix::fs::MetadataExt::dev(&folder.metadata()?);
            if !synced.contains(&device) {
                nix::unistd::syncfs(&folder)
                    .with_context(|| format!("can't sync {}", tree.root.display()))?;
                synced.push(device);
            }
        }
        Ok(())
    }
}

impl Tree {
    fn stage_text(&mut self, path: &Path, text: &str, mode: u32) -> Result<()> {
        let place = self.root.join(path);
        make_folder(&place)?;
        let beside = beside(&place);
        // What an interrupted call left is ours by its name.
        remove(&beside)?;
        self.staged.push(path.to_path_buf());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)
            .with_context(|| unwritable(&place))?;
        file.write_all(text.as_bytes())
            .with_context(|| unwritable(&place))?;
        // Whatever the umask: a mode is what it says.
        file.set_permissions(Permissions::from_mode(mode))
            .with_context(|| unwritable(&place))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for path in &self.staged {
            // Nothing depends on these, and there is nobody left to tell.
            drop(fs::remove_file(beside(&self.root.join(path))));
        }
    }
}

/// Each file's old and new hashes: in either state it is ours.
fn both(known: &Manifest, wanted: &Manifest) -> Manifest {
    let mut both = known.clone();
    for (path, hashes) in &wanted.files {
        both.files
            .entry(path.clone())
            .or_default()
            .extend(hashes.iter().cloned());
    }
    both
}

fn lock(root: &Path) -> Result<Flock<File>> {
    let path = root.join("etc/genbackup/.lock");
    make_folder(&path)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| unwritable(&path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| error)
        .with_context(|| {
            format!(
                "{} is locked: another `genbackup emit` is at work there",
                path.display()
            )
        })
}

fn make_folder(place: &Path) -> Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).with_context(|| unwritable(folder))
}

fn unwritable(path: &Path) -> String {
    format!(
        "can't write {}: run as root, or stage the files with `--root`",
        path.display()
    )
}

fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.genbackup-new"))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

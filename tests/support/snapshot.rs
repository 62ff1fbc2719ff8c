//! Snapshots that mirror what they show, file by file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

/// Compares texts with their snapshots and goes on after a difference, so that one run shows all of them.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// All snapshots that were looked at, below `snapshots/`.
    pub(crate) seen: BTreeSet<PathBuf>,
    /// Those that differ, or are missing.
    pub(crate) different: Vec<PathBuf>,
}

impl Comparison {
    /// Compares one text with `snapshots/PATH.snap`.
    pub(crate) fn compare(&mut self, path: &Path, text: &str) -> Result<()> {
        let directory = root().join(path.parent().context("a snapshot lies in a directory")?);
        let name = path.file_name().context("a snapshot has a name")?;
        let name = name.to_str().context("a snapshot's name is UTF-8")?;
        let compared = std::panic::catch_unwind(|| {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(&directory);
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(name, text));
        });
        // insta writes a backslash, which some file systems cannot hold, like a slash.
        let path = path.with_file_name(format!("{}.snap", name.replace('\\', "__")));
        if compared.is_err() {
            self.different.push(path.clone());
        }
        self.seen.insert(path);
        Ok(())
    }

    /// Checks that the files below `snapshots/DIRECTORY` are exactly those that were compared.
    pub(crate) fn has_no_orphan_and_misses_none(&self, directory: &str) -> Result<()> {
        let kept = all(directory)?;
        let seen = self
            .seen
            .iter()
            .filter(|path| path.starts_with(directory))
            .cloned();
        let seen: BTreeSet<PathBuf> = seen.collect();
        let orphans: Vec<_> = kept.difference(&seen).collect();
        let missing: Vec<_> = seen.difference(&kept).collect();
        ensure!(
            orphans.is_empty(),
            "nothing gives these any more; remove them: {orphans:#?}"
        );
        ensure!(missing.is_empty(), "these have no snapshot: {missing:#?}");
        Ok(())
    }
}

/// The comparison that `compare_all` makes, made once: several tests need it done.
pub(crate) fn once(
    made: &'static OnceLock<Result<Comparison>>,
    compare_all: fn() -> Result<Comparison>,
) -> Result<&'static Comparison> {
    match made.get_or_init(compare_all) {
        Ok(comparison) => Ok(comparison),
        Err(error) => bail!("{error:#}"),
    }
}

/// All snapshots below `snapshots/DIRECTORY`.
fn all(directory: &str) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in
            std::fs::read_dir(&directory).with_context(|| format!("no directory {}", directory.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                found.insert(path.strip_prefix(root())?.to_owned());
            }
        }
    }
    Ok(found)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots")
}

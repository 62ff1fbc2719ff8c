//! What happens to one file.

use std::path::Path;

use similar::TextDiff;

use crate::emit::Artifact;

/// What happens to one file.
#[derive(Debug)]
pub enum Change {
    /// It does not exist yet.
    Create(Artifact),
    /// It is ours, and old.
    Update(Artifact, Vec<u8>),
    /// It is there with another text that we did not write.
    Overwrite(Artifact, Vec<u8>),
    /// It is ours, and no longer wanted.
    Remove(Vec<u8>),
    /// It is no longer wanted, but was changed by hand: it stays.
    Leave,
}

/// The unified diff of one file; none when it stays as it is.
pub(super) fn unified(path: &Path, change: &Change) -> Option<String> {
    let path = path.display().to_string();
    let nothing = "/dev/null".to_owned();
    let (before, after, old, new): (_, _, &[u8], &str) = match change {
        Change::Create(new) => (nothing, path, &[], &new.content),
        Change::Update(new, old) | Change::Overwrite(new, old) => (path.clone(), path, old, &new.content),
        Change::Remove(old) => (path, nothing, old, ""),
        Change::Leave => return None,
    };
    let old = String::from_utf8_lossy(old);
    Some(if old == new {
        format!("--- {before}\n+++ {after}\n(its mode or owner changes)\n")
    } else {
        TextDiff::from_lines(old.as_ref(), new)
            .unified_diff()
            .header(&before, &after)
            .to_string()
    })
}

//! Changes as a person reads them.

use std::path::Path;

use similar::TextDiff;

use super::changes::{Change, Changes};

impl Changes {
    /// The changes as a unified diff.
    #[must_use]
    pub fn diff(&self) -> String {
        self.files
            .iter()
            .filter_map(|(path, change)| unified(&self.root.join(path), change))
            .collect()
    }
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

//! Changes as a person reads them.

use super::change::unified;
use super::changes::Changes;

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

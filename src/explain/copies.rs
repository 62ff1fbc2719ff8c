//! The copies of the repository in other places: what is copied, when, and what stays there.

use super::in_words;
use crate::model::{CopyKind, CopyName, Deletion, Offsite, UnitPath};

/// One copy.
pub(super) struct Copy<'f> {
    pub(super) name: &'f CopyName,
    pub(super) offsite: &'f Offsite,
    /// The files with its passwords and credentials.
    pub(super) secrets: Vec<&'f UnitPath>,
}

impl<'f> Copy<'f> {
    pub(super) fn of(name: &'f CopyName, copy: &'f Offsite, password_file: &'f UnitPath) -> Self {
        let credentials = copy.kind.credentials(password_file).into_iter();
        Self {
            name,
            offsite: copy,
            secrets: credentials.map(|(_, file)| file).collect(),
        }
    }

    /// What is copied, and to where.
    pub(super) fn what(&self) -> String {
        match &self.offsite.kind {
            CopyKind::Sync(sync) => format!("the encrypted files, to {}", sync.remote),
            CopyKind::Restic(copy) => format!("snapshots, to the repository {}", copy.repository),
        }
    }

    /// What stays there, and what is refused.
    pub(super) fn rules(&self) -> Vec<String> {
        let max_loss = self.offsite.max_loss;
        let mut rules = match &self.offsite.kind {
            CopyKind::Sync(sync) => vec![
                match sync.delete {
                    Deletion::AtOnce => "deletes what the repository no longer has".to_owned(),
                    Deletion::After(span) => {
                        format!("deletes what the repository has not had for {}", in_words(span))
                    }
                    Deletion::Never => "deletes nothing".to_owned(),
                },
                format!("refuses when more than {max_loss} of the snapshots are gone"),
            ],
            CopyKind::Restic(copy) => vec![
                format!("keeps {} of each host", copy.keep),
                format!(
                    "refuses when more than {max_loss} of the snapshots are gone, or would go from the copy"
                ),
            ],
        };
        rules.extend(self.offsite.bandwidth.map(|rate| format!("sends at most {rate}")));
        rules
    }
}

//! The order of the steps once the files of a host are written, on this host and on a client.

use super::{Audience, Live, Systemd};
use crate::apply::{Changes, Counts};
use crate::emit::Artifact;

/// Files that were written, and are applied now.
#[derive(Clone, Copy)]
pub(crate) struct Written<'w> {
    /// All files of the host.
    pub(crate) artifacts: &'w [Artifact],
    /// The changes among them.
    pub(crate) changes: &'w Changes,
    /// The number of these changes.
    pub(crate) counts: Counts,
}

impl<S: Systemd, A: Audience> Live<S, A> {
    /// Applies files that were written. Reports what the host `lacks`. `before_start` runs once all units are enabled,
    /// before the waiting ones start. Returns what [`Live::end`] does.
    pub(crate) fn apply(
        mut self,
        written: Written<'_>,
        lacks: &[anyhow::Error],
        before_start: impl FnOnce(&mut Self),
    ) -> (bool, A) {
        let Written {
            artifacts,
            changes,
            counts,
        } = written;
        self.step(counts);
        for lack in lacks {
            self.fail(lack);
        }
        self.make_what_they_need(artifacts, changes);
        let waiting = self.enable(artifacts, changes.changes_units());
        before_start(&mut self);
        waiting.start(&mut self);
        if self.is_as_it_was() && counts == Counts::default() {
            self.step("nothing to change: the host matches the fleet file");
        }
        self.end()
    }
}

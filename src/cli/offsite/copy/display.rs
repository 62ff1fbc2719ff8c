//! Shows the progress of a copy: as the status of its unit, and on a terminal.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::repository::offsite::Progress;
use crate::system::unit_status;

/// The places that show the progress.
pub(super) struct Display {
    line: Option<ProgressBar>,
    last: Mutex<Option<Progress>>,
}

impl Display {
    pub(super) fn new() -> Self {
        let line = std::io::stderr().is_terminal().then(|| {
            let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            line.set_style(
                ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            line
        });
        Self {
            line,
            last: Mutex::new(None),
        }
    }

    /// Shows the progress, if it changed.
    pub(super) fn tell(&self, progress: Progress) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.replace(progress) == Some(progress) {
            return;
        }
        let words = progress.to_string();
        // An error is ignored: a copy does not depend on its status text.
        let _is_set = unit_status::set(&words);
        if let Some(line) = &self.line {
            line.set_message(words);
            line.tick();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}

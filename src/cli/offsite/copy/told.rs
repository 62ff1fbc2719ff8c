//! Tells how far a copy is: systemd, as the status of the unit, and whoever sits at the terminal.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::repository::offsite::Progress;
use crate::system::unit_status;

/// Who is told.
pub(super) struct Told {
    line: Option<ProgressBar>,
    last: Mutex<Option<Progress>>,
}

impl Told {
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

    /// Tells it, if it is new.
    pub(super) fn tell(&self, progress: Progress) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.replace(progress) == Some(progress) {
            return;
        }
        let words = progress.to_string();
        // Without systemd, nobody asks for the status of a unit.
        let _told = unit_status::set(&words);
        if let Some(line) = &self.line {
            line.set_message(words);
            line.tick();
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}

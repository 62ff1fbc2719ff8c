//! Progress bars on a terminal: a line for each running backup, and for forget and prune. No line is wider than the
//! terminal.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::SignedDuration;
use textwrap::core::display_width;

use super::names;
use crate::cli::terminal;
use crate::runs::progress::Progress;
use crate::status::span;

/// The minimum number of columns for a bar next to the text.
const NARROW: usize = 60;
/// The number of columns if the terminal does not report it.
const USUAL: u16 = 80;

pub(super) struct Bars {
    all: MultiProgress,
    by_name: BTreeMap<String, ProgressBar>,
    /// The line after them: the number of waiting hosts, or how far the copies are.
    rest: Option<ProgressBar>,
    columns: usize,
    /// The displayed names, all equally wide.
    names: BTreeMap<String, String>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
            by_name: BTreeMap::new(),
            rest: None,
            columns: 0,
            names: BTreeMap::new(),
        }
    }

    /// Fits the names of these hosts, and of forget and prune, to the current width of the terminal.
    pub(super) fn fit(&mut self, hosts: &[String]) {
        let columns = usize::from(terminal::width().unwrap_or(USUAL));
        let is_known = hosts.iter().all(|host| self.names.contains_key(host));
        if columns != self.columns || !is_known {
            self.columns = columns;
            self.names = names::in_columns(hosts, &["forget", "prune"], columns / 3);
        }
    }

    /// Shows the progress of one of them, or how long it has been running.
    pub(super) fn show(&mut self, name: &str, progress: Option<Progress>, running_for: SignedDuration) {
        let called = self.names.get(name).map_or(name, String::as_str);
        let text = match progress {
            Some(progress) => line(called, progress, self.columns),
            None => format!("{called} running for {}", span(running_for)),
        };
        let bar = self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let bar = new_line();
            match &self.rest {
                Some(rest) => self.all.insert_before(rest, bar),
                None => self.all.add(bar),
            }
        });
        bar.set_message(text);
        // Draw it at once.
        bar.tick();
    }

    /// Shows how many hosts are waiting.
    pub(super) fn show_rest(&mut self, hosts: usize) {
        self.show_last(&match hosts {
            0 => String::new(),
            1 => "1 host is waiting".to_owned(),
            hosts => format!("{hosts} hosts are waiting"),
        });
    }

    /// Shows this in the last line, or no such line.
    pub(super) fn show_last(&mut self, text: &str) {
        if text.is_empty() {
            if let Some(rest) = self.rest.take() {
                rest.finish_and_clear();
            }
            return;
        }
        let rest = self.rest.get_or_insert_with(|| self.all.add(new_line()));
        rest.set_message(text.to_owned());
        rest.tick();
    }

    /// Removes one line.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(bar) = self.by_name.remove(name) {
            bar.finish_and_clear();
        }
    }

    /// Removes all lines.
    pub(super) fn clear(&mut self) {
        for bar in std::mem::take(&mut self.by_name).into_values() {
            bar.finish_and_clear();
        }
        self.show_rest(0);
    }

    /// Hides all lines while `what` runs.
    pub(super) fn suspend<R>(&self, what: impl FnOnce() -> R) -> R {
        self.all.suspend(what)
    }
}

fn new_line() -> ProgressBar {
    // `wide_msg` cuts the text at the edge of the terminal.
    let style = ProgressStyle::with_template("{wide_msg}");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The progress of a host, the most important part first, and as much of it as fits.
fn line(name: &str, progress: Progress, columns: usize) -> String {
    let Progress {
        total_bytes,
        bytes_done,
        ..
    } = progress;
    let mut line = format!("{name} ");
    if columns >= NARROW {
        let length = if columns < usize::from(USUAL) { 10_u8 } else { 20 };
        let done = u128::from(bytes_done.min(total_bytes)) * u128::from(length);
        let done = usize::try_from(done / u128::from(total_bytes.max(1))).unwrap_or_default();
        let arrow = "=".repeat(done) + ">";
        let length = usize::from(length);
        let bar = format!("[{arrow:length$.length$}] ");
        line += &bar;
    }
    line += &progress.percent().to_string();
    line += "%";
    for part in progress
        .left()
        .into_iter()
        .chain([progress.bytes(), progress.files()])
    {
        if display_width(&line) + 2 + display_width(&part) > columns {
            break;
        }
        line += ", ";
        line += &part;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_shows_the_most_important_part() {
        let progress = Progress {
            total_files: 1_234_567,
            files_done: 234_567,
            total_bytes: 4_000_000_000,
            bytes_done: 1_000_000_000,
            seconds_remaining: 5_400,
        };
        for (columns, expected) in [
            (
                100,
                "kai [=====>              ] 25%, 1h 30m left, 953.7 MiB of 3.7 GiB, 234567 of 1234567 files",
            ),
            (
                80,
                "kai [=====>              ] 25%, 1h 30m left, 953.7 MiB of 3.7 GiB",
            ),
            (60, "kai [==>       ] 25%, 1h 30m left, 953.7 MiB of 3.7 GiB"),
            (40, "kai 25%, 1h 30m left"),
        ] {
            assert_eq!(line("kai", progress, columns), expected);
        }
    }
}

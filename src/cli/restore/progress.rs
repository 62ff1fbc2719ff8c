//! Shows the progress of a restore: a bar on a terminal, lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;

use crate::cli::terminal;
use crate::repository::restic::Line;

/// The number of error messages that are kept for the end.
const COMPLAINTS: usize = 100;
/// The number of different error messages that are counted instead of being repeated.
const COUNTED: usize = 1000;
/// How often the spinner moves if restic does not report its progress.
const TICK: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// The last tenth that was printed.
    tenth: u64,
    figures: String,
    complaints: Vec<String>,
    /// Each error message, and how often restic printed it.
    counts: HashMap<String, u64>,
}

/// A message of `restic restore --json`, with the fields of its documentation.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "message_type")]
    kind: String,
    #[serde(default)]
    percent_done: f64,
    #[serde(default)]
    total_files: u64,
    #[serde(default)]
    files_restored: u64,
    #[serde(default)]
    total_bytes: u64,
    #[serde(default)]
    bytes_restored: u64,
}

/// Without colours; `wide_bar` is as wide as the terminal is.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // Until restic reports its progress. restic reports it since 0.16.
            bar.set_style(style("{spinner} {msg}, {elapsed}"));
            bar.set_message("restoring; restic does not report its progress");
            bar.enable_steady_tick(TICK);
            bar
        });
        Self {
            bar,
            tenth: 0,
            figures: String::new(),
            complaints: Vec::new(),
            counts: HashMap::new(),
        }
    }

    /// How often restic should report its progress: several times a second for a bar, once for lines.
    pub(super) fn reports_a_second() -> &'static str {
        if std::io::stderr().is_terminal() { "5" } else { "1" }
    }

    pub(super) fn print(&mut self, output: Line) {
        match output {
            Line::Output(line) => match serde_json::from_str::<Message>(&line) {
                Ok(message) => self.message(&message),
                Err(_) => self.line(&line),
            },
            Line::Complaint(line) => {
                if let Some(count) = self.counts.get_mut(&line) {
                    *count += 1;
                    return;
                }
                self.line(&line);
                if self.counts.len() < COUNTED {
                    self.counts.insert(line.clone(), 1);
                }
                if self.complaints.len() < COMPLAINTS || line.starts_with("Fatal: ") {
                    self.complaints.push(line);
                }
            }
        }
    }

    fn message(&mut self, message: &Message) {
        let done = ByteSize(message.bytes_restored);
        match message.kind.as_str() {
            "status" => match &self.bar {
                Some(bar) => {
                    if bar.length().is_none() {
                        bar.disable_steady_tick();
                        bar.set_style(style("{wide_bar} {msg} {eta} left"));
                    }
                    bar.set_length(message.total_bytes);
                    bar.set_position(message.bytes_restored);
                    bar.set_message(format!(
                        "{} of {} files, {done}",
                        message.files_restored, message.total_files
                    ));
                }
                None => self.tenths(message),
            },
            "summary" => {
                let files = terminal::counted(message.files_restored, "file");
                self.figures = format!("{files}, {done} ");
            }
            _ => {}
        }
    }

    /// Prints a line for each tenth.
    fn tenths(&mut self, message: &Message) {
        let Message {
            percent_done,
            total_files,
            files_restored,
            total_bytes,
            bytes_restored,
            ..
        } = message;
        let tenth = (1..10_u32)
            .filter(|tenth| percent_done * 10.0 >= f64::from(*tenth))
            .count() as u64;
        if tenth > self.tenth {
            self.tenth = tenth;
            terminal::complain(format_args!(
                "{}0%: {files_restored} of {total_files} files, {} of {}",
                tenth,
                ByteSize(*bytes_restored),
                ByteSize(*total_bytes)
            ));
        }
    }

    /// Prints a line of restic above the bar.
    fn line(&self, line: &str) {
        let line = terminal::harmless(line);
        match &self.bar {
            _ if line.is_empty() => {}
            Some(bar) => bar.suspend(|| terminal::complain(&line)),
            None => terminal::complain(&line),
        }
    }

    /// Ends the bar. Returns what was restored, if restic reports it, and the error messages.
    pub(super) fn end(self) -> (String, Vec<String>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut repeated: Vec<(&String, &u64)> =
            self.counts.iter().filter(|(_, count)| **count > 1).collect();
        repeated.sort_unstable();
        for (line, count) in repeated {
            terminal::complain(format_args!("{count} times: {}", terminal::harmless(line)));
        }
        (self.figures, self.complaints)
    }
}

//! How far a restore is: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;

use crate::cli::terminal;
use crate::restic::Said;

/// Complaints that are kept for the end; all are said when they come.
const COMPLAINTS: usize = 100;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// The last tenth that was said in a line of its own.
    tenth: u64,
    figures: String,
    complaints: Vec<String>,
}

/// What `restic restore --json` says; the fields are those of its documentation.
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

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            // Without colours, and as wide as the terminal is.
            bar.set_style(
                ProgressStyle::with_template("{wide_bar} {msg} {eta} left")
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self {
            bar,
            tenth: 0,
            figures: String::new(),
            complaints: Vec::new(),
        }
    }

    /// How often restic is to say how far it is: for a bar several times a second, for lines from time to time.
    pub(super) fn reports_a_second(&self) -> &'static str {
        if self.bar.is_some() { "5" } else { "1" }
    }

    pub(super) fn say(&mut self, said: Said) {
        match said {
            Said::Output(line) => match serde_json::from_str::<Message>(&line) {
                Ok(message) => self.message(&message),
                Err(_) => self.line(&line),
            },
            Said::Complaint(line) => {
                self.line(&line);
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
                    bar.set_length(message.total_bytes);
                    bar.set_position(message.bytes_restored);
                    bar.set_message(format!(
                        "{} of {} files, {done}",
                        message.files_restored, message.total_files
                    ));
                }
                None => self.tenths(message),
            },
            "summary" => self.figures = format!("{} files, {done} ", message.files_restored),
            _ => {}
        }
    }

    /// A line for each tenth.
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
            eprintln!(
                "{}0%: {files_restored} of {total_files} files, {} of {}",
                tenth,
                ByteSize(*bytes_restored),
                ByteSize(*total_bytes)
            );
        }
    }

    /// What restic says in its own words, above the bar.
    fn line(&self, line: &str) {
        let line = terminal::harmless(line);
        match &self.bar {
            _ if line.is_empty() => {}
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// What was restored, where restic says it, and what it complained of.
    pub(super) fn end(self) -> (String, Vec<String>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        (self.figures, self.complaints)
    }
}

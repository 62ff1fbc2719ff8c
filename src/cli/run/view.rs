//! What is shown of a run: bars on a terminal, plain lines elsewhere, from its record and the answers of its hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytesize::ByteSize;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp};

use super::answer::{self, Progress};
use crate::cli::records::Records;
use crate::cli::terminal;
use crate::health::{State, span};
use crate::record::{Run, RunId, Status};

/// How often a line says how far a host has come, where there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(30);

pub(super) struct View<'r> {
    records: &'r Records,
    answers: &'r Path,
    run: Option<RunId>,
    /// What was said already, each once.
    said: BTreeSet<String>,
    /// When a line last said how far a host has come.
    lines: BTreeMap<String, Instant>,
    bars: Option<Bars>,
    is_blind: bool,
}

struct Bars {
    all: MultiProgress,
    by_name: BTreeMap<String, ProgressBar>,
}

impl<'r> View<'r> {
    pub(super) fn new(records: &'r Records, answers: &'r Path) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb");
        let has_bars = std::io::stdout().is_terminal() && !is_dumb;
        Self {
            records,
            answers,
            run: None,
            said: BTreeSet::new(),
            lines: BTreeMap::new(),
            bars: has_bars.then(|| Bars {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
                by_name: BTreeMap::new(),
            }),
            is_blind: false,
        }
    }

    /// Takes the bars away.
    pub(super) fn close(&mut self) {
        if let Some(bars) = &mut self.bars {
            for bar in std::mem::take(&mut bars.by_name).into_values() {
                bar.finish_and_clear();
            }
        }
    }

    /// Says something that is about no host.
    pub(super) fn note(&self, text: &str) -> Result<()> {
        self.print(&format!("{text}\n"))
    }

    /// Shows what is new in the run that began then.
    pub(super) fn show(&mut self, began: Option<Timestamp>) -> Result<()> {
        let Some(began) = began.filter(|_| !self.is_blind) else {
            return Ok(());
        };
        match self.record(began) {
            Ok(Some(run)) => self.show_run(&run),
            Ok(None) => Ok(()),
            Err(error) => {
                self.is_blind = true;
                let text = format!("how far it comes can't be shown: {error:#}");
                self.note(&terminal::harmless(&text.replace("\n\nhint: ", "; ")))
            }
        }
    }

    fn record(&mut self, began: Timestamp) -> Result<Option<Run>> {
        if let Some(run) = self.run {
            return self.records.read(run, None).map(Some);
        }
        // A run's name is the second in which its script began, or had its turn.
        let is_of_this = |run: &RunId| run.start().as_second() >= began.as_second();
        let runs = self.records.list()?.unwrap_or_default();
        for id in runs.into_iter().filter(is_of_this) {
            let run = self.records.read(id, None)?;
            if !run.is_beside {
                self.run = Some(id);
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    fn show_run(&mut self, run: &Run) -> Result<()> {
        for warning in &run.warnings {
            self.say_once(&format!("warning: {}", terminal::harmless(warning)))?;
        }
        for (name, host) in &run.hosts {
            if let Some(finished) = &host.finished {
                self.ended(name, &finished.status, finished.seconds, finished.why.as_deref())?;
            } else if host.start.is_some() {
                self.at_work(name, answer::progress(self.answers, name))?;
            }
        }
        for (phase, done) in &run.phases {
            if let Some(finished) = &done.finished {
                self.ended(
                    phase.name(),
                    &finished.status,
                    finished.seconds,
                    finished.why.as_deref(),
                )?;
            } else {
                self.at_work(phase.name(), None)?;
            }
        }
        Ok(())
    }

    fn at_work(&mut self, name: &str, progress: Option<Progress>) -> Result<()> {
        let name = terminal::harmless(name);
        let text = progress.map(in_words);
        if let Some(bars) = &mut self.bars {
            let bar = bars.by_name.entry(name.clone()).or_insert_with(|| {
                let bar = ProgressBar::new(1).with_prefix(name).with_message("at work");
                let bar = bars.all.add(bar.with_style(style()));
                // Seen at once, though nothing is known of it yet.
                bar.tick();
                bar
            });
            if let (Some(progress), Some(text)) = (progress, text) {
                bar.set_length(progress.total_bytes.max(1));
                bar.set_position(progress.bytes_done.min(progress.total_bytes));
                bar.set_message(text);
            }
            return Ok(());
        }
        if !self.lines.contains_key(&name) {
            self.lines.insert(name.clone(), Instant::now());
            self.print(&format!("{name}: at work\n"))?;
        }
        let is_due = self
            .lines
            .get(&name)
            .is_none_or(|last| last.elapsed() >= LINE_EVERY);
        match text.filter(|_| is_due) {
            Some(text) => {
                self.print(&format!("{name}: {text}\n"))?;
                self.lines.insert(name, Instant::now());
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn ended(&mut self, name: &str, status: &Status, seconds: Option<f64>, why: Option<&str>) -> Result<()> {
        let name = terminal::harmless(name);
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.by_name.remove(&name)) {
            bar.finish_and_clear();
        }
        let color = match status {
            Status::Ok => terminal::style(State::Ok),
            Status::Partial => terminal::style(State::Warning),
            _ => terminal::style(State::Alert),
        };
        let status = terminal::harmless(&status.to_string());
        let took = seconds
            .and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
            .map_or_else(String::new, |took| format!(" in {}", span(took)));
        let why = why.map_or_else(String::new, |why| format!(": {}", terminal::harmless(why)));
        self.say_once(&format!("{name}: {color}{status}{color:#}{took}{why}"))
    }

    fn say_once(&mut self, line: &str) -> Result<()> {
        if self.said.insert(line.to_owned()) {
            self.print(&format!("{line}\n"))
        } else {
            Ok(())
        }
    }

    /// Above the bars, where there are some.
    fn print(&self, text: &str) -> Result<()> {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| terminal::say(text)),
            None => terminal::say(text),
        }
    }
}

fn style() -> ProgressStyle {
    // Cut off at the terminal's edge, and without colours.
    let style = ProgressStyle::with_template("{prefix} [{bar:20}] {wide_msg}");
    style.map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.progress_chars("=> "),
    )
}

fn in_words(progress: Progress) -> String {
    let Progress {
        total_files,
        files_done,
        total_bytes,
        bytes_done,
        seconds_remaining,
    } = progress;
    let percent = u128::from(bytes_done.min(total_bytes)) * 100 / u128::from(total_bytes.max(1));
    let left = match i64::try_from(seconds_remaining) {
        Ok(seconds @ 1..) => format!(", {} left", span(SignedDuration::from_secs(seconds))),
        _ => String::new(),
    };
    format!(
        "{percent}%, {} of {}, {files_done} of {total_files} files{left}",
        ByteSize(bytes_done),
        ByteSize(total_bytes)
    )
}

//! Shows a run from its record and the answers of its hosts: bars on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::bars::Bars;
use super::summary::summary;
use crate::cli::terminal;
use crate::error::hint;
use crate::runs::find::Finder;
use crate::runs::follow::View;
use crate::runs::progress::{Progress, progress};
use crate::runs::record::{HostRun, Run, RunId, Status};
use crate::status::{State, span};
use crate::system::bus::UnitState;

/// How often a line shows the progress of a host if there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows a run, and remembers what it has shown.
pub(super) struct Display<'r> {
    finder: Finder<'r>,
    answers: &'r Path,
    run: Option<RunId>,
    /// The lines that were already printed, each once.
    printed: BTreeSet<String>,
    /// When the last line about each host was printed.
    lines: BTreeMap<String, Instant>,
    bars: Option<Bars>,
    is_blind: bool,
}

impl<'r> Display<'r> {
    pub(super) fn new(finder: Finder<'r>, answers: &'r Path) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb");
        let has_bars = std::io::stdout().is_terminal() && !is_dumb;
        Self {
            finder,
            answers,
            run: None,
            printed: BTreeSet::new(),
            lines: BTreeMap::new(),
            bars: has_bars.then(Bars::new),
            is_blind: false,
        }
    }

    fn record(&mut self, unit: &UnitState, began: Timestamp) -> Result<Option<Run>> {
        if self.run.is_none() {
            self.run = self.finder.find(unit, began)?;
        }
        let run = self.run.map(|run| self.finder.records.read(run, None));
        run.transpose()
    }

    fn show_run(&mut self, run: &Run) -> Result<()> {
        for warning in &run.warnings {
            self.print_once(&format!("warning: {}", terminal::harmless(warning)))?;
        }
        if let Some(bars) = &mut self.bars {
            let hosts: Vec<String> = run.hosts.keys().map(|name| terminal::harmless(name)).collect();
            bars.fit(&hosts);
            let is_to_come = |host: &&HostRun| host.start.is_none() && host.finished.is_none();
            let to_come = run.hosts.values().filter(is_to_come).count();
            bars.show_rest(if run.phases.is_empty() { to_come } else { 0 });
        }
        for (name, host) in &run.hosts {
            if let Some(finished) = &host.finished {
                self.ended(name, &finished.status, finished.seconds, finished.why.as_deref())?;
            } else if let Some(start) = host.start {
                self.running(name, start, progress(self.answers, name))?;
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
                self.running(phase.name(), done.start.unwrap_or_else(|| self.now()), None)?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.finder.records.now()
    }

    fn running(&mut self, name: &str, since: Timestamp, progress: Option<Progress>) -> Result<()> {
        let name = terminal::harmless(name);
        let running_for = self.now().duration_since(since);
        if let Some(bars) = &mut self.bars {
            bars.show(&name, progress, running_for);
            return Ok(());
        }
        let text = progress.map(in_words);
        if !self.lines.contains_key(&name) {
            self.lines.insert(name.clone(), Instant::now());
            self.print(&format!("{name}: running\n"))?;
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
        if let Some(bars) = &mut self.bars {
            bars.remove(&name);
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
        self.print_once(&format!("{name}: {color}{status}{color:#}{took}{why}"))
    }

    fn print_once(&mut self, line: &str) -> Result<()> {
        if self.printed.insert(line.to_owned()) {
            self.print(&format!("{line}\n"))
        } else {
            Ok(())
        }
    }

    /// Prints above the bars, if there are any.
    fn print(&self, text: &str) -> Result<()> {
        match &self.bars {
            Some(bars) => bars.suspend(|| terminal::print(text)),
            None => terminal::print(text),
        }
    }
}

impl View for Display<'_> {
    /// Removes the bars.
    fn close(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.clear();
        }
    }

    /// Removes the bars, and prints the result.
    fn sum_up(&mut self) -> Result<()> {
        self.close();
        let Some(run) = self.run.filter(|_| !self.is_blind) else {
            return Ok(());
        };
        // An error is unlikely: the record was readable a moment ago.
        let run = self.finder.records.read(run, None);
        match run.ok().as_ref().and_then(summary) {
            Some(summary) => self.note(&terminal::harmless(&summary)),
            None => Ok(()),
        }
    }

    /// Prints a line that is not about a host.
    fn note(&self, text: &str) -> Result<()> {
        self.print(&format!("{text}\n"))
    }

    /// True while the run has no record, although records can be read.
    fn waits_for_a_record(&self) -> bool {
        self.run.is_none() && !self.is_blind
    }

    /// Shows what is new in the run of this invocation of its unit.
    fn show(&mut self, unit: &UnitState) -> Result<()> {
        let Some(began) = unit.began.filter(|_| !self.is_blind) else {
            return Ok(());
        };
        match self.record(unit, began) {
            Ok(Some(run)) => self.show_run(&run),
            Ok(None) => Ok(()),
            Err(error) => {
                self.is_blind = true;
                let hint = hint(&error).map_or_else(String::new, |hint| format!("; {hint}"));
                let text = format!("cannot show the progress: {error:#}{hint}");
                self.note(&terminal::harmless(&text))
            }
        }
    }

    /// Shows how far the copies of the repository are.
    fn copying(&mut self, lines: &[String]) -> Result<()> {
        let words: Vec<String> = lines.iter().map(|words| terminal::harmless(words)).collect();
        if let Some(bars) = &mut self.bars {
            bars.show_last(&words.join("; "));
            return Ok(());
        }
        let is_due = self.lines.get("").is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if is_due && !words.is_empty() {
            self.lines.insert(String::new(), Instant::now());
            self.print(&format!("{}\n", words.join("\n")))?;
        }
        Ok(())
    }
}

fn in_words(progress: Progress) -> String {
    let left = progress
        .left()
        .map_or_else(String::new, |left| format!(", {left}"));
    format!(
        "{}%, {}, {}{left}",
        progress.percent(),
        progress.bytes(),
        progress.files()
    )
}

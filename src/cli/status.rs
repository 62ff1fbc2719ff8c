//! `genbackup status`: shows the state of each host and phase, by the convention of monitoring plugins.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::holds::Holds;
use super::records;
use super::terminal::wrapped;
use super::{load, terminal};
use crate::error::{describe, fail};
use crate::repository::hold::{Shown, left_alone, shown};
use crate::runs::records::Records;
use crate::status::{
    Item, Now, Point, Progress, Remark, Report, State, Verdict, examine, is_yet_to_come, rule, span,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    records: records::Options,
    #[command(flatten)]
    holds: Holds,
}

/// Reports an error as UNKNOWN, not as WARNING. Prints it on standard output, which a monitoring system reads.
pub(super) fn run(file: &Path, arguments: &Arguments) -> ExitCode {
    let why = match show(file, arguments) {
        Ok(Some(state)) => return ExitCode::from(state.exit_status()),
        Ok(None) => format!("{} has problems; `genbackup check` shows them", file.display()),
        Err(error) => describe(&error),
    };
    if let Err(error) = terminal::print(&format!("genbackup UNKNOWN: {why}\n")) {
        terminal::complain(format_args!("error: {error:#}"));
    }
    ExitCode::from(State::Never.exit_status())
}

/// Prints the state of the fleet. Returns `None` if the fleet file has problems, which are shown.
fn show(file: &Path, arguments: &Arguments) -> Result<Option<State>> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(None);
    };
    let records = arguments.records.open();
    let mut report = examine(&fleet, &records)?;
    let mut holds = holds(&records, &arguments.holds)?;
    if let Some(host) = &arguments.host {
        let host = load::host(&fleet, Some(host))?;
        if !fleet.backed_up().any(|backed_up| backed_up == host) {
            fail!(
                what("`{host}` is not backed up"),
                hint("leave out `--host`, or name another host")
            );
        }
        report = report.of_host(host.as_str());
        holds.retain(|hold| hold.host == host.as_str());
    }
    let points = rule(&report, &fleet);
    if arguments.json {
        terminal::hand_over(serde_json::to_string_pretty(&Json::of(&report, &points, &holds))? + "\n")?;
    } else {
        terminal::print(&in_words(&report, &points, &holds))?;
    }
    Ok(Some(report.state()))
}

/// The hosts whose snapshots forget keeps, by the last run and by the current holds.
fn holds(records: &Records, holds: &Holds) -> Result<Vec<Shown>> {
    let now = records.now();
    let runs = records.list()?.unwrap_or_default().into_iter().rev();
    let runs = runs.filter(|run| !is_yet_to_come(*run, now));
    let left_alone = left_alone(runs, |run, about| records.read(run, about))?;
    Ok(shown(&holds.read_if_there()?, &left_alone, now))
}

/// The report with its overall state.
#[derive(serde::Serialize)]
struct Json<'r> {
    state: State,
    summary: String,
    #[serde(flatten)]
    report: &'r Report,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    holds: &'r [Shown],
    /// The points of the rule 3-2-1-1-0.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rule: &'r [Point],
}

impl<'r> Json<'r> {
    fn of(report: &'r Report, rule: &'r [Point], holds: &'r [Shown]) -> Self {
        Self {
            state: report.state(),
            summary: report.summary(),
            report,
            holds,
            rule,
        }
    }
}

/// The summary in the first line, then a line for each host and phase with its details below.
fn in_words(report: &Report, points: &[Point], holds: &[Shown]) -> String {
    // Text after a bar is performance data (Monitoring Plugins Development Guidelines).
    let summary = terminal::harmless(&report.summary()).replace('|', "\u{a6}");
    let mut text = format!("{summary}\n\n");
    let names = report.items().map(|item| item.shown().len());
    let longest = names.max().map(|longest| longest.min(NAME));
    for group in groups(report) {
        for item in &group {
            text.push_str(&line(longest.unwrap_or_default(), item));
        }
        if let Some(item) = group.first() {
            details(&mut text, &item.verdict);
        }
    }
    if let Some(run) = report.run.filter(|run| run.progress == Progress::Running) {
        let since = span(report.time.duration_since(run.run.start()));
        let note = format!(
            "a run has been in progress since {} ({since})",
            terminal::local(run.run.start())
        );
        text.push('\n');
        text.push_str(&wrapped(&note, ""));
    }
    if !report.remarks.is_empty() {
        text.push('\n');
    }
    for Remark {
        state, what, hint, ..
    } in &report.remarks
    {
        text.push_str(&with_state(*state, what));
        if let Some(hint) = hint {
            text.push_str(&wrapped(&format!("hint: {hint}"), INDENT));
        }
    }
    if !points.is_empty() {
        text.push_str("\n3-2-1-1-0\n");
    }
    for Point {
        wanted,
        is_met,
        evidence,
    } in points
    {
        let word = if *is_met { "yes" } else { "no" };
        let words = wrapped(&format!("{wanted}: {evidence}"), INDENT);
        let words = words.strip_prefix(INDENT).unwrap_or(&words);
        text.extend([format!("{word:<7}  {words}")]);
    }
    if !holds.is_empty() {
        text.push('\n');
    }
    for hold in holds {
        text.push_str(&held(hold));
    }
    text
}

/// One host whose snapshots forget keeps.
fn held(hold: &Shown) -> String {
    let Shown { host, why, until, .. } = hold;
    let until = until.map_or_else(String::new, |until| format!(" until {}", terminal::local(until)));
    let text = wrapped(
        &format!("forget keeps all snapshots of {host}{until}: {why}"),
        INDENT,
    );
    let text = text.strip_prefix(INDENT).unwrap_or(&text);
    let hint = format!("hint: run `genbackup release {host}` to let the keep policy apply again");
    format!("held     {text}{}", wrapped(&hint, INDENT))
}

/// The items, the worst first. Items with equal details form a group.
fn groups(report: &Report) -> Vec<Vec<&Item>> {
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    let is_alike = |one: &Verdict, other: &Verdict| {
        (one.state, &one.why, one.since, &one.hint) == (other.state, &other.why, other.since, &other.hint)
    };
    for item in report.items() {
        let alike = groups.iter_mut().find(|group| {
            let first = group.first();
            first.is_some_and(|first| is_alike(&first.verdict, &item.verdict))
        });
        match alike {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.first().map(|item| item.verdict.state)));
    groups
}

/// The maximum width of the column of names. A longer name does not move the other rows.
const NAME: usize = 32;
/// As wide as a state and the two spaces after it.
const INDENT: &str = "         ";

fn line(longest: usize, item: &Item) -> String {
    let (name, verdict) = (item.shown(), &item.verdict);
    let good = match (&verdict.last_good, verdict.age) {
        (Some(good), Some(age)) => format!("{} ago, {}", span(age), terminal::local(good.time)),
        _ => "never".to_owned(),
    };
    let partial = verdict
        .last_snapshot
        .as_ref()
        .filter(|last| !last.status.is_complete())
        .map_or_else(String::new, |last| {
            format!("; partial {}", terminal::local(last.time))
        });
    let now = match verdict.now {
        Some(Now::Running) => "; running now",
        Some(Now::Waiting) => "; waiting in this run",
        Some(Now::Absent) => "; unreachable now, which is allowed",
        None => "",
    };
    with_state(verdict.state, &format!("{name:longest$}  {good}{partial}{now}"))
}

/// A text after a state, wrapped to the width of the terminal.
fn with_state(state: State, text: &str) -> String {
    let style = terminal::style(state);
    let text = wrapped(text, INDENT);
    let text = text.strip_prefix(INDENT).unwrap_or(&text);
    format!("{style}{state:7}{style:#}  {text}")
}

fn details(text: &mut String, verdict: &Verdict) {
    if let Some(why) = &verdict.why {
        text.push_str(&wrapped(why, INDENT));
    }
    if let Some(since) = verdict.since {
        let since = format!("since {}", terminal::local(since.time));
        text.push_str(&wrapped(&since, INDENT));
    }
    if let Some(hint) = &verdict.hint {
        text.push_str(&wrapped(&format!("hint: {hint}"), INDENT));
    }
}

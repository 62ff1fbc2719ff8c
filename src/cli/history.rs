//! `genbackup history`: shows the past runs as a table and a graph.

mod graph;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::SignedDuration;

use super::load;
use super::records;
use super::terminal::{self, counted};
use crate::config::problem::{did_you_mean, likely};
use crate::error::fail;
use crate::model::{Refusal, TimeSpan};
use crate::runs::record::{Phase, Run, Status};
use crate::status::history::{History, Of, Row};
use crate::status::{Progress, State, is_yet_to_come, longest_silence, span};

/// The spaces between columns.
const GAP: u16 = 2;
/// The minimum width of the last column.
const NOTES: u16 = 12;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show only the backups of this host
    #[arg(long, value_name = "NAME", conflicts_with = "phase")]
    host: Option<String>,
    /// Show only this phase: forget or prune; or check, drill or offsite, which `genbackup record` recorded
    #[arg(long, value_name = "PHASE", value_parser = phase)]
    phase: Option<Phase>,
    /// Show only this copy of the repository, by its name in `[offsite.NAME]`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["host", "phase"])]
    copy: Option<String>,
    /// Go back this far
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = since)]
    since: TimeSpan,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    records: records::Options,
}

fn since(text: &str) -> Result<TimeSpan, Refusal> {
    TimeSpan::try_from(text.to_owned())
}

fn phase(text: &str) -> Result<Phase, Refusal> {
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == text);
    let names = Phase::ALL.map(Phase::name).join(", ");
    phase.ok_or_else(|| {
        Refusal::new(
            format!("unknown phase `{text}`"),
            format!("the phases are {names}"),
        )
    })
}

/// How long a run in progress may write nothing, if there is no valid fleet file.
const SILENCE: SignedDuration = SignedDuration::from_hours(12);

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let records = arguments.records.open();
    let present = records.present();
    let now = present.now;
    let since = i64::try_from(arguments.since.seconds()).unwrap_or(i64::MAX);
    let since_in_words = span(SignedDuration::from_secs(since));
    let of = match (&arguments.host, arguments.phase, &arguments.copy) {
        (Some(host), ..) => Of::Host(host.clone()),
        (_, Some(phase), _) => Of::Phase(phase),
        (.., Some(copy)) => Of::Copy(copy.clone()),
        (None, None, None) => Of::Runs,
    };
    let Some(mut ids) = records.list()? else {
        fail!(
            what("the directory {} is missing", records.directory().display()),
            hint("run this on the storage host, after its first run; `--runs DIR` reads another directory")
        );
    };
    ids.retain(|id| now.duration_since(id.start()).as_secs() <= since);
    let from_the_future = ids.extract_if(.., |id| is_yet_to_come(*id, now)).count();
    let newest = records.newest_run(&ids)?;
    let silence = load::if_valid(file).map_or(SILENCE, |fleet| longest_silence(&fleet));
    let mut history = History::new(of, present, silence);
    let mut hosts = std::collections::BTreeSet::new();
    for id in &ids {
        let run: Run = records.read(*id, None)?;
        history.add(&run, Some(*id) == newest);
        hosts.extend(run.hosts.into_keys());
    }
    if let (Some(host), []) = (&arguments.host, &history.rows[..]) {
        let hint = likely(host, hosts.iter().map(String::as_str)).map_or_else(
            || match hosts.len() {
                0 => "there are no records of that time; go further back with `--since`".to_owned(),
                _ => "go further back with `--since`".to_owned(),
            },
            did_you_mean,
        );
        fail!(
            what("no record of the last {since_in_words} names `{host}`"),
            hint("{hint}")
        );
    }
    if arguments.json {
        terminal::hand_over(serde_json::to_string_pretty(&history.rows)? + "\n")?;
    } else if history.rows.is_empty() {
        terminal::print(&format!("no runs in the last {since_in_words}\n"))?;
    } else {
        terminal::print(&in_words(&history.rows, arguments))?;
    }
    if from_the_future > 0 {
        terminal::complain(format_args!(
            "note: skipped {} from the future: a clock is or was wrong",
            counted(from_the_future, "record")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(rows: &[Row], arguments: &Arguments) -> String {
    let width = terminal::width();
    let header: &[&str] = match (&arguments.host, arguments.phase) {
        _ if arguments.copy.is_some() => &["STATUS", "STARTED", "TOOK", "COPIED", "DELETED", ""],
        (Some(_), _) => &["STATUS", "STARTED", "TOOK", "ADDED", "FILES", "RESTIC", ""],
        (None, Some(_)) => &["STATUS", "STARTED", "TOOK", "KEPT", "REMOVED", ""],
        (None, None) => &["STATUS", "STARTED", "TOOK", "ADDED", "FILES", "HOSTS", ""],
    };
    let mut cells: Vec<Vec<String>> = rows.iter().map(|row| cells(row, arguments)).collect();
    let mut header = header.to_vec();
    let mut table = table_of(&header, &cells, width);
    let mut has_room = is_wide_enough(&table, width);
    // If the table is too wide, these columns are dropped in this order. After that, figures are wrapped.
    for column in ["FILES", "ADDED"] {
        let place = header.iter().position(|name| *name == column);
        if let (false, Some(place)) = (has_room, place) {
            header.remove(place);
            for row in &mut cells {
                row.remove(place);
            }
            table = table_of(&header, &cells, width);
            has_room = is_wide_enough(&table, width);
        }
    }
    let notes = header.len() - 1;
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if index < notes && has_room {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if (2..notes).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(&colored(line.trim_end()));
        text.push('\n');
    }
    for line in graph::of(rows, width) {
        text.push('\n');
        text.push_str(&line);
    }
    text + "\n"
}

fn table_of(header: &[&str], cells: &[Vec<String>], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width.unwrap_or(u16::MAX))
        .set_header(header)
        .add_rows(cells);
    table
}

/// True if all columns but the last fit, and the last has its minimum width.
fn is_wide_enough(table: &Table, width: Option<u16>) -> bool {
    let widths = table.column_max_content_widths();
    let (_, before_notes) = widths.split_last().unwrap_or((&0, &[]));
    let before_notes: u16 = before_notes.iter().map(|width| width + GAP).sum();
    width.is_none_or(|width| before_notes + NOTES <= width)
}

fn cells(row: &Row, arguments: &Arguments) -> Vec<String> {
    let Row {
        progress,
        attempt,
        hosts,
        is_of_chosen,
        changes,
    } = row;
    let status = match progress {
        Progress::Running if attempt.status == Status::Interrupted || hosts.is_some() => "running".to_owned(),
        _ => match &attempt.status {
            Status::Unknown(_) => "unknown".to_owned(),
            status => status.to_string(),
        },
    };
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let added = attempt.figures.added_bytes;
    let added = added.map_or_else(String::new, |bytes| ByteSize(bytes).to_string());
    let mut cells = vec![
        status,
        terminal::local(attempt.run.start()),
        attempt.seconds.map_or_else(String::new, took),
    ];
    if arguments.copy.is_some() {
        let copied = attempt.copied.as_ref().map(|copied| copied.bytes);
        let copied = copied.map_or_else(String::new, |bytes| ByteSize(bytes).to_string());
        cells.extend([
            copied,
            number(attempt.copied.as_ref().map(|copied| copied.deleted)),
        ]);
    } else if arguments.phase.is_some() {
        cells.extend([number(attempt.kept), number(attempt.removed)]);
    } else {
        // A host may have sent anything as its version.
        let restic = attempt.restic_version.as_deref().unwrap_or_default();
        let restic = restic
            .split(' ')
            .nth(1)
            .unwrap_or(restic)
            .chars()
            .take(12)
            .collect();
        let count = hosts.map(|hosts| format!("{}/{}", hosts.good, hosts.all));
        cells.extend([added, number(attempt.figures.files), count.unwrap_or(restic)]);
    }
    let changes = changes.iter().map(ToString::to_string);
    let chosen = (*is_of_chosen && hosts.is_some()).then(|| "only named hosts".to_owned());
    let notes: Vec<String> = chosen
        .into_iter()
        .chain(changes)
        .chain(attempt.why.clone())
        .collect();
    cells.push(notes.join("; "));
    cells.iter().map(|cell| terminal::harmless(cell)).collect()
}

fn took(seconds: f64) -> String {
    SignedDuration::try_from_secs_f64(seconds).map_or_else(|_| String::new(), span)
}

/// A line of the table with its first word in colour.
fn colored(line: &str) -> String {
    let states = [
        ("ok", State::Ok),
        ("partial", State::Warning),
        ("busy", State::Warning),
        ("running", State::Ok),
        ("unreachable", State::Alert),
        ("failed", State::Alert),
        ("interrupted", State::Alert),
    ];
    let first = states.iter().find_map(|(word, state)| {
        let rest = line.strip_prefix(word)?.strip_prefix("  ")?;
        let style = terminal::style(*state);
        Some(format!("{style}{word}{style:#}  {rest}"))
    });
    first.unwrap_or_else(|| line.to_owned())
}

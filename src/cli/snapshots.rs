//! `genbackup snapshots`: lists the snapshots by host and time.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use jiff::Zoned;

use super::{load, terminal};
use crate::model::{Fleet, Moment, Refusal};
use crate::repository::open::{self, Afterwards, Errand, Words};
use crate::repository::restic::{Origin, Snapshot};
use crate::repository::snapshots::known;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// List only the snapshots of this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// List only snapshots of this time or later: `2026-11-20`, `"last friday"`, `"2 days ago"`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// List only snapshots of this time or earlier
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Read this copy of the repository, by its name in `[offsite.NAME]`
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Print the JSON of restic
    #[arg(long)]
    json: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        host,
        since: since_text,
        until: until_text,
        from,
        json,
    } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let now = Zoned::now();
    let time = |text: &Option<String>| {
        let moment = text.as_ref().map(|text| Moment::parse(text, &now));
        moment.transpose().map_err(Refusal::into_error)
    };
    let (since, until) = (time(since_text)?, time(until_text)?);
    let command = Words::of("snapshots", file)
        .option("--host", host.as_deref())
        .option("--since", since_text.as_deref())
        .option("--until", until_text.as_deref())
        .option("--from", from.as_deref())
        .flag("--json", *json);
    let afterwards = Afterwards::Nothing;
    let restic = open::open_from(&fleet, from.as_deref(), Errand { command, afterwards })?;
    let all = restic.all_snapshots(None)?;
    let is_wanted = |snapshot: &&Snapshot| {
        host.as_ref().is_none_or(|host| *host == snapshot.host)
            && since.is_none_or(|since| snapshot.time >= since.first)
            && until.is_none_or(|until| snapshot.time <= until.last)
    };
    let wanted: Vec<&Snapshot> = all.iter().filter(is_wanted).collect();
    if let Some(host) = host
        && !fleet.host_names().any(|name| name.as_str() == host)
    {
        known(host, &all)?;
    }
    if *json {
        let whole: Vec<_> = wanted.iter().map(|snapshot| &snapshot.whole).collect();
        terminal::hand_over(&(serde_json::to_string_pretty(&whole)? + "\n"))?;
    } else if wanted.is_empty() {
        terminal::print("no snapshots\n")?;
    } else {
        terminal::print(&in_words(&wanted, &fleet))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns of SIZE and ADDED.
const SIZES: Range<usize> = 3..5;
/// The column of the marks.
const MARK: usize = 5;

/// The mark of a snapshot that no run of this fleet made, and its meaning.
const fn mark(origin: Origin) -> Option<(&'static str, &'static str)> {
    match origin {
        Origin::Fleet => None,
        Origin::Foreign => Some((
            "*",
            "no run of genbackup made it; forget never removes it unless `genbackup adopt` takes it over",
        )),
        Origin::OtherHost => Some(("-", "its host is not in the fleet file")),
    }
}

/// One row for each snapshot, sorted by host, with the newest snapshot of each host last.
fn in_words(snapshots: &[&Snapshot], fleet: &Fleet) -> String {
    let mut sorted = snapshots.to_vec();
    sorted.sort_by(|left, right| (&left.host, left.time).cmp(&(&right.host, right.time)));
    let has_sizes = sorted.iter().any(|snapshot| snapshot.bytes.is_some());
    let legend: Vec<(&str, &str)> = [Origin::Foreign, Origin::OtherHost]
        .into_iter()
        .filter(|origin| {
            sorted
                .iter()
                .any(|snapshot| Origin::of(snapshot, fleet) == *origin)
        })
        .filter_map(mark)
        .collect();
    let is_shown = |column: usize| match column {
        // restic before 0.17 does not report sizes, so both columns would be empty.
        column if SIZES.contains(&column) => has_sizes,
        MARK => !legend.is_empty(),
        _ => true,
    };
    let shown_cells = |cells: [String; 7]| {
        let cells = cells.into_iter().enumerate();
        cells.filter_map(move |(index, cell)| is_shown(index).then_some(cell))
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(terminal::width().unwrap_or(u16::MAX))
        .set_header(shown_cells(
            ["HOST", "TIME", "ID", "SIZE", "ADDED", "MARK", "PATHS"].map(str::to_owned),
        ))
        .add_rows(sorted.iter().map(|snapshot| shown_cells(cells(snapshot, fleet))));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if has_sizes && SIZES.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let rows = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    let mut text: String = rows.collect();
    if !legend.is_empty() {
        text.push('\n');
    }
    for (mark, meaning) in legend {
        text += &terminal::wrapped(&format!("{mark} {meaning}"), "");
    }
    text
}

fn cells(snapshot: &Snapshot, fleet: &Fleet) -> [String; 7] {
    let size = |bytes: Option<u64>| bytes.map_or_else(String::new, |bytes| ByteSize(bytes).to_string());
    let mark = mark(Origin::of(snapshot, fleet)).map_or("", |(mark, _)| mark);
    [
        terminal::harmless(&snapshot.host),
        terminal::local(snapshot.time),
        terminal::harmless(snapshot.short_id()),
        size(snapshot.bytes.map(|(all, _)| all)),
        size(snapshot.bytes.map(|(_, added)| added)),
        mark.to_owned(),
        terminal::harmless(&snapshot.paths.join(", ")),
    ]
}

//! The table at the end of a push.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::apply::Counts;
use crate::cli::terminal;

/// One client's line.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) host: String,
    result: &'static str,
    /// `None` if it is unknown.
    counts: Option<Counts>,
}

impl Row {
    pub(super) fn new(host: &str, result: &'static str, counts: Option<Counts>) -> Self {
        Self {
            host: host.to_owned(),
            result,
            counts,
        }
    }
}

/// The table, with a line for each client. `is_preview` puts the headings into the conditional.
pub(super) fn of(rows: &[Row], is_preview: bool) -> String {
    let heads = if is_preview {
        ["HOST", "RESULT", "TO WRITE", "TO REMOVE"]
    } else {
        ["HOST", "RESULT", "WRITTEN", "REMOVED"]
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(terminal::width().unwrap_or(u16::MAX))
        .set_header(heads)
        .add_rows(rows.iter().map(cells));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

fn cells(row: &Row) -> [String; 4] {
    let Row { host, result, counts } = row;
    let number = |of: fn(&Counts) -> usize| {
        counts
            .as_ref()
            .map_or_else(|| "-".to_owned(), |it| of(it).to_string())
    };
    [
        host.clone(),
        (*result).to_owned(),
        number(|counts| counts.written),
        number(|counts| counts.removed),
    ]
}

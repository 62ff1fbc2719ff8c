//! The table at the end of a push.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::cli::terminal;
use crate::write::Counts;

/// One client's line.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) host: String,
    result: &'static str,
    /// None where it is not known.
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
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(if is_preview {
            ["host", "result", "to write", "to remove"]
        } else {
            ["host", "result", "written", "removed"]
        });
    if let Some(width) = terminal::width() {
        table.set_width(width);
    }
    for Row { host, result, counts } in rows {
        let number = |of: fn(&Counts) -> usize| counts.as_ref().map_or_else(|| "-".to_owned(), |it| of(it).to_string());
        table.add_row([
            host.clone(),
            (*result).to_owned(),
            number(|counts| counts.written),
            number(|counts| counts.removed),
        ]);
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

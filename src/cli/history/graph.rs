//! A bar graph with one bar for each run, one line high.

use bytesize::ByteSize;

use super::took;
use crate::status::history::Row;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// As wide as the longest name of a line and the space after it.
const NAME: usize = 9;
/// As wide as the greatest value after a line can be.
const GREATEST: usize = 16;

/// Lines that show how long the runs took, what they added, and where versions changed.
pub(super) fn of(rows: &[Row], width: Option<u16>) -> Vec<String> {
    let columns = width.map_or(usize::MAX, |width| {
        usize::from(width).saturating_sub(NAME + GREATEST)
    });
    // If there are more runs than columns, a bar shows the greatest value of several runs.
    let runs_a_bar = rows.len().div_ceil(columns.max(1));
    let bars = rows.chunks(runs_a_bar.max(1));
    let greatest = |value: fn(&Row) -> Option<f64>| -> Vec<Option<f64>> {
        let of_bar = |rows: &[Row]| rows.iter().filter_map(value).max_by(f64::total_cmp);
        bars.clone().map(of_bar).collect()
    };
    let took_seconds = greatest(|row| row.attempt.seconds.filter(|seconds| *seconds >= 0.0));
    #[expect(clippy::cast_precision_loss, reason = "a bar has eight heights")]
    let added_bytes = greatest(|row| row.attempt.figures.added_bytes.map(|bytes| bytes as f64));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was a whole number, and is only displayed"
    )]
    let added = |bytes| ByteSize(bytes as u64).to_string();
    let mark = |rows: &[Row]| {
        if rows.iter().any(|row| !row.changes.is_empty()) {
            '^'
        } else {
            ' '
        }
    };
    let marks: String = bars.map(mark).collect();
    let marks = marks
        .contains('^')
        .then(|| format!("{:NAME$}{}", "versions", marks.trim_end()));
    [
        line("took", &took_seconds, took),
        line("added", &added_bytes, added),
        marks,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One line; `None` if there is no value.
fn line(name: &str, values: &[Option<f64>], in_words: impl Fn(f64) -> String) -> Option<String> {
    let greatest = values.iter().copied().flatten().max_by(f64::total_cmp)?;
    let bars: String = values
        .iter()
        .map(|value| value.map_or(' ', |value| bar(value, greatest)))
        .collect();
    Some(format!("{name:NAME$}{bars}  up to {}", in_words(greatest)))
}

fn bar(value: f64, greatest: f64) -> char {
    let [lowest, .., highest] = BARS;
    if greatest <= 0.0 {
        return lowest;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither is negative, and `greatest` is the greater"
    )]
    let height = (value / greatest * 8.0).ceil() as usize;
    BARS.get(height.saturating_sub(1)).copied().unwrap_or(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_height_is_relative_to_the_greatest() {
        let bars: String = [0.0, 0.1, 1.0, 1.1, 4.0, 7.0, 7.9, 8.0]
            .iter()
            .map(|value| bar(*value, 8.0))
            .collect();
        assert_eq!(bars, "▁▁▁▂▄▇██");
        assert_eq!(bar(0.0, 0.0), '▁');
    }

    #[test]
    fn unknown_value_has_no_bar() {
        let in_words = |most: f64| most.to_string();
        let values = [Some(1.0), None, Some(2.0)];
        assert_eq!(line("took", &values, in_words).unwrap(), "took     ▄ █  up to 2");
        assert_eq!(line("took", &[None], in_words), None);
    }
}

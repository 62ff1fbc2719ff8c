//! What BENCHMARKS.md shows: sections with tables, and the budgets.

use std::fmt::Write as _;

use super::measure::Series;

/// One section of the file.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: String,
    /// What was measured, as paragraphs and tables of Markdown.
    pub(crate) text: String,
    /// The budgets that it is about.
    pub(crate) budgets: Vec<Budget>,
}

impl Section {
    /// An empty section.
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a paragraph.
    pub(crate) fn paragraph(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push_str("\n\n");
    }

    /// Adds a table that compares all series with one of them.
    pub(crate) fn comparison(&mut self, what: &str, series: &[Series], baseline: &Series) {
        self.text += &comparison(what, series, baseline);
        self.text.push('\n');
    }
}

/// What a figure may be at most.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    /// What is bounded.
    pub(crate) what: String,
    /// The figure.
    pub(crate) measured: f64,
    /// What it may be at most.
    pub(crate) most: f64,
    /// The unit of both, empty for a ratio.
    pub(crate) unit: &'static str,
}

impl Budget {
    /// A budget.
    pub(crate) fn new(what: &str, measured: f64, most: f64, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            measured,
            most,
            unit,
        }
    }

    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        self.measured <= self.most
    }
}

/// A table of series: the median, the range, and the ratio to one of them.
pub(crate) fn comparison(what: &str, series: &[Series], baseline: &Series) -> String {
    let mut text = format!(
        "| {what} | median | least to most | times {} |\n| --- | ---: | ---: | ---: |\n",
        baseline.name
    );
    for one in series {
        let (least, most) = one.range();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} s | {} to {} s | {:.2} |",
            one.name,
            figure(one.median()),
            figure(least),
            figure(most),
            one.times(baseline)
        );
    }
    text
}

/// A table of the budgets.
pub(crate) fn budgets(budgets: &[Budget]) -> String {
    let mut text = "| budget | at most | measured | |\n| --- | ---: | ---: | --- |\n".to_owned();
    for budget in budgets {
        let unit = if budget.unit.is_empty() {
            String::new()
        } else {
            format!(" {}", budget.unit)
        };
        let verdict = if budget.is_met() { "met" } else { "**missed**" };
        let _ = writeln!(
            text,
            "| {} | {}{unit} | {}{unit} | {verdict} |",
            budget.what,
            figure(budget.most),
            figure(budget.measured)
        );
    }
    text
}

/// A figure with two digits that count, and without decimals from 100 on.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_has_median_range_and_ratio() {
        let bare = Series {
            name: "bare restic".to_owned(),
            values: vec![2.0, 4.0, 1.0],
        };
        let tool = Series {
            name: "genbackup".to_owned(),
            values: vec![3.0, 5.0, 150.0],
        };
        assert_eq!(
            comparison("a night", &[bare.clone(), tool], &bare),
            "| a night | median | least to most | times bare restic |\n\
             | --- | ---: | ---: | ---: |\n\
             | bare restic | 2.00 s | 1.00 to 4.00 s | 1.00 |\n\
             | genbackup | 5.00 s | 3.00 to 150 s | 1.50 |\n"
        );
    }

    #[test]
    fn missed_budget_is_named() {
        let met = Budget::new("memory", 200.0, 256.0, "MiB");
        let missed = Budget::new("a night", 1.061, 1.05, "");
        assert_eq!(
            budgets(&[met, missed]),
            "| budget | at most | measured | |\n\
             | --- | ---: | ---: | --- |\n\
             | memory | 256 MiB | 200 MiB | met |\n\
             | a night | 1.05 | 1.06 | **missed** |\n"
        );
    }

    #[test]
    fn small_figures_keep_their_milliseconds() {
        assert_eq!(
            [0.0312, 0.5, 12.345, 123.4].map(figure),
            ["0.031", "0.50", "12.35", "123"]
        );
    }
}

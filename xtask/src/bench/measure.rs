//! Rounds in which all contestants take part, and the arithmetic of their figures.
//!
//! The machine is noisy, so contestants alternate within each round, and a ratio is taken within its round.

use anyhow::ensure;

/// One of the measured programs.
pub(crate) struct Contestant<'c> {
    /// Its name in the table.
    pub(crate) name: String,
    /// Does the work once, and returns its figures: one for each phase, in seconds.
    pub(crate) run: Box<dyn Fn() -> anyhow::Result<Vec<f64>> + 'c>,
}

impl<'c> Contestant<'c> {
    /// A contestant that does `run`.
    pub(crate) fn new(name: &str, run: impl Fn() -> anyhow::Result<Vec<f64>> + 'c) -> Self {
        Self {
            name: name.to_owned(),
            run: Box::new(run),
        }
    }
}

/// The figures of one contestant in one phase, one for each round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// The contestant.
    pub(crate) name: String,
    /// Its figures, in the order of the rounds.
    pub(crate) values: Vec<f64>,
}

impl Series {
    /// The median of its figures.
    pub(crate) fn median(&self) -> f64 {
        median(&self.values)
    }

    /// The least and the greatest figure.
    pub(crate) fn range(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    }

    /// How many times the figure of `other` this is: the median of the ratios of all rounds.
    pub(crate) fn times(&self, other: &Self) -> f64 {
        let ratios = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(own, other)| own / other);
        median(&ratios.collect::<Vec<_>>())
    }

    /// By how much this is more than `other`: the median of the differences of all rounds.
    pub(crate) fn over(&self, other: &Self) -> f64 {
        let differences = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(own, other)| own - other);
        median(&differences.collect::<Vec<_>>())
    }
}

/// The middle figure; of an even number of figures, the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (
        sorted.get(middle),
        middle.checked_sub(1).and_then(|before| sorted.get(before)),
    ) {
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(only), _) => *only,
        _ => f64::NAN,
    }
}

/// Runs all contestants in each round, each round begun by another one; the series of each phase.
///
/// # Errors
/// When a contestant fails, with its name, or has another number of phases than the first.
pub(crate) fn alternate(rounds: usize, contestants: &[Contestant<'_>]) -> anyhow::Result<Vec<Vec<Series>>> {
    let mut phases: Vec<Vec<Series>> = Vec::new();
    for round in 0..rounds {
        for offset in 0..contestants.len() {
            let number = (round + offset) % contestants.len();
            let Contestant { name, run } = &contestants[number];
            let figures = run().map_err(|error| error.context(format!("round {}, {name}", round + 1)))?;
            if phases.is_empty() {
                let empty = |contestant: &Contestant<'_>| Series {
                    name: contestant.name.clone(),
                    values: Vec::new(),
                };
                phases = vec![contestants.iter().map(empty).collect(); figures.len()];
            }
            ensure!(
                figures.len() == phases.len(),
                "{name} has another number of phases"
            );
            println!("round {}: {name}: {}", round + 1, shown(&figures));
            for (phase, figure) in phases.iter_mut().zip(figures) {
                phase[number].values.push(figure);
            }
        }
    }
    Ok(phases)
}

fn shown(figures: &[f64]) -> String {
    let figures = figures.iter().map(|figure| format!("{figure:.3} s"));
    figures.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn series(name: &str, values: &[f64]) -> Series {
        Series {
            name: name.to_owned(),
            values: values.to_vec(),
        }
    }

    #[track_caller]
    fn assert_is(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn median_of_an_odd_number_is_the_middle_one() {
        assert_is(median(&[5.0, 1.0, 100.0]), 5.0);
        assert_is(median(&[7.0]), 7.0);
    }

    #[test]
    fn median_of_an_even_number_is_between_the_two() {
        assert_is(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
    }

    #[test]
    fn median_of_nothing_is_no_number() {
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (bare, tool) = (
            series("bare", &[1.0, 10.0, 2.0]),
            series("tool", &[2.0, 15.0, 3.0]),
        );
        assert_is(tool.times(&bare), 1.5);
        assert_is(tool.over(&bare), 1.0);
        assert_eq!(tool.range(), (2.0, 15.0));
    }

    #[test]
    fn each_round_begins_with_another_contestant() {
        let order = RefCell::new(String::new());
        let run = |name: &'static str| {
            let order = &order;
            Contestant::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok(vec![1.0, 2.0])
            })
        };
        let phases = alternate(3, &[run("a"), run("b"), run("c")]).unwrap();
        assert_eq!(*order.borrow(), "abcbcacab");
        assert_eq!(phases.len(), 2);
        assert_eq!(phases[1][2], series("c", &[2.0, 2.0, 2.0]));
    }

    #[test]
    fn failure_names_contestant_and_round() {
        let fails = Contestant::new("bare restic", || anyhow::bail!("locked"));
        let error = alternate(1, &[fails]).unwrap_err();
        assert_eq!(format!("{error:#}"), "round 1, bare restic: locked");
    }
}

//! `cargo xtask mutants`: breaks a copy of the project on purpose, and runs the stories that have to notice.

mod checkout;
mod list;

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use vmtests::lab::Kind;
use vmtests::progress::{seconds, timed};

use self::checkout::{Checkout, Ended};
use self::list::Mutant;
use crate::setup;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only stories with one of these in their names
    #[arg(value_name = "STORY")]
    stories: Vec<String>,
}

/// How a story ended with its mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It failed, because of the defect.
    Killed,
    /// It failed, but printed another reason.
    WrongReason,
    /// It passed.
    Survived,
    /// It did not run, or not to its end.
    Unknown,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::WrongReason => "wrong reason",
            Self::Survived => "survived",
            Self::Unknown => "unknown",
        }
    }
}

/// Builds the mutants of each group, and runs their stories one after the other. The work tree stays as it
/// is: a copy of its last commit is broken.
///
/// # Errors
/// When a mutant survives, or a story cannot run.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    timed("tools", || setup::run_for_machines(Kind::Container))?;
    let is_wanted = |mutant: &Mutant| {
        options.stories.is_empty()
            || options
                .stories
                .iter()
                .any(|name| mutant.story.contains(name.as_str()))
    };
    let mutants: Vec<Mutant> = list::read()?.into_iter().filter(is_wanted).collect();
    ensure!(
        !mutants.is_empty(),
        "no mutant is for such a story\n\nhint: `{}` has their names",
        list::FILE
    );
    let checkout = Checkout::of_last_commit()?;
    let mut results = Vec::new();
    for group in list::groups(mutants) {
        checkout.restore()?;
        for mutant in &group {
            checkout.apply(mutant)?;
        }
        timed("mutants", || checkout.build())?;
        for mutant in group {
            let began = Instant::now();
            let verdict = judge(&checkout.run_story(&mutant.story)?, &mutant.failure);
            println!(
                "{}: {}, {}",
                mutant.story,
                verdict.word(),
                seconds(began.elapsed())
            );
            results.push((mutant, verdict, began.elapsed()));
        }
    }
    println!("\n{}", table(&results));
    let survivors = results
        .iter()
        .filter(|(_, verdict, _)| *verdict != Verdict::Killed)
        .count();
    ensure!(
        survivors == 0,
        "{survivors} of {} mutants were not killed\n\nhint: what their stories printed is in `{}`",
        results.len(),
        checkout.logs().display()
    );
    Ok(())
}

fn judge(ended: &Ended, failure: &str) -> Verdict {
    if ended.passed {
        Verdict::Survived
    } else if !ended.has_failed_story() {
        Verdict::Unknown
    } else if ended.has_printed(failure) {
        Verdict::Killed
    } else {
        Verdict::WrongReason
    }
}

/// One line for each mutant.
fn table(results: &[(Mutant, Verdict, Duration)]) -> String {
    let lines = results.iter().map(|(mutant, verdict, time)| {
        format!(
            "{:<8} {:>8}  {}: {}",
            verdict.word(),
            seconds(*time),
            mutant.story,
            mutant.defect
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_failure_kills() {
        let ended = |passed, text: &str| Ended {
            passed,
            text: text.to_owned(),
        };
        for (ended, verdict) in [
            (
                ended(true, "test result: ok. 1 passed; 0 failed"),
                Verdict::Survived,
            ),
            (
                ended(
                    false,
                    "two locks\n  are left\ntest result: FAILED. 0 passed; 1 failed",
                ),
                Verdict::Killed,
            ),
            (
                ended(false, "no answer\ntest result: FAILED. 0 passed; 1 failed"),
                Verdict::WrongReason,
            ),
            (ended(false, "error: the lab is not ready"), Verdict::Unknown),
        ] {
            assert_eq!(judge(&ended, "locks are left"), verdict, "{ended:?}");
        }
    }
}

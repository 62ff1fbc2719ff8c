//! From the text of a file to steps. What does not fit together is refused here, with its line.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::Spanned;

use super::{Act, Command, End, Expected, On, Power, Step};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    /// The seconds that each command has, where its step says nothing else.
    within: NonZeroU64,
    step: Vec<Spanned<Written>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    on: On,
    run: Option<String>,
    fails: Option<String>,
    wait_for: Option<String>,
    power: Option<Power>,
    within: Option<NonZeroU64>,
    input: Option<String>,
    output: Option<String>,
    contains: Option<Vec<String>>,
    lacks: Option<Vec<String>>,
    same_as: Option<String>,
    at_least: Option<u64>,
    at_most: Option<u64>,
    remember: Option<String>,
}

/// The steps in the text of `file`.
///
/// # Errors
/// The first mistake, with its line.
pub fn read(file: &str, text: &str) -> anyhow::Result<Vec<Step>> {
    let File { within, step } = toml::from_str(text).with_context(|| file.to_owned())?;
    ensure!(!step.is_empty(), "{file}: there is no step");
    let mut remembered = BTreeSet::new();
    let steps = step.into_iter().map(|written| {
        let before = text.get(..written.span().start).unwrap_or_default();
        let place = format!("{file}:{}", before.matches('\n').count() + 1);
        let (on, act) =
            typed(written.into_inner(), within, &mut remembered).with_context(|| place.clone())?;
        Ok(Step { place, on, act })
    });
    steps.collect()
}

fn typed(
    written: Written,
    usual: NonZeroU64,
    remembered: &mut BTreeSet<String>,
) -> anyhow::Result<(On, Act)> {
    let Written {
        on,
        run,
        fails,
        wait_for,
        power,
        within,
        input,
        output,
        contains,
        lacks,
        same_as,
        at_least,
        at_most,
        remember,
    } = written;
    let expected = Expected {
        output,
        contains: contains.unwrap_or_default(),
        lacks: lacks.unwrap_or_default(),
        same_as,
        at_least,
        at_most,
    };
    let (end, text) = match (run, fails, wait_for, power) {
        (Some(text), None, None, None) => (End::Success, text),
        (None, Some(text), None, None) => (End::Failure, text),
        (None, None, Some(text), None) => (End::SuccessInTime, text),
        (None, None, None, Some(power)) => {
            ensure!(
                within.is_none() && input.is_none() && remember.is_none() && expected == Expected::default(),
                "`power` goes with `on` alone"
            );
            return Ok((on, Act::Power(power)));
        }
        _ => bail!("a step has one of `run`, `fails`, `wait-for` and `power`"),
    };
    ensure!(
        end != End::Failure || expected.output.is_some() || !expected.contains.is_empty(),
        "`fails` needs `output` or `contains`: a failure alone proves little"
    );
    for name in [&input, &expected.same_as].into_iter().flatten() {
        ensure!(remembered.contains(name), "nothing is remembered as `{name}`");
    }
    if let Some(name) = &remember {
        ensure!(remembered.insert(name.clone()), "`{name}` is remembered already");
    }
    Ok((
        on,
        Act::Command(Box::new(Command {
            end,
            text,
            within: within.unwrap_or(usual),
            input,
            expected,
            remember,
        })),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let text =
            "within = 1\n\n[[step]]\non = \"jak\"\nrun = \"\"\"\na\n\"\"\"\n\n[[step]]\non = \"jak\"\n";
        let error = format!("{:#}", read("story.toml", text).unwrap_err());
        assert_eq!(
            error,
            "story.toml:9: a step has one of `run`, `fails`, `wait-for` and `power`"
        );
    }
}

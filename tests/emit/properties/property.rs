//! Draws texts, lets a reader read many at once, and narrows down what does not come back.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use proptest::prelude::{Strategy, TestCaseError};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::field::{Case, Field};
use super::{CASES, Reader};

/// The number of texts for each start of a reader.
const BATCH: usize = 250;
/// A smaller text is looked for this long, in milliseconds.
const NARROWING_TIME: u32 = 30_000;

/// Lets a reader read some cases. An error names what came back instead, of at least one of them.
type ReadBack<'r> = &'r dyn Fn(&[Case]) -> Result<()>;

type Tree = Box<dyn ValueTree<Value = String>>;

fn seed() -> Result<u64> {
    match std::env::var("GENBACKUP_SEED") {
        Ok(seed) => seed.parse().context("GENBACKUP_SEED is a number"),
        Err(_) => Ok(0),
    }
}

fn runner(seed: u64, field: Field) -> TestRunner {
    let config = Config {
        failure_persistence: None,
        max_shrink_time: NARROWING_TIME,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    let start = seed.to_be_bytes().into_iter().chain([field as u8]);
    bytes.iter_mut().zip(start).for_each(|(to, from)| *to = from);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Checks that all texts of a reader's fields come back. `takes` selects the texts that the test can use.
pub(crate) fn all_come_back(reader: Reader, takes: fn(&str) -> bool, read_back: ReadBack<'_>) -> Result<()> {
    let (_, fields, count) = CASES
        .iter()
        .find(|(known, _, _)| *known == reader)
        .context("the reader has its cases")?;
    let seed = seed()?;
    let mut read = 0;
    for field in *fields {
        let remembered = admitted(*field, field.remembered().into_iter().filter(|text| takes(text)))?;
        if let Some((case, answer)) = culprit(&remembered, read_back)? {
            bail!(
                "{reader:?} {field:?}: {:?} does not come back: {answer}",
                case.text
            );
        }
        let mut runner = runner(seed, *field);
        let drawn = draw(&mut runner, *field, *count, takes)?;
        let (trees, cases): (Vec<Tree>, Vec<Case>) = drawn.into_iter().unzip();
        let mut trees = trees.into_iter();
        for batch in cases.chunks(BATCH) {
            if let Some((case, answer)) = culprit(batch, read_back)? {
                let place = batch
                    .iter()
                    .position(|other| other.text == case.text)
                    .unwrap_or_default();
                let tree = trees.nth(place).context("each case has its tree")?;
                bail!(
                    "{reader:?} {field:?}: {} (GENBACKUP_SEED={seed})",
                    narrowed(&mut runner, *field, tree, takes, read_back, &case.text, &answer)
                );
            }
            trees.by_ref().take(batch.len()).for_each(drop);
            read += batch.len();
        }
    }
    ensure!(read == fields.len() * count, "only {read} of them were read");
    // Not by `println!`, which the test harness keeps to itself.
    writeln!(std::io::stdout(), "{reader:?}: {read} texts come back")?;
    Ok(())
}

fn admitted(field: Field, texts: impl Iterator<Item = String>) -> Result<Vec<Case>> {
    texts
        .filter_map(|text| Case::new(field, text).transpose())
        .collect()
}

/// `count` different texts that the field admits.
fn draw(
    runner: &mut TestRunner,
    field: Field,
    count: usize,
    takes: fn(&str) -> bool,
) -> Result<Vec<(Tree, Case)>> {
    let texts = field.texts();
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    let mut tries = 0;
    while cases.len() < count {
        tries += 1;
        // Otherwise the texts do not test the field.
        ensure!(
            tries <= count * 4,
            "{field:?} admits {} of {tries} texts",
            cases.len()
        );
        let tree = texts.new_tree(runner).map_err(anyhow::Error::msg)?;
        let text = tree.current();
        if !takes(&text) || !seen.insert(text.clone()) {
            continue;
        }
        if let Some(case) = Case::new(field, text)? {
            cases.push((tree, case));
        }
    }
    Ok(cases)
}

/// One case that does not come back, and what comes back instead.
fn culprit<'c>(cases: &'c [Case], read_back: ReadBack<'_>) -> Result<Option<(&'c Case, String)>> {
    let Some(first) = cases.first() else {
        return Ok(None);
    };
    let Err(answer) = read_back(cases) else {
        return Ok(None);
    };
    if cases.len() == 1 {
        return Ok(Some((first, format!("{answer:#}"))));
    }
    let (left, right) = cases.split_at(cases.len() / 2);
    for half in [left, right] {
        if let Some(found) = culprit(half, read_back)? {
            return Ok(Some(found));
        }
    }
    bail!(
        "{} texts come back alone, and not together: {answer:#}",
        cases.len()
    )
}

/// Names the smallest text like this one that does not come back.
fn narrowed(
    runner: &mut TestRunner,
    field: Field,
    tree: Tree,
    takes: fn(&str) -> bool,
    read_back: ReadBack<'_>,
    first: &str,
    answer: &str,
) -> String {
    let found = runner.run_one(tree, |text| {
        let reject = |why: &str| Err(TestCaseError::reject(why.to_owned()));
        if !takes(&text) {
            return reject("the test cannot use it");
        }
        match Case::new(field, text) {
            Ok(Some(case)) => read_back(&[case]).map_err(|answer| TestCaseError::fail(format!("{answer:#}"))),
            Ok(None) => reject("the field does not admit it"),
            Err(error) => reject(&error.to_string()),
        }
    });
    match found {
        Err(TestError::Fail(answer, text)) => {
            format!("{text:?} does not come back: {answer}\nfirst seen with {first:?}")
        }
        _ => format!("{first:?} does not come back: {answer}"),
    }
}

/// Checks that a reader gave back these values and no others, in this order.
pub(crate) fn same<T: AsRef<str>>(found: &[T], expected: &[String]) -> Result<()> {
    for (found, expected) in found.iter().zip(expected) {
        let found = found.as_ref();
        ensure!(found == expected, "{found:?} instead of {expected:?}");
    }
    ensure!(
        found.len() == expected.len(),
        "{} values instead of {}",
        found.len(),
        expected.len()
    );
    Ok(())
}

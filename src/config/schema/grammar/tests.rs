//! Patterns of the schema accept what the readers of the values accept.

use jsonschema::Validator;
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use crate::model::{Deletion, TimeSpan, duration};

fn validator<T: JsonSchema>() -> Validator {
    let schema = T::json_schema(&mut SchemaGenerator::default()).to_value();
    jsonschema::draft7::new(&schema).unwrap()
}

fn accepts(pattern: &Validator, text: &str) -> bool {
    pattern.is_valid(&Value::from(text))
}

/// Time spans, and whether they are read.
const SPANS: [(&str, bool); 32] = [
    ("15min", true),
    ("24h", true),
    ("1.5h", true),
    ("1. 5 h", true),
    ("1 .5h", true),
    ("0.25 day 1.50min", true),
    ("1 5min", true),
    ("  2h\t30min\n", true),
    ("2h\u{a0}30min", true),
    ("2h\u{85}30min", true),
    ("1y 2M 3w 4d 5h 6m 7s", true),
    ("2000000 µs", true),
    ("", false),
    (" ", false),
    ("1", false),
    ("h", false),
    ("1 h 1", false),
    (".5h", false),
    ("1.s", false),
    ("1.5.5h", false),
    ("1,5h", false),
    ("-1h", false),
    ("1h, 30min", false),
    ("1h and 30min", false),
    ("1:30:00", false),
    ("1 m in", false),
    ("1fortnight", false),
    ("1H", false),
    ("1mo", false),
    ("1µsec", false),
    ("１h", false),
    ("1h.", false),
];

#[test]
fn pattern_of_a_time_span_is_its_grammar() {
    let pattern = validator::<TimeSpan>();
    for (text, is_span) in SPANS {
        assert_eq!(TimeSpan::try_from(text.to_owned()).is_ok(), is_span, "{text:?}");
        assert_eq!(accepts(&pattern, text), is_span, "{text:?}");
    }
}

#[test]
fn pattern_of_a_deletion_is_its_grammar() {
    let pattern = validator::<Deletion>();
    for (text, is_deletion) in [
        ("at-once", true),
        ("never", true),
        ("after 30d", true),
        ("after  1.5 h 30min ", true),
        ("after", false),
        ("after ", false),
        ("after\t30d", false),
        ("after30d", false),
        (" after 30d", false),
        ("after 30 fortnights", false),
        ("30d", false),
    ] {
        assert_eq!(
            Deletion::try_from(text.to_owned()).is_ok(),
            is_deletion,
            "{text:?}"
        );
        assert_eq!(accepts(&pattern, text), is_deletion, "{text:?}");
    }
}

/// What a time span is made of, and what it is not made of. Each unit is long enough for every fraction to be whole
/// nanoseconds.
const PARTS: [&str; 24] = [
    "0", "1", "5", "90", ".", ".5", ",", "-", " ", "\t", "\u{85}", "\u{a0}", "\u{2003}", "h", "min", "m",
    "s", "sec", "w", "M", "mins", "years", "H", "x",
];

/// Zero and a part of a second are refused as values; no pattern can know them. So the pattern is compared with the
/// shape alone.
#[test]
fn pattern_of_a_time_span_is_its_grammar_for_any_text() {
    let pattern = validator::<TimeSpan>();
    let config = Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let texts = vec(select(&PARTS[..]), 0..7).prop_map(|parts| parts.concat());
    let mut spans = 0;
    TestRunner::new_with_rng(config, rng)
        .run(&texts, |text| {
            let is_shape = !text.trim().is_empty() && duration(&text).is_some();
            proptest::prop_assert_eq!(accepts(&pattern, &text), is_shape, "{:?}", text);
            Ok(())
        })
        .unwrap();
    let mut runner = TestRunner::deterministic();
    for _ in 0..2_000 {
        let text = proptest::strategy::ValueTree::current(&texts.new_tree(&mut runner).unwrap());
        spans += usize::from(accepts(&pattern, &text));
    }
    assert!(spans > 20, "only {spans} of 2000 texts are time spans");
}

//! What is meant by a rule that cannot be read.

use crate::model::Refusal;

use super::{Age, Period};

pub(super) fn unreadable(rule: &str) -> Refusal {
    Refusal::new(
        if rule.is_empty() {
            "the keep policy has an empty rule".to_owned()
        } else {
            format!("`{rule}` is not a rule of a keep policy")
        },
        match repaired(rule) {
            Some(rule) => format!("did you mean `{rule}`?"),
            None => format!(
                "write numbers and periods, such as `30 daily, unlimited yearly`, or ages, such as `within 30d, \
                 within-monthly 1y`; the periods are `{}`",
                Period::ALL.map(Period::name).join("`, `")
            ),
        },
    )
}

/// What was meant by words of another order or spelling: `30 days`, `Daily: 30`, `--keep-daily 30`, `daily within 1y`.
fn repaired(rule: &str) -> Option<String> {
    let rule = rule.to_lowercase();
    if let Some(rule) = repaired_age(&rule) {
        return Some(rule);
    }
    let words = |is_of: fn(char) -> bool| {
        let words = rule
            .split(move |c| !is_of(c))
            .filter(|word| !word.is_empty() && *word != "keep");
        words.collect::<Vec<_>>()
    };
    if let [one, other] = words(char::is_alphabetic)[..] {
        let is_endless = |word: &str| matches!(word, "unlimited" | "all" | "forever");
        let word = [(one, other), (other, one)];
        let (_, word) = word.into_iter().find(|(endless, _)| is_endless(endless))?;
        return Some(format!("unlimited {}", period_like(word)?.name()));
    }
    let ([count], [word]) = (
        &words(|c| c.is_ascii_digit())[..],
        &words(char::is_alphabetic)[..],
    ) else {
        return None;
    };
    let is_signed = rule.starts_with('-') && !rule.starts_with("--") || rule.contains(['.', '+']);
    let period = period_like(word)?.name();
    let count: u32 = count.parse().ok().filter(|_| !is_signed)?;
    Some(format!("{count} {period}"))
}

/// The same for a rule with an age and the word `within`.
fn repaired_age(rule: &str) -> Option<String> {
    let words = rule.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !matches!(*word, "" | "keep")).collect();
    words.contains(&"within").then_some(())?;
    let ages: Vec<Age> = words
        .iter()
        .filter_map(|word| Age::try_from(*word).ok())
        .collect();
    let rest = words
        .iter()
        .filter(|word| **word != "within" && Age::try_from(**word).is_err());
    let period = match rest.collect::<Vec<_>>()[..] {
        [] => Period::Last,
        [word] => period_like(word)?,
        _ => return None,
    };
    let [age] = ages[..] else { return None };
    Some(format!("{} {age}", period.within()))
}

fn period_like(word: &str) -> Option<Period> {
    Period::ALL.into_iter().find(|period| {
        let stem = period.name().trim_end_matches("ly").trim_end_matches('i');
        word.starts_with(stem) || (word.len() == 1 && period.name().starts_with(word))
    })
}

//! The keep policy.

mod age;
mod period;
mod rule;
#[cfg(test)]
mod tests;
mod unreadable;

use std::fmt;

use serde::Deserialize;

use super::Refusal;
use unreadable::unreadable;

pub use age::Age;
pub use period::Period;
pub use rule::{Keep, Limit};

/// Which snapshots stay: `30 daily, 5 weekly, 12 monthly, unlimited yearly` or `within 30d, within-monthly 1y`.
///
/// Rules in any order, in restic's own words (`restic forget --keep-daily`, `--keep-within-daily` and the others), each
/// word once at most. It keeps at least one snapshot, and no rule makes another pointless.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeepPolicy(Vec<Keep>);

impl KeepPolicy {
    /// The rules: numbers of periods, the shortest period first, and then ages in the same order.
    #[must_use]
    pub fn rules(&self) -> &[Keep] {
        &self.0
    }
}

impl fmt::Display for KeepPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, rule) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(formatter, "{comma}{rule}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for KeepPolicy {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut rules: Vec<(Keep, &str)> = Vec::new();
        for rule in text.split(',').map(str::trim) {
            let Some(keep) = read(rule)? else {
                // `0 daily` is restic's way to write a rule that keeps nothing.
                continue;
            };
            if let Some((known, _)) = rules.iter().find(|(known, _)| known.word() == keep.word()) {
                return Err(Refusal::new(
                    format!("`{}` occurs twice in the keep policy", known.word()),
                    "write each period once",
                ));
            }
            rules.push((keep, rule));
        }
        if rules.is_empty() {
            return Err(Refusal::new(
                format!("the keep policy `{text}` keeps nothing"),
                "write at least one rule, such as `30 daily`",
            ));
        }
        for (rule, _) in &rules {
            let pointless = rules
                .iter()
                .find(|(other, _)| other != rule && rule.makes_pointless(other));
            if let Some((_, other)) = pointless {
                return Err(Refusal::new(
                    format!("`{other}` has no effect, because `{rule}` already keeps these snapshots"),
                    format!("remove `{other}`, or write a number instead of `unlimited`"),
                ));
            }
        }
        let mut rules: Vec<Keep> = rules.into_iter().map(|(rule, _)| rule).collect();
        rules.sort_by_key(|rule| (matches!(rule.limit, Limit::Within(_)), rule.period));
        Ok(Self(rules))
    }
}

/// One rule; nothing for one that keeps nothing.
fn read(rule: &str) -> Result<Option<Keep>, Refusal> {
    let (first, second) = rule.split_once(' ').unwrap_or((rule, ""));
    let second = second.trim();
    if let Some(period) = Period::ALL.into_iter().find(|period| period.within() == first) {
        if second == "unlimited" {
            return Err(Refusal::new(
                format!("`{rule}` contradicts itself: `within` needs an age"),
                format!(
                    "write `unlimited {}`, or an age such as `{first} 30d`",
                    period.name()
                ),
            ));
        }
        if second.is_empty() {
            return Err(unreadable(rule));
        }
        let limit = Limit::Within(Age::try_from(second)?);
        return Ok(Some(Keep { period, limit }));
    }
    let Some(period) = Period::of_word(second) else {
        return Err(unreadable(rule));
    };
    let limit = match (first, first.parse::<u32>()) {
        ("unlimited", _) => Limit::Unlimited,
        (_, Ok(0)) => return Ok(None),
        (_, Ok(count)) => Limit::Count(count),
        _ => return Err(unreadable(rule)),
    };
    Ok(Some(Keep { period, limit }))
}

//! The keep policy.

mod age;

use std::fmt;

use serde::Deserialize;

use super::words::words;
use super::{Refusal, ResticVersion};

pub use age::Age;

/// One rule of a keep policy: the newest snapshot of each period stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The periods.
    pub period: Period,
    /// How many of them.
    pub limit: Limit,
}

words! {
    /// A period of which the newest snapshot stays, with restic's word. The shortest is the first.
    Period, name {
        /// Each snapshot is a separate period.
        Last = "last",
        /// An hour.
        Hourly = "hourly",
        /// A day.
        Daily = "daily",
        /// An ISO week.
        Weekly = "weekly",
        /// A month.
        Monthly = "monthly",
        /// A year.
        Yearly = "yearly",
    }
}

/// How many periods a rule keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// This number of them, counted back from the newest snapshot; at least one.
    Count(u32),
    /// All of them.
    Unlimited,
    /// Those not older than this, counted back from the newest snapshot.
    Within(Age),
}

impl Period {
    /// The option for a number of them, without its dashes and `keep-`, and the one for an age.
    pub(crate) const fn within(self) -> &'static str {
        match self {
            Self::Last => "within",
            Self::Hourly => "within-hourly",
            Self::Daily => "within-daily",
            Self::Weekly => "within-weekly",
            Self::Monthly => "within-monthly",
            Self::Yearly => "within-yearly",
        }
    }

    /// True when the newest snapshot of each `longer` period is the newest of one of these, too. A week may lie in two
    /// months, so that is not so of weeks in months and years.
    fn divides(self, longer: Self) -> bool {
        self <= longer && (self == longer || self != Self::Weekly)
    }
}

/// A number that nobody reaches, for a restic that knows no `unlimited`: it came with 0.16, which refuses the `-1` that
/// stood for it before. A signed number of 32 bits is taken by all of them, on all machines.
const ENDLESS: u32 = 2_147_483_647;

impl Keep {
    /// restic's option, such as `--keep-daily` or `--keep-within`.
    #[must_use]
    pub fn option(&self) -> String {
        format!("--keep-{}", self.word())
    }

    /// What stands behind the option, for the oldest restic that reads it.
    #[must_use]
    pub fn value(&self, restic: ResticVersion) -> String {
        match self.limit {
            Limit::Count(count) => count.to_string(),
            Limit::Unlimited if restic.knows_unlimited() => "unlimited".to_owned(),
            Limit::Unlimited => ENDLESS.to_string(),
            Limit::Within(age) => age.to_string(),
        }
    }

    /// The word of the fleet file: a period, or `within` of it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.limit {
            Limit::Count(_) | Limit::Unlimited => self.period.name(),
            Limit::Within(_) => self.period.within(),
        }
    }

    /// True when every snapshot that `other` keeps stays by this rule already.
    fn makes_pointless(&self, other: &Self) -> bool {
        self.limit == Limit::Unlimited && self.period.divides(other.period)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self.limit {
            Limit::Count(count) => write!(formatter, "{count} {word}"),
            Limit::Unlimited => write!(formatter, "unlimited {word}"),
            Limit::Within(age) => write!(formatter, "{word} {age}"),
        }
    }
}

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

fn unreadable(rule: &str) -> Refusal {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Result<KeepPolicy, Refusal> {
        KeepPolicy::try_from(text.to_owned())
    }

    #[test]
    fn the_post_s_policy_is_read_in_any_order() {
        let rules = policy("10 yearly, 30 daily,5 weekly , 12 monthly").unwrap_or_else(|_| unreachable!());
        let words: Vec<_> = rules.rules().iter().map(ToString::to_string).collect();
        assert_eq!(words, ["30 daily", "5 weekly", "12 monthly", "10 yearly"]);
    }

    #[test]
    fn a_policy_that_keeps_nothing_is_refused() {
        for text in ["0 daily", "0 daily, 0 last"] {
            assert!(
                policy(text).is_err_and(|refusal| refusal.what.contains("keeps nothing")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (text, meant) in [
            ("30 Daily", Some("30 daily")),
            ("30 days", Some("30 daily")),
            ("30days", Some("30 daily")),
            ("30d", Some("30 daily")),
            ("12 months", Some("12 monthly")),
            ("2 hours", Some("2 hourly")),
            ("1 year", Some("1 yearly")),
            ("daily: 7", Some("7 daily")),
            ("--keep-weekly 5", Some("5 weekly")),
            ("LAST 3", Some("3 last")),
            ("5 fortnightly", None),
            ("-1 daily", None),
            ("1.5 daily", None),
            ("30", None),
            ("daily", None),
            ("all yearly", Some("unlimited yearly")),
            ("yearly: unlimited", Some("unlimited yearly")),
            ("--keep-yearly unlimited", Some("unlimited yearly")),
            ("--keep-within 30d", Some("within 30d")),
            ("--keep-within-daily 1y6m", Some("within-daily 1y6m")),
            ("daily within 1y", Some("within-daily 1y")),
            ("30d within", Some("within 30d")),
            ("within", None),
        ] {
            let hint = policy(text).unwrap_err().hint;
            let expected = meant.map(|meant| format!("did you mean `{meant}`?"));
            assert_eq!(
                hint.starts_with("did you mean").then_some(hint),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "daily",
            "30",
            "30 daily,",
            "30 days",
            "-1 daily",
            "3 daily, 4 daily",
            "1.5 daily",
        ] {
            assert!(policy(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_and_no_limit_are_restic_s_options() {
        let rules = policy("within-monthly 2y, unlimited yearly, 3 last, within 1d12h").unwrap();
        let words = |restic: &str| {
            let restic = ResticVersion::try_from(restic.to_owned()).unwrap();
            let word = |rule: &Keep| format!("{} {}", rule.option(), rule.value(restic));
            rules.rules().iter().map(word).collect::<Vec<_>>()
        };
        assert_eq!(
            words("0.16"),
            [
                "--keep-last 3",
                "--keep-yearly unlimited",
                "--keep-within 1d12h",
                "--keep-within-monthly 2y"
            ]
        );
        assert_eq!(words("0.15")[1], "--keep-yearly 2147483647");
        assert_eq!(
            rules.to_string(),
            "3 last, unlimited yearly, within 1d12h, within-monthly 2y"
        );
    }

    #[test]
    fn a_rule_that_another_makes_pointless_is_refused() {
        for (text, pointless) in [
            ("unlimited last, within 30d", "within 30d"),
            ("7 daily, unlimited last", "7 daily"),
            ("unlimited daily, 12 monthly", "12 monthly"),
            ("unlimited daily, within-daily 1y", "within-daily 1y"),
            ("unlimited yearly, unlimited hourly", "unlimited yearly"),
        ] {
            let what = policy(text).unwrap_err().what;
            assert!(
                what.starts_with(&format!("`{pointless}` has no effect")),
                "{what}"
            );
        }
        for text in [
            "unlimited last",
            "within 30d, unlimited yearly",
            "7 daily, unlimited yearly",
            // The newest snapshot of a month need not be the newest of its week.
            "unlimited weekly, 12 monthly",
            "unlimited weekly, within-yearly 3y",
        ] {
            assert!(policy(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn within_and_unlimited_contradict_each_other() {
        for (text, hint) in [
            ("within unlimited", "write `unlimited last`"),
            ("within-daily unlimited", "write `unlimited daily`"),
        ] {
            let refusal = policy(text).unwrap_err();
            assert!(refusal.what.contains("contradicts itself"), "{}", refusal.what);
            assert!(refusal.hint.starts_with(hint), "{}", refusal.hint);
        }
    }
}

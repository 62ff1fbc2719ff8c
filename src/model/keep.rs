//! The keep policy.

use serde::Deserialize;

use super::Refusal;

/// One rule of a keep policy: a period and how many of it stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// restic's word: `last`, `hourly`, `daily`, `weekly`, `monthly` or `yearly`.
    pub period: &'static str,
    /// How many stay; at least one.
    pub count: u32,
}

/// Which snapshots stay: `30 daily, 5 weekly, 12 monthly, 10 yearly`.
///
/// Numbers and periods in any order, each period once at most, in restic's own words
/// (`restic forget --keep-daily` and its fellows). It keeps at least one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeepPolicy(Vec<Keep>);

const PERIODS: [&str; 6] = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];

impl KeepPolicy {
    /// The rules, the shortest period first.
    #[must_use]
    pub fn rules(&self) -> &[Keep] {
        &self.0
    }
}

impl TryFrom<String> for KeepPolicy {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut counts = [None; PERIODS.len()];
        for rule in text.split(',').map(str::trim) {
            let (count, period) = rule.split_once(' ').unwrap_or((rule, ""));
            let place = PERIODS.iter().position(|known| *known == period.trim());
            let (Some(place), Ok(count)) = (place, count.parse::<u32>()) else {
                return Err(unreadable(rule));
            };
            if counts.get(place).copied().flatten().is_some() {
                return Err(Refusal::new(
                    format!("`{}` is named twice in the keep policy", period.trim()),
                    "name each period once",
                ));
            }
            if let Some(slot) = counts.get_mut(place) {
                *slot = Some(count);
            }
        }
        let rules: Vec<Keep> = PERIODS
            .iter()
            .zip(counts)
            .filter_map(|(period, count)| count.map(|count| Keep { period, count }))
            .filter(|rule| rule.count > 0)
            .collect();
        if rules.is_empty() {
            return Err(Refusal::new(
                format!("the keep policy `{text}` keeps nothing"),
                "name at least one period, such as `30 daily`",
            ));
        }
        Ok(Self(rules))
    }
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
                "write numbers and periods, such as `30 daily, 5 weekly`; the periods are {}",
                PERIODS.join(", ")
            ),
        },
    )
}

/// What was meant by a number and a word for a period, in any order: `30 days`, `Daily: 30`, `--keep-daily 30`.
fn repaired(rule: &str) -> Option<String> {
    let rule = rule.to_lowercase();
    let words = |is_of: fn(char) -> bool| {
        let words = rule
            .split(move |c| !is_of(c))
            .filter(|word| !word.is_empty() && *word != "keep");
        words.collect::<Vec<_>>()
    };
    let ([count], [word]) = (
        &words(|c| c.is_ascii_digit())[..],
        &words(char::is_alphabetic)[..],
    ) else {
        return None;
    };
    let is_signed = rule.starts_with('-') && !rule.starts_with("--") || rule.contains(['.', '+']);
    let period = PERIODS.iter().find(|period| {
        let stem = period.trim_end_matches("ly").trim_end_matches('i');
        word.starts_with(stem) || (word.len() == 1 && period.starts_with(word))
    })?;
    let count: u32 = count.parse().ok().filter(|_| !is_signed)?;
    Some(format!("{count} {period}"))
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
        let words: Vec<_> = rules
            .rules()
            .iter()
            .map(|rule| (rule.period, rule.count))
            .collect();
        assert_eq!(
            words,
            [("daily", 30), ("weekly", 5), ("monthly", 12), ("yearly", 10)]
        );
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
}

use super::*;
use crate::model::ResticVersion;

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
fn refusal_names_what_was_meant() {
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

//! Commands before and after a backup that failed, and a host that puts its backup off.

use anyhow::Result;
use serde_json::json;

use super::{Answer, SUMMARY, is};

#[test]
fn a_hook_that_failed_makes_it_partial_and_is_named() -> Result<()> {
    let text = format!(
        "hello restic\nmissing /a\nhook before-db exit status 1\nhook after-report took longer than its time-limit, after \
         the previous backup\n{SUMMARY}\nexit 0\n"
    );
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(
        last["why"],
        "hook before-db: exit status 1; hook after-report: took longer than its time-limit, after the previous backup; \
         missing: /a"
    );
    assert_eq!(
        last["hooks"],
        json!({"before-db": "exit status 1",
            "after-report": "took longer than its time-limit, after the previous backup"})
    );
    Ok(())
}

#[test]
fn a_night_without_hooks_has_none() -> Result<()> {
    let (_, last) = Answer::of(format!("hello restic\n{SUMMARY}\nexit 0\n")).events()?;
    assert_eq!((&last["status"], &last["hooks"]), (&json!("ok"), &json!({})));
    Ok(())
}

#[test]
fn what_is_no_hook_s_name_is_none() -> Result<()> {
    for line in [
        "hook",
        "hook ",
        "hook before-db",
        "hook db failed",
        "hook before- failed",
        "hook before-a/b failed",
        "hook before-A failed",
        "hook during-a failed",
        &format!("hook before-{} failed", "a".repeat(65)),
    ] {
        let (_, last) = Answer::of(format!("hello restic\n{line}\n{SUMMARY}\nexit 0\n")).events()?;
        assert_eq!(
            (&last["status"], &last["hooks"]),
            (&json!("ok"), &json!({})),
            "{line}"
        );
    }
    Ok(())
}

#[test]
fn a_host_of_a_thousand_failed_hooks_does_not_fill_the_record() -> Result<()> {
    let long = "x".repeat(9000);
    let hooks: Vec<String> = (0..1000)
        .map(|number| format!("hook before-{number} {long}\n"))
        .collect();
    let hooks = hooks.concat();
    let (_, last) = Answer::of(format!("hello restic\n{hooks}{SUMMARY}\nexit 0\n")).events()?;
    assert_eq!(last["status"], "partial");
    let (named, why) = (last["hooks"].as_object(), last["why"].as_str());
    assert_eq!(named.map(serde_json::Map::len), Some(100));
    assert!(why.is_some_and(|why| why.len() < 20_000 && why.ends_with(" and 95 more")));
    Ok(())
}

#[test]
fn a_host_on_battery_is_unreachable_with_the_reason() -> Result<()> {
    is(
        &Answer::of("later it runs on battery\n").judged()?,
        "unreachable",
        "it is up, but postpones its backup: it runs on battery",
    );
    Ok(())
}

#[test]
fn a_restic_that_was_killed_may_have_had_too_little_memory() -> Result<()> {
    is(
        &Answer::of("hello restic\nexit 137\n").judged()?,
        "failed",
        "restic was killed, most likely because memory ran out (`memory-limit`): restic exited with 137",
    );
    Ok(())
}

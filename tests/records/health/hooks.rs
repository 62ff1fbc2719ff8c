//! Hooks that failed, and hosts that run on battery: what to do.

use anyhow::{Context, Result};
use serde_json::json;

use super::{judged, of};
use crate::night::{HOSTS, Night};

#[test]
fn a_failed_hook_is_a_warning_that_names_its_unit() -> Result<()> {
    let night = Night::at("2026-11-23T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .host("kai", "ok")
        .host_that(
            "ziz",
            json!({"status": "partial", "why": "hook before-db: exit status 1; missing: /srv", "missing": ["/srv"],
                "hooks": {"before-db": "exit status 1"}}),
        )
        .maintained();
    let report = judged("post", &[night], "2026-11-23T12:00:00Z")?;
    let verdict = &of(&report, "ziz")?.verdict;
    assert_eq!(verdict.state.name(), "WARNING");
    assert_eq!(
        verdict.hint.as_deref(),
        Some(
            "on ziz, see `systemctl status genbackup-before-db.service`; bring back what is missing, or remove it from \
             `include`"
        )
    );
    // Scripts have it, too.
    let attempt = serde_json::to_value(verdict.last_attempt.as_ref().context("an attempt")?)?;
    assert_eq!(attempt["hooks"], json!({"before-db": "exit status 1"}));
    Ok(())
}

#[test]
fn a_host_that_skips_its_backup_on_battery_may_be_plugged_in() -> Result<()> {
    let hosts = ["db.example.net", "web-1"];
    let night = Night::at("2026-11-23T04:00:00Z", &hosts)
        .host("db.example.net", "unreachable")
        .host("web-1", "unreachable")
        .maintained();
    let report = judged("every-option", &[night], "2026-11-23T12:00:00Z")?;
    let hint = |name| anyhow::Ok(of(&report, name)?.verdict.hint.clone().unwrap_or_default());
    assert!(
        hint("web-1")?.starts_with("if it runs on battery, plug it in"),
        "{}",
        hint("web-1")?
    );
    assert!(
        hint("db.example.net")?.starts_with("check that it is up"),
        "{}",
        hint("db.example.net")?
    );
    Ok(())
}

//! The table of `genbackup::status`, row by row. The fleet `post` warns after 24 hours and alerts after 28.

use anyhow::Result;
use genbackup::status::State;
use serde_json::json;

use super::{judged, of, verdict_of};
use crate::night::{HOSTS, Night};

/// Its three hosts are done at 04:01, 04:02 and 04:03, forget at 04:04, prune at 04:05.
const NIGHT: &str = "2026-11-23T04:00:00Z";

/// Last night as always, but for ziz.
fn night_on_which_ziz(status: &str) -> Night {
    Night::at(NIGHT, &HOSTS)
        .host("jak", "ok")
        .host("kai", "ok")
        .host("ziz", status)
        .maintained()
}

fn the_night_before() -> Night {
    Night::good("2026-11-22T04:00:00Z", &HOSTS)
}

#[test]
fn a_fleet_that_was_backed_up_last_night_is_ok() -> Result<()> {
    let report = judged("post", &[Night::good(NIGHT, &HOSTS)], "2026-11-23T12:00:00Z")?;
    assert_eq!(report.state(), State::Ok);
    let names: Vec<&str> = report.items().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["jak", "kai", "ziz", "forget", "prune"]);
    for item in report.items() {
        let verdict = &item.verdict;
        assert_eq!((&verdict.why, &verdict.hint, verdict.since), (&None, &None, None));
    }
    assert_eq!(report.remarks, []);
    assert_eq!(
        report.summary(),
        "genbackup OK: 3 hosts were backed up; the oldest backup is 7h 59m old"
    );
    Ok(())
}

#[test]
fn age_counts_from_the_end_of_a_backup_to_the_second() -> Result<()> {
    let nights = [Night::good(NIGHT, &HOSTS)];
    for (now, state) in [
        ("2026-11-24T04:01:00Z", "OK"),
        ("2026-11-24T04:01:01Z", "WARNING"),
        ("2026-11-24T08:01:00Z", "WARNING"),
        ("2026-11-24T08:01:01Z", "ALERT"),
    ] {
        let report = judged("post", &nights, now)?;
        assert_eq!(verdict_of(&report, "jak")?.0, state, "{now}");
    }
    let report = judged("post", &nights, "2026-11-24T09:01:00Z")?;
    let jak = &of(&report, "jak")?.verdict;
    assert_eq!(
        jak.why.as_deref(),
        Some("the last backup is 1d 5h old, and nothing has been attempted since")
    );
    let since = jak.since.map(|since| since.time.to_string());
    assert_eq!(since, Some("2026-11-24T04:01:00Z".to_owned()));
    assert!(
        jak.hint
            .as_ref()
            .is_some_and(|hint| hint.contains("systemctl list-timers"))
    );
    Ok(())
}

#[test]
fn whatever_ended_the_last_attempt_badly_is_a_warning_while_the_one_before_is_fresh() -> Result<()> {
    for (status, why, hint) in [
        (
            "failed",
            "failed: ziz is not well",
            "fix the cause, then on jak, run `systemctl start",
        ),
        (
            "unreachable",
            "unreachable: ziz is not well",
            "and that jak reaches ziz.example.ts.net port 50000",
        ),
        ("busy", "busy: ziz is not well", "the next run tries again"),
        (
            "interrupted",
            "interrupted: ziz is not well",
            "on jak, run `systemctl start genbackup.service`",
        ),
        (
            "quarantined",
            "ended with the unknown status `quarantined`: ziz is not well",
            "a newer genbackup",
        ),
        (
            "",
            "ended, but the record has no status: ziz is not well",
            "a newer genbackup",
        ),
    ] {
        let nights = [the_night_before(), night_on_which_ziz(status)];
        let report = judged("post", &nights, "2026-11-23T04:03:00Z")?;
        assert_eq!(verdict_of(&report, "ziz")?, ("WARNING", why.to_owned()));
        let ziz = &of(&report, "ziz")?.verdict;
        assert!(
            ziz.hint.as_ref().is_some_and(|found| found.contains(hint)),
            "{:?}",
            ziz.hint
        );
        let since = ziz.since.map(|since| since.time.to_string());
        assert_eq!(since.as_deref(), Some("2026-11-23T04:03:00Z"), "{status}");
        assert_eq!(verdict_of(&report, "jak")?.0, "OK", "{status}");
    }
    Ok(())
}

#[test]
fn the_same_is_an_alert_once_the_last_good_one_is_too_old() -> Result<()> {
    for status in ["failed", "unreachable", "busy", "interrupted", "quarantined"] {
        let nights = [the_night_before(), night_on_which_ziz(status)];
        let report = judged("post", &nights, "2026-11-23T09:03:00Z")?;
        let (state, why) = verdict_of(&report, "ziz")?;
        assert_eq!(state, "ALERT", "{status}");
        assert!(
            why.ends_with("ziz is not well; the last backup is 1d 5h old"),
            "{why}"
        );
        assert_eq!(report.summary(), format!("genbackup ALERT: ziz: {why}"));
    }
    Ok(())
}

#[test]
fn a_partial_backup_has_the_age_of_the_last_complete_one() -> Result<()> {
    let partial = |start| {
        Night::at(start, &HOSTS).host("jak", "ok").host("kai", "ok").host_that(
            "ziz",
            json!({"status": "partial", "why": "missing: /srv/films; empty: /srv/data", "missing": ["/srv/films"],
                "missing-count": 1, "empty": ["/srv/data"], "empty-count": 1}),
        )
    };
    let nights = [
        Night::good("2026-11-20T04:00:00Z", &HOSTS),
        partial("2026-11-21T04:00:00Z").maintained(),
        partial("2026-11-22T04:00:00Z").maintained(),
        partial(NIGHT).maintained(),
    ];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "ziz")?,
        (
            "ALERT",
            "partial: missing: /srv/films; empty: /srv/data; its last complete backup is 3d 7h old; partial for 2d 7h"
                .to_owned()
        )
    );
    let ziz = &of(&report, "ziz")?.verdict;
    assert_eq!(
        ziz.hint.as_deref(),
        Some(
            "bring back what is missing, or remove it from `include`; find out why it is empty, or add it to \
             `may-be-empty`"
        )
    );
    assert_eq!(ziz.age.map(|age| age.as_mins()), Some(3 * 1440 + 7 * 60 + 57));
    let last = ziz.last_snapshot.as_ref().map(|last| last.time.to_string());
    assert_eq!(last.as_deref(), Some("2026-11-23T04:03:00Z"));
    let since = ziz.since.map(|since| since.time.to_string());
    assert_eq!(since, Some("2026-11-21T04:03:00Z".to_owned()));
    Ok(())
}

#[test]
fn a_host_that_never_succeeded_is_never_with_the_reason() -> Result<()> {
    let nights = [night_on_which_ziz("failed")];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "ziz")?,
        ("NEVER", "failed: ziz is not well".to_owned())
    );
    assert_eq!(report.state(), State::Never);
    Ok(())
}

#[test]
fn a_fleet_without_a_record_is_never_in_all_its_parts() -> Result<()> {
    let report = judged("post", &[], "2026-11-23T12:00:00Z")?;
    for item in report.items() {
        assert_eq!(item.verdict.state, State::Never, "{}", item.name);
    }
    assert_eq!(
        verdict_of(&report, "ziz")?.1,
        "no backup of this host is recorded"
    );
    assert_eq!(verdict_of(&report, "prune")?.1, "no prune is recorded");
    let hint = of(&report, "ziz")?.verdict.hint.as_deref();
    assert_eq!(hint, Some("on jak, run `systemctl start genbackup.service`"));
    assert_eq!((report.run, report.state().exit_status()), (None, 3));
    Ok(())
}

#[test]
fn a_repository_that_was_never_pruned_is_never() -> Result<()> {
    let nights = [Night::at(NIGHT, &["jak", "kai", "ziz"])
        .host("jak", "ok")
        .host("kai", "ok")
        .host("ziz", "ok")
        .phase("forget", "ok")
        .ends()];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(verdict_of(&report, "prune")?.0, "NEVER");
    assert_eq!(verdict_of(&report, "forget")?.0, "OK");
    assert_eq!(report.state(), State::Never);
    Ok(())
}

#[test]
fn a_forget_that_failed_is_a_warning_and_later_an_alert() -> Result<()> {
    let failed = Night::at(NIGHT, &HOSTS)
        .host("jak", "ok")
        .host("kai", "ok")
        .host("ziz", "ok")
        .phase("forget", "failed")
        .phase("prune", "failed")
        .ends();
    let nights = [the_night_before(), failed];
    for (now, state) in [
        ("2026-11-23T04:10:00Z", "WARNING"),
        ("2026-11-23T09:10:00Z", "ALERT"),
    ] {
        let report = judged("post", &nights, now)?;
        for phase in ["forget", "prune"] {
            let (found, why) = verdict_of(&report, phase)?;
            assert_eq!(found, state, "{phase}");
            assert!(why.starts_with(&format!("failed: {phase} is not well")), "{why}");
        }
        let hint = of(&report, "forget")?.verdict.hint.clone().unwrap_or_default();
        assert!(hint.contains("genbackup-maintain.service"), "{hint}");
        assert_eq!(verdict_of(&report, "ziz")?.0, "OK");
    }
    Ok(())
}

#[test]
fn a_renamed_host_has_never_run_and_its_old_name_is_reported() -> Result<()> {
    let hosts = ["jak", "kai", "zoe"];
    let nights = [
        Night::good("2026-11-22T04:00:00Z", &hosts),
        Night::good(NIGHT, &hosts),
    ];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "ziz")?,
        ("NEVER", "no run has included this host yet".to_owned())
    );
    let hint = of(&report, "ziz")?.verdict.hint.clone().unwrap_or_default();
    assert!(
        hint.contains("renamed: on jak, run `genbackup emit --now` (on NixOS `nixos-rebuild switch`)"),
        "{hint}"
    );
    let remarks: Vec<&str> = report.remarks.iter().map(|remark| remark.what.as_str()).collect();
    assert_eq!(
        remarks,
        ["hosts in the records that are not in the fleet file: zoe"]
    );
    assert_eq!(report.remarks.first().map(|remark| remark.state), Some(State::Ok));
    Ok(())
}

#[test]
fn a_host_that_the_last_runs_lack_is_reported() -> Result<()> {
    let nights = [
        Night::good("2026-11-20T04:00:00Z", &HOSTS),
        Night::good("2026-11-22T04:00:00Z", &["jak", "kai"]),
        Night::good(NIGHT, &["jak", "kai"]),
    ];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    assert_eq!(
        verdict_of(&report, "ziz")?,
        (
            "ALERT",
            "the last backup is 3d 7h old, and no run has included this host since".to_owned()
        )
    );
    Ok(())
}

#[test]
fn a_run_of_chosen_hosts_leaves_nobody_out_and_counts_for_its_own() -> Result<()> {
    let nights = [
        Night::good("2026-11-22T04:00:00Z", &HOSTS),
        Night::good(NIGHT, &["kai"]).of_chosen(),
    ];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    let (state, why) = verdict_of(&report, "ziz")?;
    assert_eq!(state, "ALERT");
    assert!(!why.contains("no run has included"), "{why}");
    assert_eq!(verdict_of(&report, "kai")?.0, "OK");
    Ok(())
}

#[test]
fn the_worst_decides_and_an_alert_is_not_hidden_by_what_never_ran() -> Result<()> {
    let nights = [
        Night::good("2026-11-20T04:00:00Z", &["jak"]),
        Night::at(NIGHT, &["jak", "kai"])
            .host("jak", "failed")
            .host("kai", "partial")
            .maintained(),
    ];
    let report = judged("post", &nights, "2026-11-23T12:00:00Z")?;
    let states: Vec<&str> = report
        .hosts
        .iter()
        .map(|host| host.verdict.state.name())
        .collect();
    assert_eq!(states, ["ALERT", "WARNING", "NEVER"]);
    assert_eq!((report.state(), report.state().exit_status()), (State::Alert, 2));
    let summary = report.summary();
    assert!(summary.starts_with("genbackup ALERT: jak: failed: "), "{summary}");
    assert!(summary.ends_with("; also: ziz, kai"), "{summary}");
    for (name, state) in [("kai", State::Warning), ("ziz", State::Never)] {
        assert_eq!(report.clone().of_host(name).state(), state);
    }
    Ok(())
}

#[test]
fn the_states_are_those_of_monitoring_plugins() {
    let exit_statuses = State::ALL.map(|state| (state.name(), state.exit_status()));
    assert_eq!(
        exit_statuses,
        [("OK", 0), ("WARNING", 1), ("NEVER", 3), ("ALERT", 2)]
    );
}

#[test]
fn what_the_newest_run_warns_of_and_lines_that_cannot_be_read_are_warnings() -> Result<()> {
    let night = Night::good(NIGHT, &HOSTS).warns("the repository's file system is 91% full");
    let report = judged(
        "post",
        &[the_night_before(), night.clone()],
        "2026-11-23T12:00:00Z",
    )?;
    assert_eq!(report.state(), State::Warning);
    assert_eq!(
        report.summary(),
        "genbackup WARNING: the run 20261123T040000Z reported: the repository's file system is 91% full"
    );
    let later = Night::good("2026-11-23T05:00:00Z", &HOSTS);
    let report = judged("post", &[night, later], "2026-11-23T12:00:00Z")?;
    assert_eq!(report.state(), State::Ok, "that was another run");
    Ok(())
}

#[test]
fn a_partial_host_without_new_nights_reports_both_problems() -> Result<()> {
    let night = Night::at("2026-11-20T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .host_that(
            "kai",
            json!({"status": "partial", "why": "missing: /srv/films", "missing": ["/srv/films"]}),
        )
        .host("ziz", "ok")
        .maintained();
    for (now, both) in [("2026-11-20T12:00:00Z", false), ("2026-11-23T12:00:00Z", true)] {
        let report = judged("post", std::slice::from_ref(&night), now)?;
        let hint = of(&report, "kai")?.verdict.hint.clone().unwrap_or_default();
        assert!(hint.starts_with("bring back what is missing"), "{hint}");
        assert_eq!(
            hint.contains("`systemctl list-timers genbackup.timer`"),
            both,
            "{hint}"
        );
    }
    Ok(())
}

#[test]
fn partial_is_a_warning_until_the_complete_one_is_too_old() -> Result<()> {
    let nights = [the_night_before(), night_on_which_ziz("partial")];
    for (now, state, why) in [
        ("2026-11-23T04:03:00Z", "WARNING", "partial: ziz is not well"),
        (
            "2026-11-23T08:03:00Z",
            "WARNING",
            "partial: ziz is not well; its last complete backup is 1d 4h old; partial for 4h",
        ),
        (
            "2026-11-23T08:03:01Z",
            "ALERT",
            "partial: ziz is not well; its last complete backup is 1d 4h old; partial for 4h",
        ),
    ] {
        let report = judged("post", &nights, now)?;
        assert_eq!(verdict_of(&report, "ziz")?, (state, why.to_owned()), "{now}");
    }
    Ok(())
}

#[test]
fn a_host_that_was_always_partial_is_a_warning_then_an_alert() -> Result<()> {
    let nights = [night_on_which_ziz("partial")];
    for (now, state) in [
        ("2026-11-23T04:03:00Z", "WARNING"),
        ("2026-11-24T08:03:00Z", "WARNING"),
        ("2026-11-24T08:03:01Z", "ALERT"),
    ] {
        let report = judged("post", &nights, now)?;
        let (found, why) = verdict_of(&report, "ziz")?;
        assert_eq!(found, state, "{now}");
        let words = "partial: ziz is not well; it has no complete backup; partial for ";
        assert!(why.starts_with(words), "{why}");
        assert_eq!(of(&report, "ziz")?.verdict.last_good, None);
    }
    Ok(())
}

#[test]
fn a_failure_after_a_partial_backup_names_the_complete_one() -> Result<()> {
    let nights = [
        Night::good("2026-11-21T04:00:00Z", &HOSTS),
        Night::at("2026-11-22T04:00:00Z", &HOSTS)
            .host("ziz", "partial")
            .maintained(),
        night_on_which_ziz("failed"),
    ];
    let report = judged("post", &nights, "2026-11-23T04:03:00Z")?;
    let why = "failed: ziz is not well; its last complete backup is 2d old; partial for 1d";
    assert_eq!(verdict_of(&report, "ziz")?, ("ALERT", why.to_owned()));
    Ok(())
}

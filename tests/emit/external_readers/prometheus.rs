//! Prometheus reads the rules and the dashboard, over what `genbackup metrics` writes and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::command::{genbackup, run};
use crate::night::Night;
use crate::stage::{Host, Stage};

const RULES: &str = "etc/genbackup/prometheus-rules.yml";
const DASHBOARD: &str = "etc/genbackup/grafana-dashboard.json";
/// The metric that the node exporter itself adds for a file that it reads.
const OF_THE_EXPORTER: &str = "node_textfile_mtime_seconds";

/// The storage hosts whose fleets write metrics.
fn watched(stage: &Stage) -> Result<Vec<Host<'_>>> {
    let hosts: Vec<_> = stage.hosts().filter(|host| host.path(RULES).exists()).collect();
    ensure!(hosts.len() > 1, "only {} fleets write metrics", hosts.len());
    Ok(hosts)
}

fn json_of(path: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The texts below a key, wherever it is.
fn texts<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(key).and_then(Value::as_str));
            object.values().for_each(|value| texts(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

/// The names of the metrics that `genbackup metrics` writes, and those of their labels. The record has one
/// host with everything that a record can hold.
fn written() -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let directory = tempfile::tempdir()?;
    Night::good("2026-11-23T04:00:00Z", &["db.example.net", "web-1"]).write(directory.path())?;
    Night::ad_hoc("2026-11-23T05:00:00Z", "check", "ok")
        .event("offsite-started", json!({"copy": "cloud"}))
        .event(
            "offsite-finished",
            json!({"copy": "cloud", "status": "ok", "seconds": 60.0, "tampering": "accepted"}),
        )
        .write(directory.path())?;
    let fleet = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fleets/every-option/fleet.toml"
    );
    let outcome = run(genbackup()
        .args([
            "--fleet",
            fleet,
            "metrics",
            "--now",
            "2026-11-23T12:00:00Z",
            "--runs",
        ])
        .arg(directory.path()))?;
    ensure!(outcome.status.success(), "{}", outcome.stderr);
    let mut names = BTreeSet::from([OF_THE_EXPORTER.to_owned()]);
    let mut labels = BTreeSet::from(["file".to_owned()]);
    for line in outcome.stdout.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().context("a name")?;
        names.insert(name.to_owned());
        let inner = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        for label in inner.iter().flat_map(|(labels, _)| labels.split(',')) {
            labels.extend(label.split_once('=').map(|(name, _)| name.to_owned()));
        }
    }
    Ok((names, labels))
}

/// The words of an expression, without its strings.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    let outside = expression.split('"').step_by(2);
    outside.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
}

fn is_metric(word: &&str) -> bool {
    word.starts_with("genbackup_") || word.starts_with("node_")
}

#[test]
fn the_rules_and_the_dashboard_ask_for_nothing_that_is_not_written() -> Result<()> {
    let (names, labels) = written()?;
    let stage = Stage::shared()?;
    let mut asked = BTreeSet::new();
    for host in watched(&stage)? {
        for file in [RULES, DASHBOARD] {
            let value = json_of(&host.path(file))?;
            let mut expressions = Vec::new();
            texts(&value, "expr", &mut expressions);
            ensure!(expressions.len() > 5, "{file}: {expressions:?}");
            for expression in expressions {
                let found: Vec<_> = words(expression).filter(is_metric).collect();
                ensure!(!found.is_empty(), "{expression}");
                for name in found {
                    assert!(names.contains(name), "{file}: nobody writes `{name}`");
                    asked.insert(name.to_owned());
                }
            }
            for key in ["legendFormat", "titleFormat", "summary"] {
                let mut shown = Vec::new();
                texts(&value, key, &mut shown);
                for text in shown {
                    let inner = text
                        .split("{{")
                        .skip(1)
                        .filter_map(|part| part.split("}}").next());
                    for name in inner.map(|name| name.trim().trim_start_matches("$labels.")) {
                        let is_known = labels.contains(name) || name.starts_with("$value");
                        assert!(is_known, "{file}: no metric has a label `{name}`: {text}");
                    }
                }
            }
        }
    }
    assert!(asked.len() > 8, "{asked:?}");
    Ok(())
}

fn checked(rules: &Path) -> Result<()> {
    let checked = run(Command::new("promtool").args(["check", "rules"]).arg(rules))?;
    ensure!(checked.status.success(), "{}{}", checked.stdout, checked.stderr);
    Ok(())
}

#[test]
fn promtool_accepts_the_rules_and_the_expressions_of_the_dashboard() -> Result<()> {
    let stage = Stage::shared()?;
    let directory = tempfile::tempdir()?;
    for host in watched(&stage)? {
        checked(&host.path(RULES))?;
        let dashboard = json_of(&host.path(DASHBOARD))?;
        let mut expressions = Vec::new();
        texts(&dashboard, "expr", &mut expressions);
        // promtool parses no expression alone in the release that Debian 12 has.
        let record = |(number, expression)| json!({"record": format!("number:{number}"), "expr": expression});
        let rules: Vec<Value> = expressions.iter().enumerate().map(record).collect();
        let file = directory.path().join("rules.yml");
        fs::write(
            &file,
            json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string(),
        )?;
        checked(&file)?;
    }
    let broken = directory.path().join("broken.yml");
    fs::write(
        &broken,
        r#"{"groups": [{"name": "x", "rules": [{"record": "a", "expr": "time( - b"}]}]}"#,
    )?;
    assert!(checked(&broken).is_err(), "a broken one would be noticed");
    Ok(())
}

/// `promtool test rules` on the rules of the fleet `every-option`.
fn tested(series: &[(&str, &str)], at: &str, alert: &str, expected: &Value) -> Result<()> {
    let stage = Stage::shared()?;
    let host = watched(&stage)?
        .into_iter()
        .find(|host| host.name == "store")
        .context("no storage host of every-option")?;
    let directory = tempfile::tempdir()?;
    let file: PathBuf = directory.path().join("test.yml");
    let series: Vec<Value> = series
        .iter()
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    let test = json!({
        "rule_files": [host.path(RULES)],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": expected}],
        }],
    });
    fs::write(&file, test.to_string())?;
    let outcome = run(Command::new("promtool").args(["test", "rules"]).arg(&file))?;
    ensure!(
        outcome.status.success(),
        "{alert}: {}{}",
        outcome.stdout,
        outcome.stderr
    );
    Ok(())
}

#[test]
fn a_state_is_an_alert_and_a_good_one_is_none() -> Result<()> {
    for (number, alert, severity, state) in [
        (1, "GenbackupHostWarning", "warning", "WARNING"),
        (2, "GenbackupHostAlert", "critical", "ALERT"),
        (3, "GenbackupHostNever", "critical", "NEVER"),
    ] {
        let series = [
            ("genbackup_state{host=\"web-1\"}", format!("{number}x5")),
            ("genbackup_state{host=\"db.example.net\"}", "0x5".to_owned()),
        ];
        let series = series.each_ref().map(|(name, values)| (*name, values.as_str()));
        let expected = json!([{
            "exp_labels": {"host": "web-1", "severity": severity},
            "exp_annotations": {
                "summary": format!("host web-1 is in state {state}: see `genbackup status` on store"),
            },
        }]);
        tested(&series, "3m", alert, &expected)?;
        let refused = tested(&series, "3m", alert, &json!([]));
        assert!(refused.is_err(), "promtool would notice another result");
    }
    Ok(())
}

/// `web-1` may be absent for five days, and its `alert-after` is three; that of `db.example.net`, once a week, is eight.
#[test]
fn a_host_is_too_old_by_its_own_threshold_or_by_its_own_absence() -> Result<()> {
    for (host, hours, is_alerted) in [
        ("web-1", 100, false),
        ("web-1", 121, true),
        ("db.example.net", 191, false),
        ("db.example.net", 193, true),
    ] {
        let last = format!("genbackup_last_success_timestamp_seconds{{host=\"{host}\"}}");
        // Within a day Prometheus tests nothing that happens in another: the time is short, and the past is long ago.
        let values = format!("{}x10", 60 - hours * 3600);
        let series = [
            (last.as_str(), values.as_str()),
            ("genbackup_alert_after_seconds", "1x10"),
            ("genbackup_host_alert_after_seconds{host=\"web-1\"}", "259200x10"),
            (
                "genbackup_host_alert_after_seconds{host=\"db.example.net\"}",
                "691200x10",
            ),
        ];
        let age = match hours {
            121 => "5d 1h 0m 0s",
            _ => "8d 1h 0m 0s",
        };
        let expected = if is_alerted {
            json!([{
                "exp_labels": {"host": host, "severity": "critical"},
                "exp_annotations": {"summary": format!("the last complete backup of {host} is {age} old")},
            }])
        } else {
            json!([])
        };
        tested(&series, "1m", "GenbackupTooOld", &expected)?;
    }
    Ok(())
}

/// Two fleets in one Prometheus, each with a host of that name.
#[test]
fn a_host_is_compared_with_the_threshold_of_its_storage_host() -> Result<()> {
    let of = |name: &str, instance: &str| {
        format!("{name}{{host=\"db.example.net\",instance=\"{instance}\",job=\"node\"}}")
    };
    let last = "genbackup_last_success_timestamp_seconds";
    let after = "genbackup_host_alert_after_seconds";
    let series = [
        (of(last, "store:9100"), "-7200x10"),
        (of(after, "store:9100"), "3600x10"),
        (of(last, "other:9100"), "-7200x10"),
        (of(after, "other:9100"), "86400x10"),
    ];
    let series = series.each_ref().map(|(name, values)| (name.as_str(), *values));
    let expected = json!([{
        "exp_labels": {"host": "db.example.net", "severity": "critical", "instance": "store:9100", "job": "node"},
        "exp_annotations": {"summary": "the last complete backup of db.example.net is 2h 1m 0s old"},
    }]);
    tested(&series, "1m", "GenbackupTooOld", &expected)
}

#[test]
fn a_phase_is_too_old_by_its_own_threshold_and_prometheus_own_clock() -> Result<()> {
    for (phase, hours, threshold, is_alerted) in [
        ("offsite", 71, "259200x10", false),
        ("offsite", 73, "259200x10", true),
        ("prune", 73, "604800x10", false),
    ] {
        let of = |name: &str| format!("genbackup_phase_{name}_seconds{{phase=\"{phase}\",instance=\"jak\"}}");
        let (last, alert_after) = (of("last_success_timestamp"), of("alert_after"));
        let values = format!("{}x10", 60 - hours * 3600);
        let series = [
            (last.as_str(), values.as_str()),
            (alert_after.as_str(), threshold),
        ];
        let expected = if is_alerted {
            json!([{
                "exp_labels": {"phase": phase, "instance": "jak", "severity": "critical"},
                "exp_annotations": {"summary": "the last successful offsite is 3d 1h 0m 0s old"},
            }])
        } else {
            json!([])
        };
        tested(&series, "1m", "GenbackupPhaseTooOld", &expected)?;
    }
    Ok(())
}

#[test]
fn metrics_that_nobody_writes_any_more_are_a_warning() -> Result<()> {
    let file = "node_textfile_mtime_seconds{file=\"/var/lib/prometheus/node-exporter/genbackup.prom\"}";
    let expected = json!([{
        "exp_labels": {"severity": "warning", "file": "/var/lib/prometheus/node-exporter/genbackup.prom"},
        "exp_annotations": {"summary": "genbackup-metrics.service has not written its file for 2h 0m 0s"},
    }]);
    tested(&[(file, "0x200")], "2h", "GenbackupMetricsStale", &expected)?;
    tested(&[(file, "0x200")], "30m", "GenbackupMetricsStale", &json!([]))?;
    let expected = json!([{
        "exp_labels": {"severity": "warning", "host": "db.example.net"},
        "exp_annotations": {"summary": "no metrics about the backups: check that genbackup-metrics.timer is active, \
                                        and that the node exporter reads its file"},
    }]);
    tested(
        &[("genbackup_state{host=\"of-another-fleet\"}", "0x200")],
        "2h",
        "GenbackupMetricsAbsent",
        &expected,
    )?;
    tested(
        &[("genbackup_state{host=\"db.example.net\"}", "0x200")],
        "2h",
        "GenbackupMetricsAbsent",
        &json!([]),
    )
}

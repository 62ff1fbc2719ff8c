//! Rules for Prometheus, over what `genbackup metrics` writes. The thresholds are in the metrics themselves, those of each
//! host; its span of absence is here.

use serde_json::{Value, json};

use crate::emit::plan::CoordinatorPlan;
use crate::model::{HostName, TimeSpan, UnitPath};

/// States that `genbackup metrics` writes: its number, its name, how bad it is.
const STATES: [(u8, &str, &str); 3] = [
    (1, "Warning", "warning"),
    (2, "Alert", "critical"),
    (3, "Never", "critical"),
];

/// The rules of a fleet; JSON is YAML.
pub(super) fn rules(plan: &CoordinatorPlan<'_>, metrics: &UnitPath) -> Value {
    let mut rules = Vec::new();
    for (number, name, severity) in STATES {
        let copies = ("genbackup_copy_state", "Copy", "copy");
        let kinds = [
            ("genbackup_state", "Host", "host"),
            ("genbackup_phase_state", "Phase", "phase"),
        ];
        let copies = (!plan.offsite.is_empty()).then_some(copies);
        for (metric, kind, what) in kinds.into_iter().chain(copies) {
            rules.push(rule(
                &format!("Genbackup{kind}{name}"),
                &format!("{metric} == {number}"),
                "0m",
                severity,
                &format!(
                    "{what} {{{{ $labels.{what} }}}} is in state {}: see `genbackup status` on {}",
                    name.to_uppercase(),
                    plan.name
                ),
            ));
        }
    }
    for (host, absence) in hosts(plan) {
        let mut rule = rule(
            "GenbackupTooOld",
            &too_old(host, absence),
            "0m",
            "critical",
            "the last complete backup of {{ $labels.host }} is {{ $value | humanizeDuration }} old",
        );
        // promtool wants rules of one name to differ in their labels.
        rule["labels"]["host"] = Value::from(host.as_str());
        rules.push(rule);
    }
    // Of each phase that is expected, by the clock of Prometheus, too.
    rules.push(rule(
        "GenbackupPhaseTooOld",
        "time() - genbackup_phase_last_success_timestamp_seconds > genbackup_phase_alert_after_seconds",
        "0m",
        "critical",
        "the last successful {{ $labels.phase }} is {{ $value | humanizeDuration }} old",
    ));
    if !plan.offsite.is_empty() {
        rules.push(rule(
            "GenbackupCopyTooOld",
            "time() - genbackup_copy_last_success_timestamp_seconds > genbackup_copy_alert_after_seconds",
            "0m",
            "critical",
            "the last complete copy {{ $labels.copy }} is {{ $value | humanizeDuration }} old",
        ));
        rules.push(rule(
            "GenbackupCopyCanBeDestroyed",
            "genbackup_copy_tamper_test_info{result!=\"refused\"} == 1",
            "0m",
            "warning",
            "the last tamper test of copy {{ $labels.copy }} was {{ $labels.result }}",
        ));
    }
    // Metrics that nobody writes any more are not healthy either, whatever their last value was.
    rules.push(rule(
        "GenbackupMetricsStale",
        &format!(
            "time() - node_textfile_mtime_seconds{{file={}}} > 3600",
            quoted(metrics.as_str())
        ),
        "0m",
        "warning",
        "genbackup-metrics.service has not written its file for {{ $value | humanizeDuration }}",
    ));
    // Those of another fleet do not stand in for this one's.
    let host = hosts(plan).next();
    let of_this_fleet = host.map_or_else(String::new, |(host, _)| format!("{{host=\"{host}\"}}"));
    rules.push(rule(
        "GenbackupMetricsAbsent",
        &format!("absent(genbackup_state{of_this_fleet})"),
        "1h",
        "warning",
        "no metrics about the backups: check that genbackup-metrics.timer is active, and that the node exporter reads \
         its file",
    ));
    json!({"groups": [{"name": "genbackup", "rules": rules}]})
}

/// The hosts that are backed up, with how long each may be absent.
fn hosts<'p>(plan: &CoordinatorPlan<'p>) -> impl Iterator<Item = (&'p HostName, Option<TimeSpan>)> {
    let local = plan.local.into_iter().map(|host| (host, None));
    let remote = plan.remote.into_iter().flat_map(|remote| &remote.clients);
    local.chain(remote.map(|(host, client)| (host, client.may_be_absent)))
}

/// By the clock of Prometheus, however old the file is: that of the host's `alert-after`, or of its absence.
/// Both sides have the labels that Prometheus gives to all metrics of an instance, so that each storage host
/// is compared with its own.
fn too_old(host: &HostName, absence: Option<TimeSpan>) -> String {
    let alert_after = format!("genbackup_host_alert_after_seconds{{host=\"{host}\"}}");
    let threshold = match absence {
        None => alert_after,
        Some(absence) => format!("clamp_min({alert_after}, {})", absence.seconds()),
    };
    format!("time() - genbackup_last_success_timestamp_seconds{{host=\"{host}\"}} > {threshold}")
}

fn rule(alert: &str, expression: &str, pending: &str, severity: &str, summary: &str) -> Value {
    json!({
        "alert": alert,
        "expr": expression,
        "for": pending,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    })
}

/// A string of `PromQL`, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

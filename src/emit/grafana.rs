//! A dashboard for Grafana, over what `genbackup metrics` writes.

use serde_json::{Value, json};

/// The width of the dashboard, in Grafana's units.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 8;
/// The names and colours of states, by their numbers.
const STATES: [(&str, &str, &str); 4] = [
    ("0", "OK", "green"),
    ("1", "WARNING", "yellow"),
    ("2", "ALERT", "red"),
    ("3", "NEVER", "purple"),
];

/// One panel: what it shows, and of what unit it is.
struct Panel {
    kind: &'static str,
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
}

/// For a host with its own thresholds: a hundred other hosts would each have a line, all the same.
const OWN_WARN_AFTER: &str =
    "genbackup_host_warn_after_seconds != ignoring (host) group_left genbackup_warn_after_seconds";
const OWN_ALERT_AFTER: &str =
    "genbackup_host_alert_after_seconds != ignoring (host) group_left genbackup_alert_after_seconds";

const PANELS: [Panel; 8] = [
    Panel {
        kind: "stat",
        title: "State",
        unit: "none",
        queries: &[
            ("genbackup_state", "{{host}}"),
            ("genbackup_phase_state", "{{phase}}"),
            ("genbackup_copy_state", "copy {{copy}}"),
        ],
    },
    Panel {
        kind: "timeseries",
        title: "Time since the last complete backup",
        unit: "s",
        queries: &[
            ("time() - genbackup_last_success_timestamp_seconds", "{{host}}"),
            ("genbackup_warn_after_seconds", "warning"),
            ("genbackup_alert_after_seconds", "alert"),
            (OWN_WARN_AFTER, "warning of {{host}}"),
            (OWN_ALERT_AFTER, "alert of {{host}}"),
        ],
    },
    Panel {
        kind: "timeseries",
        title: "Duration of the last backup",
        unit: "s",
        queries: &[("genbackup_duration_seconds", "{{host}}")],
    },
    Panel {
        kind: "timeseries",
        title: "Duration of each phase",
        unit: "s",
        queries: &[("genbackup_phase_duration_seconds", "{{phase}}")],
    },
    Panel {
        kind: "timeseries",
        title: "Time since each phase last succeeded",
        unit: "s",
        queries: &[
            (
                "time() - genbackup_phase_last_success_timestamp_seconds",
                "{{phase}}",
            ),
            ("genbackup_phase_alert_after_seconds", "{{phase}}: alert"),
        ],
    },
    Panel {
        kind: "timeseries",
        title: "Time since the last complete copy elsewhere",
        unit: "s",
        queries: &[
            (
                "time() - genbackup_copy_last_success_timestamp_seconds",
                "{{copy}}",
            ),
            ("genbackup_copy_alert_after_seconds", "{{copy}}: alert"),
        ],
    },
    Panel {
        kind: "timeseries",
        title: "Data added by the last backup",
        unit: "bytes",
        queries: &[("genbackup_added_bytes", "{{host}}")],
    },
    Panel {
        kind: "timeseries",
        title: "Size of all files",
        unit: "bytes",
        queries: &[("genbackup_processed_bytes", "{{host}}")],
    },
];

/// Marks: what happened at one moment. A version that is new on a host that is not new.
const VERSION_CHANGES: &str = "(genbackup_restic_info unless genbackup_restic_info offset 30m) \
                               and on (host) (genbackup_restic_info offset 30m)";

/// The dashboard, as Grafana imports it.
pub(super) fn dashboard() -> Value {
    let panels: Vec<Value> = (0..)
        .zip(&PANELS)
        .map(|(place, panel)| panel.json(place))
        .collect();
    json!({
        "uid": "genbackup",
        "title": "Backups",
        "tags": ["backup", "restic"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "5m",
        "time": {"from": "now-30d", "to": "now"},
        "templating": {"list": [{
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        }]},
        "annotations": {"list": [{
            "name": "Changes of the restic version",
            "datasource": datasource(),
            "enable": true,
            "iconColor": "blue",
            "expr": VERSION_CHANGES,
            "step": "30m",
            "titleFormat": "{{host}}: restic {{version}}",
        }]},
        "panels": panels,
    })
}

impl Panel {
    fn json(&self, place: u32) -> Value {
        let Self {
            kind,
            title,
            unit,
            queries,
        } = self;
        let targets: Vec<Value> = ('A'..)
            .zip(*queries)
            .map(|(name, (expression, legend))| {
                json!({
                    "refId": name,
                    "datasource": datasource(),
                    "expr": expression,
                    "legendFormat": legend,
                })
            })
            .collect();
        let is_state = *kind == "stat";
        let mappings: Vec<Value> = STATES
            .iter()
            .filter(|_| is_state)
            .map(|(number, name, color)| {
                json!({"type": "value", "options": {(*number): {"text": name, "color": color}}})
            })
            .collect();
        let width = WIDTH / 2;
        json!({
            "id": place + 1,
            "type": kind,
            "title": title,
            "datasource": datasource(),
            "gridPos": {"x": place % 2 * width, "y": place / 2 * HEIGHT, "w": width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": unit, "mappings": mappings}, "overrides": []},
            "targets": targets,
        })
    }
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

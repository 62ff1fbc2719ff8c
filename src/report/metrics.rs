//! The state of a fleet, as Prometheus reads it: its text format, which `node_exporter`'s textfile collector
//! takes.
//!
//! Times are points in time, not ages, so that what is computed from them is right however old the file is. What is not
//! known has no line.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};

use crate::runs::record::Status;
use crate::status::{Attempt, Figures, Item, Progress, Report, State};

/// The start of all names.
const NAMESPACE: &str = "genbackup";
const STATE: &str = "state when this file was written, as the exit status of `genbackup status`: 0 OK, 1 WARNING, \
                     2 ALERT, 3 NEVER";

/// The metrics of a report.
///
/// # Errors
/// When Prometheus' library refuses one of our names.
pub fn text(report: &Report) -> Result<String> {
    let metrics = Metrics(Registry::new());
    metrics.labelled(
        "build_info",
        "version of genbackup that wrote this file",
        &["version"],
        [([env!("CARGO_PKG_VERSION")], 1.0)],
    )?;
    metrics.single("fleet_state", STATE, state(report.state()))?;
    metrics.single(
        "warn_after_seconds",
        "default age from which the last complete result is a warning",
        seconds(report.thresholds.warn_after),
    )?;
    metrics.single(
        "alert_after_seconds",
        "default age from which the last complete result is an alert",
        seconds(report.thresholds.alert_after),
    )?;
    if let Some(run) = report.run {
        let is_running = f64::from(u8::from(run.progress == Progress::Running));
        metrics.single(
            "run_start_timestamp_seconds",
            "start time of the newest run",
            epoch(run.run.start()),
        )?;
        metrics.single("run_at_work", "1 while the newest run is in progress", is_running)?;
    }
    metrics.of_items("", "host", &report.hosts)?;
    metrics.of_items("phase_", "phase", &report.phases)?;
    metrics.of_items("copy_", "copy", &report.copies)?;
    metrics.of_tampering(&report.copies)?;
    metrics.of_snapshots(&report.hosts)?;
    Ok(TextEncoder::new().encode_to_string(&metrics.0.gather())?)
}

struct Metrics(Registry);

impl Metrics {
    /// What hosts, phases and copies have in common.
    fn of_items(&self, prefix: &str, label: &str, items: &[Item]) -> Result<()> {
        let of_each = |name: &str, help: &str, value: fn(&Item) -> Option<f64>| {
            let values = items
                .iter()
                .filter_map(|item| Some(([item.name.as_str()], value(item)?)));
            self.labelled(&format!("{prefix}{name}"), help, &[label], values)
        };
        of_each("state", STATE, |item| Some(state(item.verdict.state)))?;
        // The fleet's own have the names without a prefix.
        let of_one = if label == "host" { "host_" } else { "" };
        of_each(
            &format!("{of_one}warn_after_seconds"),
            "age from which its last complete result is a warning",
            |item| Some(seconds(item.verdict.thresholds.warn_after)),
        )?;
        of_each(
            &format!("{of_one}alert_after_seconds"),
            "age from which its last complete result is an alert",
            |item| Some(seconds(item.verdict.thresholds.alert_after)),
        )?;
        of_each(
            "last_success_timestamp_seconds",
            "end time of the last complete result, which lacks nothing",
            |item| Some(epoch(good(item)?.time)),
        )?;
        of_each(
            "last_attempt_timestamp_seconds",
            "end time of the last attempt, whatever its status",
            |item| Some(epoch(item.verdict.last_attempt.as_ref()?.time)),
        )?;
        of_each(
            "duration_seconds",
            "duration of the last attempt that left a snapshot, or of the last phase that succeeded",
            |item| last(item)?.seconds,
        )?;
        if label == "host" {
            of_each(
                "last_snapshot_timestamp_seconds",
                "end time of the last snapshot, complete or partial",
                |item| Some(epoch(item.verdict.last_snapshot.as_ref()?.time)),
            )?;
            self.of_versions(items)?;
        }
        let ended = |item: &Item| match &item.verdict.last_attempt.as_ref()?.status {
            Status::Unknown(_) => Some("unknown".to_owned()),
            status => Some(status.to_string()),
        };
        let statuses: Vec<_> = items.iter().map(ended).collect();
        let ended = items.iter().zip(&statuses).filter_map(|(item, status)| {
            let labels = [item.name.as_str(), status.as_ref()?];
            Some((labels, 1.0))
        });
        let name = format!("{prefix}last_attempt_info");
        self.labelled(&name, "status of the last attempt", &[label, "status"], ended)
    }

    /// The result of the last attempt to destroy something in each copy.
    fn of_tampering(&self, copies: &[Item]) -> Result<()> {
        let tampered = copies
            .iter()
            .filter_map(|item| Some((item.name.as_str(), item.tampered.as_ref()?)));
        let results = tampered.clone().map(|(name, tampered)| {
            let known = ["refused", "accepted", "inconclusive"];
            let result = known.into_iter().find(|known| *known == tampered.result);
            ([name, result.unwrap_or("unknown")], 1.0)
        });
        self.labelled(
            "copy_tamper_test_info",
            "result of the last attempt to destroy something in the copy",
            &["copy", "result"],
            results,
        )?;
        let times = tampered.map(|(name, tampered)| ([name], epoch(tampered.time)));
        self.labelled(
            "copy_tamper_test_timestamp_seconds",
            "time of the last attempt to destroy something in the copy",
            &["copy"],
            times,
        )
    }

    /// Which restic each host has: the number in `restic 0.18.0 compiled with …`, since a host may report
    /// anything.
    fn of_versions(&self, hosts: &[Item]) -> Result<()> {
        let versions = hosts.iter().filter_map(|item| {
            let version = last(item)?.restic_version.as_deref()?.split_whitespace().nth(1)?;
            let is_number = version.len() <= 20
                && version
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
            is_number.then_some(([item.name.as_str(), version], 1.0))
        });
        self.labelled(
            "restic_info",
            "version of restic that made the last snapshot",
            &["host", "version"],
            versions,
        )
    }

    /// What restic reported of the snapshots.
    fn of_snapshots(&self, hosts: &[Item]) -> Result<()> {
        let of_each = |name: &str, help: &str, value: fn(&Figures) -> Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
            let value = |item| Some(value(&last(item)?.figures)? as f64);
            let values = hosts
                .iter()
                .filter_map(|item| Some(([item.name.as_str()], value(item)?)));
            self.labelled(name, help, &["host"], values)
        };
        of_each(
            "added_bytes",
            "data added by the last snapshot, before compression",
            |figures| figures.added_bytes,
        )?;
        of_each(
            "processed_bytes",
            "size of all files of the last snapshot",
            |figures| figures.processed_bytes,
        )?;
        of_each("files", "number of files in the last snapshot", |figures| {
            figures.files
        })
    }

    fn single(&self, name: &str, help: &str, value: f64) -> Result<()> {
        self.labelled(name, help, &[], [([], value)])
    }

    fn labelled<'l, const LABELS: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&'l str; LABELS],
        values: impl IntoIterator<Item = ([&'l str; LABELS], f64)>,
    ) -> Result<()> {
        let gauge = GaugeVec::new(Opts::new(name, help).namespace(NAMESPACE), labels)?;
        for (labels, value) in values {
            gauge.get_metric_with_label_values(&labels)?.set(value);
        }
        Ok(self.0.register(Box::new(gauge))?)
    }
}

/// The last attempt that has figures: of a host its last snapshot, complete or partial.
fn last(item: &Item) -> Option<&Attempt> {
    item.verdict.last_snapshot.as_ref().or(good(item))
}

fn good(item: &Item) -> Option<&Attempt> {
    item.verdict.last_good.as_ref()
}

fn state(state: State) -> f64 {
    f64::from(state.exit_status())
}

fn epoch(time: Timestamp) -> f64 {
    signed(time.as_second())
}

fn seconds(span: SignedDuration) -> f64 {
    signed(span.as_secs())
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn signed(number: i64) -> f64 {
    number as f64
}

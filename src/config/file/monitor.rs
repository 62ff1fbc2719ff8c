//! The ages at which a last backup or result is reported.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{TimeSpan, UnitPath};

use super::Field;

/// `[monitor]`: at which age a last backup is a warning or an alert, and which files genbackup writes for other
/// programs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("dependencies" = {"warn-after": ["alert-after"], "alert-after": ["warn-after"]}))]
pub struct MonitorTable {
    /// A last complete backup, forget or prune that is older than this is a warning. Required if `alert-after` is set,
    /// or if the table has no other key.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = concat!(
            "the longest gap in `[schedule]`, its `randomized-delay` and one hour, which is `25h` for one run a ",
            "night"
        ),
        "examples" = ["25h"]
    ))]
    pub warn_after: Field<TimeSpan>,
    /// A last complete backup, forget or prune that is older than this is an alert. Not less than `warn-after`.
    /// Required if `warn-after` is set, or if the table has no other key.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = concat!(
            "a sixth of the longest gap in `[schedule]`, but at least one hour, later than the warning, which is ",
            "`29h` for one run a night"
        ),
        "examples" = ["29h"]
    ))]
    pub alert_after: Field<TimeSpan>,
    /// The file with metrics for the textfile collector of the Prometheus node exporter. genbackup writes it after each
    /// run and every 15 minutes. User restic must be able to write to its directory.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "no file",
        "examples" = ["/var/lib/prometheus/node-exporter/genbackup.prom"]
    ))]
    pub metrics: Field<UnitPath>,
    /// The file with the report, a page of HTML. genbackup writes it after each run and every 15 minutes. User restic
    /// must be able to write to its directory.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no file", "examples" = ["/srv/www/backup.html"]))]
    pub report: Field<UnitPath>,
    /// At which age the last forget is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as for backups"))]
    pub forget: Field<PhaseMonitorTable>,
    /// At which age the last prune is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as for backups"))]
    pub prune: Field<PhaseMonitorTable>,
    /// Expect checks of the repository that `genbackup record check` records, and set at which age the last one is a
    /// warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no checks are expected"))]
    pub check: Field<PhaseMonitorTable>,
    /// Expect restore drills that `genbackup record drill` records, and set at which age the last one is a warning or
    /// an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no drills are expected"))]
    pub drill: Field<PhaseMonitorTable>,
    /// Expect offsite copies that `genbackup record offsite` records, and set at which age the last one is a warning
    /// or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no copies are expected"))]
    pub offsite: Field<PhaseMonitorTable>,
}

/// `[monitor.PHASE]`: at which age the last result of a phase is a warning or an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PhaseMonitorTable {
    /// A last result that is older than this is a warning.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["26h"]))]
    pub warn_after: Field<TimeSpan>,
    /// A last result that is older than this is an alert. Not less than `warn-after`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["3d"]))]
    pub alert_after: Field<TimeSpan>,
}

/// `[hosts.NAME.monitor]`: at which age one host's last backup is a warning or an alert.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnMonitorTable {
    /// A last complete backup that is older than this is a warning.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["8d"]))]
    pub warn_after: Field<TimeSpan>,
    /// A last complete backup that is older than this is an alert. Not less than `warn-after`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["15d"]))]
    pub alert_after: Field<TimeSpan>,
}

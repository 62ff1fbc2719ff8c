//! A unit that failed and left no record: systemd alone knows of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::units::HOSTS;
use crate::model::{Fleet, HostName};

/// From this exit status on it is systemd's own, and the program never began (systemd.exec(5), "Process Exit Codes").
pub(crate) const OF_SYSTEMD: i64 = 200;
const NO_CREDENTIALS: i64 = 243;
/// When and how a unit failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Failure {
    /// When.
    pub time: Timestamp,
    /// How.
    pub result: FailureResult,
}

/// How a unit failed, in systemd's words (`$MONITOR_SERVICE_RESULT`, `$MONITOR_EXIT_STATUS`, systemd.exec(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct FailureResult {
    /// Such as `exit-code`, `timeout` or `oom-kill`.
    pub result: Option<String>,
    /// The exit status, or the name of a signal.
    pub status: Option<String>,
}

impl FailureResult {
    fn exit_status(&self) -> Option<i64> {
        self.status.as_deref()?.parse().ok()
    }

    /// True when the unit's program ended by itself.
    pub(super) fn is_of_the_program(&self) -> bool {
        self.result.as_deref() == Some("exit-code")
            && self.exit_status().is_some_and(|status| status < OF_SYSTEMD)
    }

    pub(super) fn why(&self, fleet: &Fleet, unit: &str) -> String {
        let how = match (self.result.as_deref(), self.status.as_deref()) {
            (Some("exit-code"), Some(status)) => format!("exit status {status}"),
            (Some(result), Some(status)) => format!("{result}, {status}"),
            (Some(result), None) => result.to_owned(),
            (None, _) => "systemd gives no reason".to_owned(),
        };
        if self.exit_status() == Some(NO_CREDENTIALS) {
            let files = credentials(fleet, unit).join(", ");
            return format!(
                "{unit} failed before it started ({how}): systemd cannot load its credentials; one of these files is \
                 missing, or its file system is locked: {files}"
            );
        }
        if self.exit_status().is_some_and(|status| status >= OF_SYSTEMD) {
            return format!("{unit} failed before it started ({how})");
        }
        format!("{unit} failed ({how}), and no record shows the reason")
    }
}

/// The files that systemd hands over to a unit.
fn credentials(fleet: &Fleet, unit: &str) -> Vec<String> {
    let mut files = vec![fleet.repository.password_file.to_string()];
    if hosts(fleet, unit).is_some()
        && let Some(remote) = &fleet.remote
    {
        files.push(remote.key_file.to_string());
    }
    files
}

/// The hosts that a unit backs up; none where it does something else.
pub(super) fn hosts<'u>(fleet: &'u Fleet, unit: &'u str) -> Option<Vec<&'u str>> {
    if unit == HOSTS {
        let together = fleet.backed_up().filter(|host| !fleet.has_own_schedule(host));
        return Some(together.map(HostName::as_str).collect());
    }
    let instance = unit.strip_prefix("genbackup-run@")?.strip_suffix(".service")?;
    Some(instance.split('_').collect())
}

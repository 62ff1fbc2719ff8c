//! The oldest versions of programs.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{ResticVersion, SystemdVersion};

use super::Field;

/// `[minimum-versions]`, also of one host: the oldest versions of programs. What newer versions can do is used only
/// where the fleet file names them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VersionsTable {
    /// The oldest version of restic.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = ResticVersion::OLDEST.to_string(), "examples" = ["0.18"]))]
    pub restic: Field<ResticVersion>,
    /// The oldest version of systemd.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = SystemdVersion::OLDEST.to_string(), "examples" = ["257"]))]
    pub systemd: Field<SystemdVersion>,
}

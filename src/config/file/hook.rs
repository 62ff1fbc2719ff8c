//! A hook of a host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::{CommandWord, Network, TimeSpan, UnitPath, UserName};

use super::{Field, List};

/// A command that runs as a separate unit, with its own user and sandbox.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookTable {
    /// The user that runs the command. It must exist on the host, and cannot be `restic`.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["postgres"]))]
    pub user: Field<UserName>,
    /// The full path of the program, and each argument as a separate string. No shell runs the command.
    #[schemars(
        required,
        extend(
            "x-since" = "0.2.0",
            "minItems" = 1,
            "examples" = [["/usr/bin/pg_dumpall", "--file=/var/backups/postgres/all.sql"]]
        )
    )]
    pub command: List<CommandWord>,
    /// The files and directories that the command may write to; they must exist. If a `before` hook writes files, at
    /// least one of these paths must be backed up.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/var/backups/postgres"]]))]
    pub writes: List<UnitPath>,
    /// What the command can reach over the network: `none`, `local` (services of the same host) or `any`. Sockets
    /// below `/run` are always within reach.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::HOOK_NETWORK.word(), "examples" = ["local"]))]
    pub network: Field<Network>,
    /// How long the command may take.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::HOOK_TIME_LIMIT.text, "examples" = ["20min"]))]
    pub time_limit: Field<TimeSpan>,
}

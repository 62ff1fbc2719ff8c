//! The repository.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::{KeepPolicy, TimeSpan, UnitPath};

use super::Field;

/// `[repository]`: the restic repository and the storage host that keeps it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RepositoryTable {
    /// The storage host, by its name in `[hosts]`. It keeps the repository and starts the backups.
    #[schemars(
        required,
        extend("x-since" = "0.1.0", "x-kind" = "name of a host in `[hosts]`", "examples" = ["jak"])
    )]
    pub host: Field<String>,
    /// The directory of the repository on the storage host.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/mnt/storage/restic"]))]
    pub path: Field<UnitPath>,
    /// The mount point of the file system that holds the repository, or `/` for the root file system. While it is not
    /// mounted, the repository is neither exported nor created.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "nothing checks that a file system is mounted; required with `initialize`",
        "examples" = ["/mnt/storage"]
    ))]
    pub file_system: Field<UnitPath>,
    /// The file on the storage host whose first line is the password of the repository. Make it readable for root
    /// only: systemd passes the password to the units.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/etc/genbackup/restic-password"]))]
    pub password_file: Field<UnitPath>,
    /// Which snapshots forget keeps of each host. Write rules of restic, separated by commas: a number or `unlimited`
    /// with a period, or `within` with an age.
    #[schemars(
        required,
        extend(
            "x-since" = "0.1.0",
            "x-also" = "`within` and `unlimited`: 0.2.0",
            "examples" = ["30 daily, 5 weekly, 12 monthly, 10 yearly"]
        )
    )]
    pub keep: Field<KeepPolicy>,
    /// Create the repository if there has never been one. Requires `file-system`.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::INITIALIZE, "examples" = [true]))]
    pub initialize: Field<bool>,
    /// How long a backup, forget or prune waits for a lock that another restic holds.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::LOCK_WAIT.text, "examples" = ["45min"]))]
    pub lock_wait: Field<TimeSpan>,
    /// How long restic may take to end and to remove its lock when a backup or a restore is stopped. After that, it is
    /// killed and its lock stays.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::STOP_WAIT.text, "examples" = ["3min"]))]
    pub stop_wait: Field<TimeSpan>,
    /// The user id and group id of user restic on the storage host. The NFS export maps every client to them.
    #[schemars(
        range(min = 1, max = 65_533),
        extend("x-since" = "0.1.0", "x-default" = defaults::USER_ID, "examples" = [12_345])
    )]
    pub uid: Field<i64>,
}

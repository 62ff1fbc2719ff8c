//! How the storage host and its clients reach each other.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::{PublicKey, UnitPath};

use super::Field;

/// `[nfs]`: how clients reach the repository.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NfsTable {
    /// The directory where clients mount the repository. It is mounted only while a backup runs.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/mnt/backup"]))]
    pub mount: Field<UnitPath>,
}

/// `[ssh]`: how the storage host reaches clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SshTable {
    /// The TCP port on which the backup's own sshd listens on each client. It cannot be 22.
    #[schemars(
        range(min = 1, max = 65_535),
        extend("x-since" = "0.1.0", "x-default" = defaults::PORT, "examples" = [2222])
    )]
    pub port: Field<i64>,
    /// The file on the storage host with the private ssh key for the clients. Make it readable for root only. On a
    /// client, this key can only request a backup.
    #[schemars(required, extend("x-since" = "0.1.0", "examples" = ["/etc/genbackup/ssh_ed25519"]))]
    pub key_file: Field<UnitPath>,
    /// The public key that belongs to `key-file`: the text of its `.pub` file.
    #[schemars(
        required,
        extend(
            "x-since" = "0.1.0",
            "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"]
        )
    )]
    pub public_key: Field<PublicKey>,
}

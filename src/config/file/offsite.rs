//! A copy of the repository.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::words::words;
use crate::model::{
    Calendar, Deletion, KeepPolicy, Percent, Place, PublicKey, Rate, Refusal, Remote, RepositoryAddress,
    UnitPath,
};

use super::{Field, OneOrMore, OwnMonitorTable, unknown_word};

/// A copy of the repository in another place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OffsiteTable {
    /// How the copy is made. `sync` copies the encrypted files with rclone, without the password. `copy` copies
    /// snapshots with restic into a repository with its own password and keep policy.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["sync"]))]
    pub kind: Field<CopyWord>,
    /// The place of the copy: a remote of rclone and a path, or a directory of the storage host. Required for `sync`,
    /// and refused for `copy`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sync`",
        "examples" = ["cloud:backups/restic"]
    ))]
    pub remote: Field<Remote>,
    /// The configuration file of rclone on the storage host, with the credential of the remote. Make it readable for
    /// root only. Refused for `copy`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for a remote that is not a directory",
        "examples" = ["/etc/genbackup/rclone.conf"]
    ))]
    pub config_file: Field<UnitPath>,
    /// When files that the repository no longer has leave the copy: `after` and a time span, `at-once` or `never`.
    /// Refused for `copy`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::DELETE.text, "examples" = ["after 90d"]))]
    pub delete: Field<Deletion>,
    /// How many snapshots the repository may lose between two copies. If it lost more, nothing is copied or deleted
    /// until you accept it. The same holds for what the `keep` of a `copy` would remove. One snapshot of each host for
    /// each day since the last copy may go in any case.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::MAX_LOSS.text, "examples" = ["25%"]))]
    pub max_loss: Field<Percent>,
    /// The repository to copy to, as `restic --repo` takes it. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["sftp:backup@nas.example.net:/backup"]
    ))]
    pub repository: Field<RepositoryAddress>,
    /// The file on the storage host whose first line is the password of that repository. Make it readable for root
    /// only. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["/etc/genbackup/friend-password"]
    ))]
    pub password_file: Field<UnitPath>,
    /// Which snapshots that repository keeps of each host. Required for `copy`, and refused for `sync`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `copy`",
        "examples" = ["12 monthly, 5 yearly"]
    ))]
    pub keep: Field<KeepPolicy>,
    /// The file on the storage host with the credential of that repository, as lines `NAME=VALUE` of environment
    /// variables. Make it readable for root only. Refused for `sync`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "examples" = ["/etc/genbackup/friend.env"]))]
    pub environment_file: Field<UnitPath>,
    /// The file on the storage host with the private ssh key for an `sftp:` repository. Make it readable for root only.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sftp:`",
        "examples" = ["/etc/genbackup/friend_ed25519"]
    ))]
    pub ssh_key_file: Field<UnitPath>,
    /// The public ssh host key of the server of an `sftp:` repository. Another key is refused.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `sftp:`",
        "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"]
    ))]
    pub host_key: Field<PublicKey>,
    /// Copy after each run, once forget and prune are done.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required without `calendar`",
        "examples" = [true]
    ))]
    pub after_run: Field<bool>,
    /// When the copy starts: a calendar expression of systemd.time(7), or a list of them. Refused with `after-run`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required without `after-run`",
        "examples" = ["Sun 09:00"]
    ))]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// How fast the copy may send.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["20 MiB/s"]))]
    pub bandwidth: Field<Rate>,
    /// Where the copy is, in a word or two. Copies with the same word count as one place.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the name of the copy", "examples" = ["cloud"]))]
    pub r#where: Field<Place>,
    /// At which age the last copy is a warning or an alert.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the ages follow from when the copy starts"))]
    pub monitor: Field<OwnMonitorTable>,
}

words! {
    /// How a copy is made.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    CopyWord, word {
        /// By rclone, file by file.
        Sync = "sync",
        /// By `restic copy`, snapshot by snapshot.
        Copy = "copy",
    }
}

impl TryFrom<String> for CopyWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = Self::ALL.map(Self::word);
        Self::of_word(&text).ok_or_else(|| unknown_word(&text, words))
    }
}

//! A host.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::{
    AbsolutePath, Address, Destination, ExcludePattern, FileSize, HookName, KeepPolicy, Marker, PublicKey,
    Tag, TimeSpan, UnitPath,
};

use super::{Field, HookTable, List, OwnMonitorTable, OwnScheduleTable, PowerTable, Spanned, VersionsTable};

/// A host of the fleet. The storage host needs a table, too, which may be empty if it only stores backups.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostTable {
    /// The host name or IP address under which the other hosts reach this host. If the storage host has an IP address
    /// here, clients accept its ssh key from that address only.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "the name of the host", "examples" = ["ziz.example.net"]))]
    pub address: Field<Address>,
    /// Where `genbackup push` connects to with the administrator's own ssh: any destination that ssh(1) takes. Its user
    /// is root or has passwordless sudo. Refused for the storage host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "`root@` and the address",
        "examples" = ["admin@ziz.example.net"]
    ))]
    pub push_to: Field<Destination>,
    /// The public ssh host key of a client: the text of `/etc/ssh/ssh_host_ed25519_key.pub` there. Refused for the
    /// storage host.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required for each client",
        "examples" = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"]
    ))]
    pub host_key: Field<PublicKey>,
    /// The file on the client with the private key that belongs to `host-key`. Refused for the storage host.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-default" = defaults::HOST_KEY_FILE,
        "examples" = ["/etc/genbackup/host_key"]
    ))]
    pub host_key_file: Field<UnitPath>,
    /// The absolute paths to back up. `*`, `~` and variables are not expanded. A storage host without this key is not
    /// backed up.
    #[schemars(
        length(min = 1),
        extend(
            "x-since" = "0.1.0",
            "x-without" = "none; required for each client",
            "examples" = [["/etc", "/home", "/srv", "/var/backups"]]
        )
    )]
    pub include: List<AbsolutePath>,
    /// The paths to exclude, as patterns of restic.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = [], "examples" = [["/home/*/.cache", "*.tmp"]]))]
    pub exclude: List<ExcludePattern>,
    /// Exclude the content of a directory that holds a file with one of these names. With `NAME:HEADER`, the file must
    /// start with `HEADER`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [[".nobackup"]]))]
    pub exclude_if_present: List<Marker>,
    /// Exclude files that are larger than this size.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["4 GiB"]))]
    pub exclude_larger_than: Field<FileSize>,
    /// Exclude the content of directories with a `CACHEDIR.TAG` file.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::EXCLUDE_CACHES, "examples" = [true]))]
    pub exclude_caches: Field<bool>,
    /// Exclude other file systems that are mounted below an included path.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::ONE_FILE_SYSTEM, "examples" = [true]))]
    pub one_file_system: Field<bool>,
    /// Leave the access times of files unchanged. This gives the unit that reads the files the capability
    /// `CAP_FOWNER`.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::PRESERVE_ACCESS_TIMES, "examples" = [true]))]
    pub preserve_access_times: Field<bool>,
    /// The included directories that may be empty. Any other included directory that is empty makes the backup
    /// `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/srv"]]))]
    pub may_be_empty: List<AbsolutePath>,
    /// The mount points that must be mounted during a backup. If one is not mounted, the backup is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["/srv"]]))]
    pub must_be_mounted: List<AbsolutePath>,
    /// How old the last backup of an unreachable client may be without a warning, as for a laptop. Refused for the
    /// storage host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "an unreachable client is a warning at once",
        "examples" = ["5d"]
    ))]
    pub may_be_absent: Field<TimeSpan>,
    /// The oldest versions of restic and systemd on this host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "as in `[minimum-versions]`",
        "x-same-as" = "minimum-versions"
    ))]
    pub minimum_versions: Field<VersionsTable>,
    /// Commands that run before each backup, such as a database dump, one table `[hosts.NAME.before.HOOK]` for each.
    /// If one fails, the backup is made and is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "x-name" = "HOOK"))]
    pub before: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// Commands that run after each backup, also after one that failed, one table `[hosts.NAME.after.HOOK]` for each.
    /// If one fails, the next backup of the host is `partial`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "x-name" = "HOOK"))]
    pub after: Field<BTreeMap<Spanned<HookName>, HookTable>>,
    /// What a backup, forget and prune may use of this host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[power]`", "x-same-as" = "power"))]
    pub power: Field<PowerTable>,
    /// The host's own schedule: it is backed up in a separate run, and the run of `[schedule]` skips it.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the host is backed up in the run of `[schedule]`"))]
    pub schedule: Field<OwnScheduleTable>,
    /// At which age this host's last backup is a warning or an alert.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "the ages follow from the host's own schedule; without one, as in `[monitor]`"
    ))]
    pub monitor: Field<OwnMonitorTable>,
    /// Which snapshots forget keeps of this host.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "as in `[repository]`",
        "examples" = ["within 30d, 12 monthly"]
    ))]
    pub keep: Field<KeepPolicy>,
    /// The tags of this host's snapshots in addition to `genbackup`.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = [], "examples" = [["important"]]))]
    pub tags: List<Tag>,
}

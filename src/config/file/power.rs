//! What backups may use of their host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::{MemorySize, OnBattery, Rate};

use super::Field;

/// `[power]`, also of one host: what a backup, forget and prune may use of their host.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PowerTable {
    /// How much processor time they leave to other programs, as in nice(1): from 0 (none) to 19 (most).
    #[schemars(
        range(min = 0, max = 19),
        extend("x-since" = "0.2.0", "x-default" = defaults::NICE, "examples" = [10])
    )]
    pub nice: Field<i64>,
    /// Use the disk only while no other program does.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::IDLE_IO, "examples" = [true]))]
    pub idle_io: Field<bool>,
    /// Their share of the processor while others need it too (`CPUWeight=`). Other services have 100.
    #[schemars(
        range(min = 1, max = 10_000),
        extend("x-since" = "0.2.0", "x-without" = "not set", "examples" = [20])
    )]
    pub cpu_weight: Field<i64>,
    /// The most memory that they may use, from `256 MiB` to `16 TiB`.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["1 GiB"]))]
    pub memory_limit: Field<MemorySize>,
    /// How fast a backup may write to the repository.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["20 MiB/s"]))]
    pub limit_upload: Field<Rate>,
    /// How fast a backup may read from the repository.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "no limit", "examples" = ["512 KiB/s"]))]
    pub limit_download: Field<Rate>,
    /// Keep the host from going to sleep while a backup, forget or prune is running.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::KEEP_AWAKE, "examples" = [false]))]
    pub keep_awake: Field<bool>,
    /// What happens to a backup while the host runs on battery: `back-up` makes it, `skip` reports the host as
    /// unreachable.
    #[schemars(extend("x-since" = "0.2.0", "x-default" = defaults::ON_BATTERY.word(), "examples" = ["skip"]))]
    pub on_battery: Field<OnBattery>,
}

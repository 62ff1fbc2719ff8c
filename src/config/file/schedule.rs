//! When backups start.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::defaults;
use crate::model::words::words;
use crate::model::{Calendar, Refusal, TimeSpan};

use super::{Field, OneOrMore, unknown_word};

/// `[schedule]`: when the hosts without their own schedule are backed up, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScheduleTable {
    /// When the run starts: a calendar expression of systemd.time(7), or a list of them. Times are in the time zone
    /// of the storage host, unless the expression names another.
    #[schemars(
        required,
        extend("x-since" = "0.1.0", "x-also" = "a list: 0.2.0", "examples" = ["*-*-* 04:00:00"])
    )]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The longest random delay of each start.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "no delay", "examples" = ["15min"]))]
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host missed while it was off. `after-missed-run` starts it as soon as
    /// the host is up. `never` skips it.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::CATCH_UP.word(), "examples" = ["never"]))]
    pub catch_up: Field<CatchUpWord>,
    /// The number of hosts that are backed up at the same time.
    #[schemars(
        range(min = 1, max = 256),
        extend("x-since" = "0.1.0", "x-default" = defaults::MAX_PARALLEL, "examples" = [4])
    )]
    pub max_parallel: Field<i64>,
    /// How long the backup of one host may take, including its `before` hooks. A backup that takes longer is stopped.
    #[schemars(extend("x-since" = "0.1.0", "x-default" = defaults::TIME_LIMIT.text, "examples" = ["6h"]))]
    pub time_limit: Field<TimeSpan>,
}

words! {
    /// What happens to a run that the storage host missed while it was off.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    CatchUpWord, word {
        /// It starts as soon as the host is up (`Persistent=`, systemd.timer(5)).
        AfterMissedRun = "after-missed-run",
        /// It is skipped.
        Never = "never",
    }
}

impl TryFrom<String> for CatchUpWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = Self::ALL.map(Self::word);
        Self::of_word(&text).ok_or_else(|| unknown_word(&text, words))
    }
}

/// `[hosts.NAME.schedule]`: when one host is backed up.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OwnScheduleTable {
    /// When the run of this host starts: a calendar expression of systemd.time(7), or a list of them. Times are in
    /// the time zone of the storage host, unless the expression names another.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["Sun 12:00"]))]
    pub calendar: Field<OneOrMore<Calendar>>,
    /// The longest random delay of each start.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[schedule]`", "examples" = ["1h"]))]
    pub randomized_delay: Field<TimeSpan>,
    /// What happens to a run that the storage host missed while it was off. `after-missed-run` starts it as soon as
    /// the host is up. `never` skips it.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "as in `[schedule]`", "examples" = ["never"]))]
    pub catch_up: Field<CatchUpWord>,
}

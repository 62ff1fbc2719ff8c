//! The periods of a keep policy.

use crate::model::words::words;

words! {
    /// A period of which the newest snapshot stays, with restic's word. The shortest is the first.
    Period, name {
        /// Each snapshot is a separate period.
        Last = "last",
        /// An hour.
        Hourly = "hourly",
        /// A day.
        Daily = "daily",
        /// An ISO week.
        Weekly = "weekly",
        /// A month.
        Monthly = "monthly",
        /// A year.
        Yearly = "yearly",
    }
}

impl Period {
    /// The option for a number of them, without its dashes and `keep-`, and the one for an age.
    pub(crate) const fn within(self) -> &'static str {
        match self {
            Self::Last => "within",
            Self::Hourly => "within-hourly",
            Self::Daily => "within-daily",
            Self::Weekly => "within-weekly",
            Self::Monthly => "within-monthly",
            Self::Yearly => "within-yearly",
        }
    }

    /// True when the newest snapshot of each `longer` period is also the newest of one of these. False for
    /// weeks in months and years, because a week may be in two months.
    pub(super) fn divides(self, longer: Self) -> bool {
        self <= longer && (self == longer || self != Self::Weekly)
    }
}

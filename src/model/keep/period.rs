//! The periods of a keep policy.

/// A period of which the newest snapshot stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// Each snapshot is a separate period.
    Last,
    /// An hour.
    Hourly,
    /// A day.
    Daily,
    /// An ISO week.
    Weekly,
    /// A month.
    Monthly,
    /// A year.
    Yearly,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 6] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];

    /// restic's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }

    /// The option for a number of them, without its dashes and `keep-`, and the one for an age.
    pub(super) const fn within(self) -> &'static str {
        match self {
            Self::Last => "within",
            Self::Hourly => "within-hourly",
            Self::Daily => "within-daily",
            Self::Weekly => "within-weekly",
            Self::Monthly => "within-monthly",
            Self::Yearly => "within-yearly",
        }
    }

    /// True when the newest snapshot of each `longer` period is the newest of one of these, too. A week may lie in two
    /// months, so that is not so of weeks in months and years.
    pub(super) fn divides(self, longer: Self) -> bool {
        self <= longer && (self == longer || self != Self::Weekly)
    }
}

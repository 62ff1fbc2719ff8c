//! The words of a fleet, each checked once, when it is read.
//!
//! A value of one of these types is valid: nothing behind [`crate::config::resolve`] looks at its grammar again.

mod calendar;
mod destination;
mod fleet;
mod hook;
mod host;
mod keep;
mod key;
mod moment;
mod notify;
pub(crate) mod offsite;
pub(crate) mod password;
mod path;
mod pattern;
mod phase;
mod power;
mod quantity;
mod release;
mod remote;
pub(crate) mod span;
mod tag;
pub(crate) mod units;
mod version;
pub(crate) mod words;

pub use calendar::{Calendar, Calendars};
pub use destination::Destination;
pub use fleet::{
    AccessTimes, Caches, CatchUp, Creation, FileSystems, Fleet, Monitor, RemoteClient, RemoteClients,
    Repository, Schedule, Source, StorageHost, Timing,
};
pub use hook::{CommandWord, Hook, HookKind, HookName, Hooks, Network, UserName};
pub use host::{Address, HostName};
pub use keep::{Age, Keep, KeepPolicy, Limit, Period};
pub use key::PublicKey;
pub use moment::Moment;
pub use notify::{
    EmailAddress, MessageService, Notify, NotifyName, PushMonitor, Watching, WebService, Written, WrittenFile,
};
pub use offsite::{
    CopyKind, CopyName, CopySsh, Deletion, Offsite, Percent, Place, RepositoryAddress, ResticCopy, Start,
    SyncCopy,
};
pub use path::{AbsolutePath, UnitPath};
pub use pattern::{ExcludePattern, Excludes};
pub use phase::Phase;
pub use power::{DiskShare, MemorySize, OnBattery, Power, Sleep};
pub use quantity::{FileSize, Rate};
pub use release::Release;
pub use remote::Remote;
pub use span::TimeSpan;
pub(crate) use span::duration;
pub use tag::{Marker, Tag};
pub use version::{MinimumVersions, ResticFeature, ResticVersion, SystemdFeature, SystemdVersion};

use std::fmt;

use crate::error::Hinted;

/// Why a value was refused, and what to write in its place.
///
/// Its `Display` is the two parts with `\n\nhint: ` between them, because serde carries no more than a
/// string; `Refusal::from_message` takes that string apart again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, in lower case, with the value in backticks.
    pub what: String,
    /// What to write instead; empty if there is no advice.
    pub hint: String,
}

impl Refusal {
    /// A refusal with a hint.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// As an error of a value that was given on the command line.
    pub(crate) fn into_error(self) -> anyhow::Error {
        let Self { what, hint } = self;
        if hint.is_empty() {
            anyhow::anyhow!(what)
        } else {
            anyhow::Error::new(Hinted::new(what, hint))
        }
    }

    /// Takes apart what `Display` put together; any other message has no hint.
    #[must_use]
    pub(crate) fn from_message(message: &str) -> Self {
        let (what, hint) = message.split_once("\n\nhint: ").unwrap_or((message, ""));
        Self::new(what.trim_end(), hint.trim_end())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(formatter, "\n\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// A newtype over `String` whose grammar is its `check` function.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as the fleet file has it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::model::Refusal;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                $check(&text)?;
                Ok(Self(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}
pub(crate) use checked_string;

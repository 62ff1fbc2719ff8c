//! The shape of the fleet file.
//!
//! Every value is optional here. A value that can be wrong by itself has a type of [`crate::model`], which
//! refuses it with a reason. [`crate::config::resolve`] finds missing and conflicting values.

mod access;
mod explain;
mod hook;
mod host;
mod monitor;
mod notify;
mod offsite;
mod one_or_more;
mod power;
mod read;
mod repository;
mod schedule;
mod spanned;
mod syntax;
mod versions;

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::words::listed;
use crate::model::{Calendar, CopyName, HostName, NotifyName, Refusal, Release};

pub use access::{NfsTable, SshTable};
pub use hook::HookTable;
pub use host::HostTable;
pub use monitor::{MonitorTable, OwnMonitorTable, PhaseMonitorTable};
pub use notify::{KindWord, NotifyTable};
pub use offsite::{CopyWord, OffsiteTable};
pub use one_or_more::OneOrMore;
pub use power::PowerTable;
pub use read::{Reading, read};
pub use repository::RepositoryTable;
pub use schedule::{CatchUpWord, OwnScheduleTable, ScheduleTable};
pub use spanned::Spanned;
pub use versions::VersionsTable;

/// A value and its place in the file; absent when the key is.
pub type Field<T> = Option<Spanned<T>>;

/// A list; absent when the key is. Each item has its place, and is refused on its own.
pub type List<T> = Field<Vec<Spanned<Item<T>>>>;

/// An item of a list. An item that fails in serde would fail as the whole list, at the list's place; so it
/// does not fail there, and [`crate::config::resolve`] hears of it.
#[derive(Debug, Deserialize)]
#[serde(from = "String", bound = "T: TryFrom<String, Error = Refusal>")]
pub struct Item<T>(pub Result<T, Refusal>);

impl<T: TryFrom<String, Error = Refusal>> From<String> for Item<T> {
    fn from(text: String) -> Self {
        Self(T::try_from(text))
    }
}

/// The fleet file: the hosts that are backed up, and the storage host that keeps their snapshots.
//
// The comment of a key describes it. What happens without the key, an example and the first version with the key are
// attributes, from which the schema, the manual page and the book get them:
//
// x-since     the first version of genbackup that knows the key
// x-also      forms of the value that came later, each with its version
// x-default   the default
// x-without   what applies without the key, if no value stands for it; it continues "Default: "
// x-same-as   the table whose keys are the defaults of this table's keys
// x-kind      what a string stands for; most types have one in `schema::grammar`
// x-name      what stands for the names of tables that the administrator names; `NAME` by default
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FleetFile {
    /// The oldest version of genbackup that can read this file. An older genbackup refuses the file and names this
    /// version.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none", "examples" = ["0.2"]))]
    pub requires: Field<Release>,
    /// When the hosts without their own schedule are backed up, and how a run works.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub schedule: Field<ScheduleTable>,
    /// The restic repository and the storage host that keeps it.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub repository: Field<RepositoryTable>,
    /// How clients on other machines mount the repository.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required if the fleet has clients on other machines"
    ))]
    pub nfs: Field<NfsTable>,
    /// How the storage host connects to clients on other machines.
    #[schemars(extend(
        "x-since" = "0.1.0",
        "x-without" = "none; required if the fleet has clients on other machines"
    ))]
    pub ssh: Field<SshTable>,
    /// The hosts, one table `[hosts.NAME]` for each. `NAME` is the host name that its snapshots carry. Put a name
    /// with dots in quotes, as in `[hosts."www.example.net"]`.
    #[schemars(required, extend("x-since" = "0.1.0"))]
    pub hosts: Field<BTreeMap<Spanned<HostName>, HostTable>>,
    /// At which age a last backup is a warning or an alert, and which files genbackup writes for other programs.
    #[schemars(extend("x-since" = "0.1.0", "x-without" = "the ages follow from the schedule"))]
    pub monitor: Field<MonitorTable>,
    /// The recipients of notifications, one table `[notify.NAME]` for each.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none"))]
    pub notify: Field<BTreeMap<Spanned<NotifyName>, NotifyTable>>,
    /// Copies of the repository in other places, one table `[offsite.NAME]` for each.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "none"))]
    pub offsite: Field<BTreeMap<Spanned<CopyName>, OffsiteTable>>,
    /// The oldest versions of restic and systemd on the hosts. genbackup uses what newer versions can do only if this
    /// table names them. `[hosts.NAME.minimum-versions]` overrides single keys for one host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the defaults of its keys"))]
    pub minimum_versions: Field<VersionsTable>,
    /// What backups, forget and prune may use of their host, for all hosts. `[hosts.NAME.power]` overrides single
    /// keys for one host.
    #[schemars(extend("x-since" = "0.2.0", "x-without" = "the defaults of its keys"))]
    pub power: Field<PowerTable>,
}

impl FleetFile {
    /// The calendar expressions that can be read, with their places: the fleet's, each host's own, and those of copies.
    pub fn calendars(&self) -> impl Iterator<Item = (Range<usize>, &Calendar)> {
        let fleet = self
            .schedule
            .iter()
            .filter_map(|table| table.get_ref().calendar.as_ref());
        let hosts = self.hosts.iter().flat_map(|hosts| hosts.get_ref().values());
        let own = hosts.filter_map(|host| host.schedule.as_ref()?.get_ref().calendar.as_ref());
        let copies = self.offsite.iter().flat_map(|copies| copies.get_ref().values());
        let of_copies = copies.filter_map(|copy| copy.calendar.as_ref());
        fleet.chain(own).chain(of_copies).flat_map(Spanned::values)
    }
}

/// The refusal of a text that is none of these words.
fn unknown_word(text: &str, words: impl IntoIterator<Item = &'static str>) -> Refusal {
    Refusal::new(
        format!("unknown value `{text}`"),
        format!("write {}", listed(words)),
    )
}

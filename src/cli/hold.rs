//! `genbackup hold`: makes forget keep all snapshots of hosts until they are released.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Zoned;

use super::holds::Kept;
use super::{load, terminal};
use crate::config::problem::{did_you_mean, likely};
use crate::error::{fail, hinted};
use crate::model::{Fleet, HostName, Moment};
use crate::repository::hold::{Entry, Hold, Store};
use crate::repository::open::{self, Afterwards, Errand, Words};
use crate::repository::restic::Snapshot;

/// The maximum length of a reason in characters.
const LONGEST_WHY: usize = 500;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep all snapshots of these hosts
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// End the hold after this day or time: `2027-01-31`, `"2027-01-31 04:00"`
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Give the reason, which `genbackup status` shows
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    kept: Kept,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        hosts,
        until: until_text,
        why,
        kept,
    } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let now = Zoned::now();
    let why = reason(why)?;
    let until = until_text.as_deref().map(|text| end(text, &now)).transpose()?;
    let words = Words::of("hold", file)
        .option("--until", until_text.as_deref())
        .option("--why", Some(&why));
    let words = hosts.iter().fold(words, Words::word);
    open::ensure_root_of_storage(&fleet, &words, "the holds are")?;
    let store = Store::read_if_there(&kept.holds.directory)?;
    // Check all hosts before the first hold is written.
    for host in hosts {
        known(&fleet, host, &store, kept, file)?;
    }
    for host in hosts {
        let hold = Hold {
            since: now.timestamp(),
            until,
            why: why.clone(),
        };
        let entry = store
            .get(host)
            .cloned()
            .unwrap_or_else(|| Entry::new(host.clone()));
        store.put(&Entry {
            hold: Some(hold),
            ..entry
        })?;
        let until = until.map_or_else(
            || format!("until `genbackup release {host}`"),
            |until| format!("until {}", terminal::local(until)),
        );
        terminal::say(&format!(
            "{}: forget keeps all its snapshots {until}\n",
            terminal::harmless(host)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn reason(why: &str) -> Result<String> {
    let why = why.trim();
    if why.is_empty() {
        fail!(
            what("`--why` is empty"),
            hint("write in a few words why the snapshots must stay")
        );
    }
    if why.chars().any(char::is_control) || why.chars().count() > LONGEST_WHY {
        fail!(
            what("`--why` is not one line of at most {LONGEST_WHY} characters"),
            hint("shorten it to one line")
        );
    }
    Ok(why.to_owned())
}

/// When a hold ends. A day is included as a whole.
fn end(text: &str, now: &Zoned) -> Result<jiff::Timestamp> {
    const HINT: &str = "write a day (`2027-01-31`) or a time (`2027-01-31 04:00`) in the future";
    let moment =
        Moment::parse(text, now).map_err(|_| hinted!(what("`{text}` is not a time"), hint("{HINT}")))?;
    if moment.last <= now.timestamp() {
        fail!(what("`--until {text}` is not in the future"), hint("{HINT}"));
    }
    Ok(moment.last)
}

/// Checks that a host is backed up, or has records or snapshots.
///
/// # Errors
/// When it does not, with the name that was probably meant.
pub(super) fn known(fleet: &Fleet, host: &str, store: &Store, kept: &Kept, file: &Path) -> Result<()> {
    let backed_up: Vec<&str> = fleet.backed_up().map(HostName::as_str).collect();
    let has_records = || kept.runs.is_dir() && kept.tells_of(host).unwrap_or_default();
    if backed_up.contains(&host) || store.get(host).is_some() || has_records() {
        return Ok(());
    }
    let errand = Errand {
        command: Words::of("hold", file),
        afterwards: Afterwards::Nothing,
    };
    // A host that left the fleet may have snapshots and no records.
    let listed = open::open(fleet, errand).and_then(|restic| restic.snapshots(None));
    let (listed, unasked): (Vec<Snapshot>, _) = match listed {
        Ok(listed) => (listed, String::new()),
        Err(error) => (
            Vec::new(),
            format!("; cannot list the snapshots: {}", first_line(&error)),
        ),
    };
    if listed.iter().any(|snapshot| snapshot.host == host) {
        return Ok(());
    }
    let candidates = backed_up.iter().copied();
    let candidates = candidates.chain(listed.iter().map(|snapshot| snapshot.host.as_str()));
    let hint = likely(host, candidates).map_or_else(
        || format!("name a host of the fleet: {}", backed_up.join(", ")),
        did_you_mean,
    );
    fail!(
        what(
            "no host of the fleet, its records or its snapshots is named `{}`{unasked}",
            terminal::harmless(host)
        ),
        hint("{}", terminal::harmless(&hint))
    )
}

fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

//! `cargo xtask release VERSION`: whether all files of the project agree on a version that is to be released.

mod changelog;
mod fixture;
mod mentions;
mod version;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vmtests::progress::timed;

use self::version::Version;

/// Which version, and whether files are changed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The version, such as 0.2.0
    version: Version,
    /// First write into the files what they have to agree on
    #[arg(long)]
    write: bool,
    /// The date for --write; without it, today
    #[arg(long, value_name = "YYYY-MM-DD", requires = "write")]
    date: Option<Date>,
    /// The fleet file of new fixtures for --write; without it, that of the release before
    #[arg(long, value_name = "FILE", requires = "write")]
    fleet: Option<PathBuf>,
}

/// What does not agree with the version, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disagreement {
    what: String,
    hint: String,
}

impl Disagreement {
    /// One that `--write` removes.
    fn to_write(version: Version, what: String) -> Self {
        Self {
            what,
            hint: format!("cargo xtask release {version} --write"),
        }
    }
}

/// What looks for disagreements about a version.
type Check = fn(Version) -> anyhow::Result<Vec<Disagreement>>;

const CHECKS: [Check; 4] = [version::check, changelog::check, mentions::check, fixture::check];

/// Writes what is wanted, and prints all disagreements.
///
/// # Errors
/// When there are disagreements, or a file cannot be read or written.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let version = options.version;
    if options.write {
        version::write(version)?;
        changelog::write(version, options.date.unwrap_or_else(today))?;
        mentions::write(version)?;
        // The command that writes them has to know its version.
        timed("fixtures", || fixture::write(version, options.fleet.as_deref()))?;
    }
    let mut found = Vec::new();
    for check in CHECKS {
        found.extend(check(version)?);
    }
    if found.is_empty() {
        println!("all files agree on version {version}");
        return Ok(());
    }
    for Disagreement { what, hint } in &found {
        eprintln!("{what}\n\nhint: {hint}\n");
    }
    bail!("{} disagreements about version {version}", found.len())
}

/// The day, in UTC.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

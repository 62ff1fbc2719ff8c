//! Asks `systemd-analyze` about calendar expressions and about the exposure of units.

#![expect(clippy::disallowed_methods, reason = "this module starts systemd-analyze")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::model::{Calendar, Calendars};

/// The number of times of a calendar that are read: two months of nights, or almost three days of hours.
const TIMES: &str = "--iterations=64";
const ITERATIONS: usize = 64;

/// True if systemd accepts a calendar expression. If not, systemd gives no reason.
///
/// # Errors
/// When `systemd-analyze` cannot be started.
pub fn takes_calendar(calendar: &Calendar) -> Result<bool> {
    let takes = |expression| anyhow::Ok(analyze(&["calendar", expression])?.status.success());
    let calendar = calendar.as_str();
    Ok(takes(calendar)?
        || match zone_elsewhere(calendar) {
            Some(without_zone) => takes(without_zone)?,
            None => false,
        })
}

/// The expression without the time zone at its end, if `TZDIR` (tzset(3)) has that zone. systemd looks for
/// zones only in /usr/share/zoneinfo. A sandboxed build such as Nix's does not have that directory.
fn zone_elsewhere(calendar: &str) -> Option<&str> {
    let directory = std::env::var_os("TZDIR")?;
    let (without_zone, zone) = calendar.trim_end().rsplit_once(' ')?;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let is_there = zone.split('/').all(is_plain) && Path::new(&directory).join(zone).is_file();
    is_there.then_some(without_zone)
}

/// The longest gap between two of the next times of a schedule; `None` if there are fewer than two. Changes to and from
/// daylight saving time are not counted.
///
/// # Errors
/// When `systemd-analyze` cannot be started.
pub fn longest_gap(calendars: &Calendars) -> Result<Option<SignedDuration>> {
    let zones = Zones::of(calendars);
    let times = calendars.expressions().iter();
    let times = times.map(|calendar| calendar_times(calendar, zones, &[TIMES]));
    Ok(longest_gap_of(&merged(times.collect::<Result<_>>()?, ITERATIONS)))
}

/// The times of a schedule after `start`, at most `count`, in local time of their time zones. Changes to and from
/// daylight saving time are not counted.
///
/// # Errors
/// When `systemd-analyze` cannot be started.
pub fn times_after(calendars: &Calendars, start: DateTime, count: usize) -> Result<Vec<DateTime>> {
    let iterations = format!("--iterations={count}");
    let start = format!("--base-time={}", start.strftime("%Y-%m-%d %H:%M:%S"));
    let times = calendars.expressions().iter();
    let times = times.map(|calendar| calendar_times(calendar, Zones::LeftOut, &[&iterations, &start]));
    let mut times = merged(times.collect::<Result<_>>()?, count);
    times.truncate(count);
    Ok(times)
}

/// How the time zones of calendar expressions are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zones {
    /// Each time is in UTC.
    Kept,
    /// Each time is in its own time zone. With a zone, systemd starts a process for each time. Without the zone, the
    /// gaps between the times of one zone are the same.
    LeftOut,
}

impl Zones {
    /// What the gaps of a schedule require: zones are kept only if they differ.
    fn of(calendars: &Calendars) -> Self {
        let zone = |calendar: &Calendar| calendar.zone().map(|(_, zone)| zone.to_owned());
        let mut zones = calendars.expressions().iter().map(zone);
        let first = zones.next();
        if zones.all(|zone| Some(zone) == first) {
            Self::LeftOut
        } else {
            Self::Kept
        }
    }
}

/// The times of several calendar expressions in order, each with at most `count` times. A list of `count` times may go
/// on, so times after its last one are dropped.
fn merged(lists: Vec<Vec<DateTime>>, count: usize) -> Vec<DateTime> {
    let unfinished = lists.iter().filter(|times| times.len() >= count);
    let known = unfinished.filter_map(|times| times.last()).min().copied();
    let mut times: Vec<DateTime> = lists.into_iter().flatten().collect();
    times.retain(|time| known.is_none_or(|known| *time <= known));
    times.sort();
    times.dedup();
    times
}

fn calendar_times(calendar: &Calendar, zones: Zones, options: &[&str]) -> Result<Vec<DateTime>> {
    let without_zone = calendar
        .zone()
        .filter(|_| zones == Zones::LeftOut)
        .map(|(without_zone, _)| without_zone);
    for expression in [without_zone, Some(calendar.as_str())].into_iter().flatten() {
        let arguments: Vec<&str> = ["calendar"]
            .iter()
            .chain(options)
            .chain([&expression])
            .copied()
            .collect();
        let output = analyze(&arguments)?;
        if output.status.success() {
            return Ok(times_of(&String::from_utf8_lossy(&output.stdout)));
        }
    }
    Ok(Vec::new())
}

fn times_of(report: &str) -> Vec<DateTime> {
    let time = |line: &str| {
        let (_, time) = line.split_once(": ")?;
        DateTime::strptime("%a %Y-%m-%d %H:%M:%S UTC", time).ok()
    };
    report.lines().filter_map(time).collect()
}

fn longest_gap_of(times: &[DateTime]) -> Option<SignedDuration> {
    let gap = |pair: &[DateTime]| Some(pair.last()?.duration_since(*pair.first()?));
    times.windows(2).filter_map(gap).max()
}

/// The number of unit files for one `systemd-analyze`: its start takes longer than the analysis of a file.
const AT_ONCE: usize = 200;

/// The exposure of each unit file of a directory in tenths, from 0 (no access) to 100 (full access), as computed by
/// `systemd-analyze security` (systemd-analyze(1)).
///
/// # Errors
/// When `systemd-analyze` cannot be started, or reports no exposure for one of these files.
pub(crate) fn exposures(directory: &Path, names: &[String]) -> Result<BTreeMap<String, u32>> {
    let directory = directory.to_str().context("the units' path is not UTF-8")?;
    let mut exposures = BTreeMap::new();
    for names in names.chunks(AT_ONCE) {
        let files: Vec<String> = names.iter().map(|name| format!("{directory}/{name}")).collect();
        let options = ["security", "--offline=true", "--no-pager"];
        let arguments: Vec<&str> = options
            .into_iter()
            .chain(files.iter().map(String::as_str))
            .collect();
        let output = analyze(&arguments)?;
        exposures.extend(exposures_of(&String::from_utf8_lossy(&output.stdout)));
        if let Some(name) = names.iter().find(|name| !exposures.contains_key(*name)) {
            bail!(
                "systemd-analyze reports no exposure for {name}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
    }
    Ok(exposures)
}

fn exposures_of(report: &str) -> Vec<(String, u32)> {
    let exposure = |line: &str| {
        let (_, rest) = line.split_once("Overall exposure level for ")?;
        let (name, level) = rest.rsplit_once(": ")?;
        let level = level.split_whitespace().next()?.replace('.', "");
        Some((name.to_owned(), level.parse().ok()?))
    };
    report.lines().filter_map(exposure).collect()
}

fn analyze(arguments: &[&str]) -> Result<Output> {
    Command::new("systemd-analyze")
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        // The times are parsed as UTC. Whether systemd accepts an expression does not depend on it.
        .env("TZ", "UTC")
        .output()
        .context("cannot start `systemd-analyze`, which comes with systemd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_own_exposure() {
        let report = "\u{2713} PrivateNetwork=\n\n\u{2192} Overall exposure level for a@.service: 0.9 SAFE :-)\nodd: 1\n\
                      \u{2192} Overall exposure level for b.service: 10.0 DANGEROUS\n";
        let expected = [("a@.service".to_owned(), 9), ("b.service".to_owned(), 100)];
        assert_eq!(exposures_of(report), expected);
    }

    #[test]
    fn the_longest_gap_is_between_the_times_that_systemd_names() {
        let times = "Normalized form: Mon..Fri *-*-* 22:30:00\n    Next elapse: Fri 2026-11-27 22:30:00 UTC\n       \
                     From now: 3 days left\n       Iter. #2: Mon 2026-11-30 22:30:00 UTC\n       From now: 6 days \
                     left\n   Iteration #3: Tue 2026-12-01 22:30:00 UTC\n";
        assert_eq!(
            longest_gap_of(&times_of(times)),
            Some(SignedDuration::from_hours(72))
        );
        assert_eq!(longest_gap_of(&times_of("    Next elapse: never\n")), None);
        assert_eq!(
            longest_gap_of(&times_of("    Next elapse: Fri 2026-11-27 22:30:00 UTC\n")),
            None
        );
    }
}

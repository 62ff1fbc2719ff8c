//! The texts that `adopt` prints before it changes anything.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};

use crate::cli::terminal;
use crate::model::Fleet;
use crate::repository::adopt::{Loss, Plan};
use crate::repository::restic::Snapshot;

/// The number of paths that are shown for a host.
const PATHS: usize = 3;

/// The snapshots that are adopted: one row for each host.
pub(super) fn adopted(plan: &Plan<'_>) -> String {
    let count = plan.adopted().count();
    let rows = plan.groups.iter().flat_map(|group| {
        let hosts: BTreeSet<&str> = group
            .adopted
            .iter()
            .map(|snapshot| snapshot.host.as_str())
            .collect();
        hosts.into_iter().map(|host| {
            let of_host: Vec<&Snapshot> = group
                .adopted
                .iter()
                .copied()
                .filter(|snapshot| snapshot.host == host)
                .collect();
            let name = if host == group.host {
                terminal::harmless(host)
            } else {
                format!("{} as {}", terminal::harmless(host), group.host)
            };
            let time = |snapshot: Option<&&Snapshot>| {
                snapshot.map_or_else(String::new, |snapshot| terminal::local(snapshot.time))
            };
            [
                name,
                of_host.len().to_string(),
                time(of_host.first()),
                time(of_host.last()),
                paths(&of_host),
            ]
        })
    });
    let table = table(["HOST", "SNAPSHOTS", "OLDEST", "NEWEST", "PATHS"], rows);
    format!("{} to adopt:\n\n{table}", terminal::counted(count, "snapshot"))
}

fn paths(snapshots: &[&Snapshot]) -> String {
    let paths: BTreeSet<&str> = snapshots
        .iter()
        .flat_map(|snapshot| snapshot.paths.iter().map(String::as_str))
        .collect();
    let more = if paths.len() > PATHS { ", …" } else { "" };
    let some: Vec<&str> = paths.into_iter().take(PATHS).collect();
    terminal::harmless(&some.join(", ")) + more
}

/// The snapshots that forget would then remove: one row for each snapshot.
pub(super) fn removed(losses: &[Loss<'_>]) -> Result<String> {
    let mut text = String::new();
    for Loss {
        host,
        count,
        keep,
        gone,
    } in losses
    {
        let all = terminal::counted(*count, "snapshot");
        let host = terminal::harmless(host);
        if gone.is_empty() {
            writeln!(text, "\nof the {all} that {host} then has, `{keep}` removes none")?;
            continue;
        }
        let rows = gone.iter().map(|snapshot| {
            let time = terminal::local(snapshot.time);
            let paths = terminal::harmless(&snapshot.paths.join(", "));
            [terminal::harmless(snapshot.short_id()), time, paths]
        });
        write!(
            text,
            "\nof the {all} that {host} then has, `{keep}` removes {}:\n\n{}",
            gone.len(),
            table(["ID", "TIME", "PATHS"], rows)
        )?;
    }
    Ok(text + "\n")
}

/// The notes that are shown before the confirmation.
pub(super) fn notes(plan: &Plan<'_>, all: &[Snapshot], fleet: &Fleet) -> Vec<String> {
    let is_of_the_fleet = |name: &str| fleet.host_names().any(|host| host.as_str() == name);
    let (inside, outside): (Vec<&str>, Vec<&str>) = plan
        .groups
        .iter()
        .map(|group| group.host.as_str())
        .partition(|host| is_of_the_fleet(host));
    let named = |hosts: &[&str]| terminal::harmless(&hosts.join(", "));
    let mut notes = Vec::new();
    if let Some(first) = inside.first() {
        notes.push(format!(
            "forget waits for a complete backup of each host whose newest snapshot is in no record of a run ({}); \
             `genbackup release {first}` ends the wait. After that backup, each rule may remove one more snapshot",
            named(&inside)
        ));
    }
    if let Some(first) = outside.first() {
        let first = terminal::harmless(first);
        notes.push(format!(
            "not in the fleet file: {}. The keep policy applies to each of them separately, after `genbackup release {first}`; \
             `--host {first}=HOST` turns the snapshots into snapshots of HOST",
            named(&outside)
        ));
    }
    notes.push("restic gives each snapshot that is adopted a new ID; its time and files stay".to_owned());
    notes.extend(about_rustic(all));
    notes
}

/// A warning about rustic, if rustic has written into the repository.
fn about_rustic(all: &[Snapshot]) -> Option<String> {
    let newest = all.iter().rfind(|snapshot| snapshot.is_by_rustic())?;
    let count = all.iter().filter(|snapshot| snapshot.is_by_rustic()).count();
    Some(format!(
        "{} made by rustic, the newest on {} on {}. rustic takes no lock: prune can delete data that a running rustic has \
         just written. Stop rustic first",
        match count {
            1 => "1 snapshot was".to_owned(),
            count => format!("{count} snapshots were"),
        },
        terminal::harmless(&newest.host),
        terminal::local(newest.time)
    ))
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(terminal::width().unwrap_or(u16::MAX))
        .set_header(header)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

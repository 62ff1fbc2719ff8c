//! `status` and `report` over the records of 100 hosts and 10 years.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use vmtests::process::command;
use vmtests::{cache, install};

use super::emit::fleet_of;
use super::measure::{Contestant, alternate};
use super::table::{Budget, Section};

const HOSTS: u32 = 100;
const NIGHTS: i32 = 3650;

/// Measures `status` and `report`.
///
/// # Errors
/// When genbackup refuses the records.
pub(crate) fn measure(rounds: usize) -> anyhow::Result<Section> {
    let directory = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(cache::target_directory())?;
    let path = |name: &str| directory.path().join(name);
    let (fleet, runs) = (path("fleet.toml"), path("runs"));
    fs::write(&fleet, fleet_of(HOSTS)?)?;
    fs::create_dir(&runs)?;
    write_records(&runs, Timestamp::now())?;
    let verb = |words: &'static [&'static str]| {
        let (fleet, runs) = (&fleet, &runs);
        Contestant::new(&format!("genbackup {}", words.join(" ")), move || {
            Ok(vec![seconds_of(words, fleet, runs)?])
        })
    };
    let contestants = [
        verb(&["status"]),
        verb(&["report"]),
        verb(&["report", "--since=3650d"]),
    ];
    alternate(1, &contestants)?;
    let phases = alternate(rounds, &contestants)?;
    let [status, report, whole] = phases.first().map(Vec::as_slice).unwrap_or_default() else {
        anyhow::bail!("three contestants");
    };

    let mut section = Section::new("100 hosts and 10 years of records");
    section.paragraph(&format!(
        "{NIGHTS} records of {HOSTS} hosts, the newest of today; in each, some host is out of reach or partial. `report` \
         draws the last year unless `--since` is given. The records are in the page cache."
    ));
    section.comparison("time", &[status.clone(), report.clone(), whole.clone()], status);
    section.budgets = vec![
        Budget::new("`status` over 100 hosts and 10 years", status.median(), 0.1, "s"),
        Budget::new("`report` over 100 hosts and 10 years", report.median(), 2.0, "s"),
    ];
    Ok(section)
}

fn seconds_of(words: &[&str], fleet: &Path, runs: &Path) -> anyhow::Result<f64> {
    let mut verb = command(&install::genbackup()?.to_string_lossy());
    verb.args(words).arg("--fleet").arg(fleet).arg("--runs").arg(runs);
    let started = Instant::now();
    let output = verb.output().with_context(|| words.join(" "))?;
    let time = started.elapsed().as_secs_f64();
    // `status` exits with the worst state: some hosts are not healthy.
    ensure!(
        output.status.code().is_some_and(|code| code <= 3) && !output.stdout.is_empty(),
        "`genbackup {}` failed: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(time)
}

/// A record for each night before `now`.
fn write_records(runs: &Path, now: Timestamp) -> anyhow::Result<()> {
    for night in 0..NIGHTS {
        let started = now - SignedDuration::from_hours(i64::from(night) * 24 + 2);
        let (run, record) = record(night, started)?;
        fs::write(runs.join(format!("{run}.jsonl")), record)?;
    }
    Ok(())
}

/// The name and the text of the record of one night.
fn record(night: i32, started: Timestamp) -> anyhow::Result<(String, String)> {
    let run = started.strftime("%Y%m%dT%H%M%SZ").to_string();
    let time = started.strftime("%Y-%m-%dT%H:%M:%SZ");
    let names = (1..HOSTS)
        .map(|number| format!("host{number}"))
        .collect::<Vec<_>>();
    let mut text = format!(
        "{{\"event\":\"run-started\",\"time\":\"{time}\",\"run\":\"{run}\",\"hosts\":[\"{}\"],\
         \"versions\":{{\"genbackup\":\"0.1.0\",\"systemd\":\"systemd 257\"}}}}\n",
        names.join("\",\"")
    );
    for (name, number) in names.iter().zip(night..) {
        let status = match number % 97 {
            13 => "unreachable",
            31 => "partial",
            _ => "ok",
        };
        writeln!(
            text,
            "{{\"event\":\"host-started\",\"time\":\"{time}\",\"host\":\"{name}\"}}"
        )?;
        if status != "unreachable" {
            writeln!(
                text,
                "{{\"event\":\"restic\",\"time\":\"{time}\",\"host\":\"{name}\",\"message\":{{\"message_type\":\"summary\",\
                 \"files_new\":11,\"files_changed\":2,\"files_unmodified\":1987,\"data_added\":{},\
                 \"total_files_processed\":2000,\"total_bytes_processed\":8192000,\"total_duration\":1.5,\
                 \"snapshot_id\":\"f7f497d30e9fd7abacc042e1f37d2f4fa38fb2705367dae2396abb8f049f49c8\"}}}}",
                3_000_000 + number
            )?;
        }
        writeln!(
            text,
            "{{\"event\":\"host-finished\",\"time\":\"{time}\",\"host\":\"{name}\",\"status\":\"{status}\",\"why\":null,\
             \"exit-code\":0,\"restic-version\":\"restic 0.18.0\",\"seconds\":2.5,\"missing\":[],\"missing-count\":0,\
             \"unreadable\":[],\"unreadable-count\":0}}"
        )?;
    }
    for phase in ["forget", "prune"] {
        writeln!(
            text,
            "{{\"event\":\"{phase}-started\",\"time\":\"{time}\"}}\n\
             {{\"event\":\"{phase}-finished\",\"time\":\"{time}\",\"status\":\"ok\",\"exit-code\":0,\"seconds\":1.7}}"
        )?;
    }
    writeln!(text, "{{\"event\":\"run-finished\",\"time\":\"{time}\"}}")?;
    Ok((run, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_one_object_a_line_and_named_by_its_start() {
        let (run, text) = record(0, "2026-11-23T04:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(run, "20261123T040000Z");
        let events: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!((of("host-finished"), of("run-finished")), (99, 1));
    }
}

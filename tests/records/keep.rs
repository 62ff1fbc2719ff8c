//! `keep::forget` predicts what the installed restic forgets, for random policies and random times.

#![expect(
    clippy::disallowed_methods,
    reason = "restic makes a repository, and lists what it would forget"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::model::{Keep, KeepPolicy, Limit, Period, ResticVersion};
use genbackup::repository::retention::{Oldest, Snapshot, forget};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::repository;

/// Each host has its own snapshots, and restic applies the policy to each host separately, so one call covers
/// many cases.
const HOSTS: usize = 6;
const PASSWORD: &str = "for this test";
const SNAPSHOTS_OF_A_HOST: usize = 10;
const POLICIES: usize = 16;
const AGES: [&str; 7] = ["1h", "36h", "5d", "1m3d", "1y", "2y6m4d5h", "20000d"];
/// Clocks on which a day, a week and a year begin at other moments.
const ZONES: [&str; 4] = ["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"];

/// How far apart the snapshots of a host are, in minutes: an hour, a day, a week, months, all of these.
const DISTANCES: [(i64, i64); HOSTS] = [
    (1, 90),
    (300, 2000),
    (2000, 15_000),
    (20_000, 90_000),
    (1, 600_000),
    (1440, 1440),
];

fn restic(repository: &Path) -> Command {
    let mut command = Command::new("restic");
    command
        .args(["--no-cache", "--quiet", "--repo"])
        .arg(repository)
        .env("RESTIC_PASSWORD", PASSWORD)
        .env_remove("RESTIC_HOST")
        .env_remove("RESTIC_PASSWORD_FILE");
    command
}

fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .context("cannot start restic; `cargo xtask setup` installs it")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

fn seed() -> Result<u64> {
    match std::env::var("GENBACKUP_SEED") {
        Ok(seed) => seed.parse().context("GENBACKUP_SEED is a number"),
        Err(_) => Ok(0),
    }
}

fn drawn<T: std::fmt::Debug>(runner: &mut TestRunner, of: impl Strategy<Value = T>) -> Result<T> {
    let tree = of.new_tree(runner);
    tree.map(|tree| tree.current())
        .map_err(|why| anyhow::anyhow!("{why}"))
}

/// A repository with the drawn snapshots, those of each host made by a separate thread.
fn repository(directory: &Path, runner: &mut TestRunner) -> Result<()> {
    repository::make(directory, PASSWORD)?;
    let file = directory.join("config");
    let mut hosts = Vec::new();
    for (host, (least, most)) in DISTANCES.into_iter().enumerate() {
        let start: DateTime = "2019-12-20T22:00".parse()?;
        let mut minutes = drawn(runner, 0..20_000_i64)?;
        let mut times = Vec::new();
        for _ in 0..SNAPSHOTS_OF_A_HOST {
            let zone = ZONES[drawn(runner, 0..ZONES.len())?];
            let time = start.checked_add(jiff::Span::new().try_minutes(minutes)?)?;
            times.push((time.in_tz("UTC")?.timestamp(), zone));
            minutes += drawn(runner, least..=most)?;
        }
        hosts.push((format!("host-{host}"), times));
    }
    std::thread::scope(|scope| {
        let backups: Vec<_> = hosts
            .iter()
            .map(|(host, times)| {
                let file = &file;
                scope.spawn(move || {
                    for (time, zone) in times {
                        let shown = time.in_tz(zone)?.strftime("%Y-%m-%d %H:%M:%S").to_string();
                        let backup = ["backup", "--host", host, "--time", &shown];
                        output_of(restic(directory).args(backup).arg(file).env("TZ", zone))?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        backups
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a panic"))?)
    })
}

fn policy(runner: &mut TestRunner) -> Result<String> {
    let mut rules = Vec::new();
    for period in Period::ALL.map(Period::name) {
        if drawn(runner, proptest::bool::ANY)? {
            let unlimited = drawn(runner, 0..8_u32)? == 0;
            rules.push(match drawn(runner, 0..9_u32)? {
                _ if unlimited => format!("unlimited {period}"),
                count => format!("{count} {period}"),
            });
        }
        if drawn(runner, 0..4_u32)? == 0 {
            let age = AGES[drawn(runner, 0..AGES.len())?];
            rules.push(match period {
                "last" => format!("within {age}"),
                _ => format!("within-{period} {age}"),
            });
        }
    }
    Ok(rules.join(", "))
}

/// The time of each snapshot and the rules that keep it, by host, the newest first.
type Judged = BTreeMap<String, Vec<(String, Vec<String>)>>;

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("no text")?.to_owned())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What restic would keep, and why.
fn judged_by_restic(repository: &Path, policy: &KeepPolicy, version: ResticVersion) -> Result<Judged> {
    let mut command = restic(repository);
    command.args(["forget", "--dry-run", "--json", "--group-by", "host"]);
    for rule in policy.rules() {
        command.args([rule.option(), rule.value(version)]);
    }
    // restic counts an age back in its own time zone, from the local time of the snapshot.
    command.env("TZ", "UTC");
    let answer = output_of(&mut command)?;
    // restic 0.14 prints a paragraph of text about what it would remove before the answer.
    let line = answer
        .lines()
        .find(|line| line.starts_with("[{"))
        .context("no answer")?;
    let groups: Value = serde_json::from_str(line)?;
    let mut judged = Judged::new();
    for group in list(&groups) {
        let mut snapshots = Vec::new();
        for (kept, reason) in list(&group["keep"]).iter().zip(list(&group["reasons"])) {
            ensure!(kept["time"] == reason["snapshot"]["time"], "{group}");
            let reasons = list(&reason["matches"]).iter().map(|why| {
                let why = text(why)?;
                let why = why.strip_prefix("oldest ").unwrap_or(&why);
                Ok(why.strip_suffix(" snapshot").unwrap_or(why).to_owned())
            });
            let mut reasons: Vec<String> = reasons.collect::<Result<_>>()?;
            reasons.sort();
            snapshots.push((text(&kept["time"])?, reasons));
        }
        for removed in list(&group["remove"]) {
            snapshots.push((text(&removed["time"])?, Vec::new()));
        }
        snapshots.sort_by_key(|(time, _)| std::cmp::Reverse(time.parse::<Timestamp>().ok()));
        judged.insert(text(&group["host"])?, snapshots);
    }
    Ok(judged)
}

/// restic's words for why a rule keeps a snapshot.
fn reason(rule: &Keep) -> String {
    let period = rule.period.name();
    match (rule.limit, rule.period) {
        (Limit::Within(age), Period::Last) => format!("within {age}"),
        (Limit::Within(age), _) => format!("{period} within {age}"),
        (Limit::Count(_) | Limit::Unlimited, _) => period.to_owned(),
    }
}

/// Our prediction for the same snapshots.
fn judged_by_us(theirs: &Judged, policy: &KeepPolicy, oldest: Oldest) -> Result<Judged> {
    let judge = |(host, snapshots): (&String, &Vec<(String, Vec<String>)>)| {
        let read = snapshots.iter().map(|(time, _)| {
            let shown = Pieces::parse(time)?;
            let shown = DateTime::from_parts(shown.date(), shown.time().context("no time")?);
            anyhow::Ok(Snapshot::new(time.parse()?, shown))
        });
        let keepers = forget(&read.collect::<Result<Vec<_>>>()?, policy, oldest);
        let times = snapshots.iter().map(|(time, _)| time.clone());
        let keepers = keepers
            .into_iter()
            .map(|keepers| keepers.iter().map(reason).collect::<BTreeSet<_>>())
            .map(|reasons| reasons.into_iter().collect());
        Ok((host.clone(), times.zip(keepers).collect()))
    };
    theirs.iter().map(judge).collect()
}

#[test]
fn forget_keeps_what_the_real_restic_keeps_for_the_same_reasons() -> Result<()> {
    let seed = seed()?;
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(seed.to_be_bytes())
        .for_each(|(to, from)| *to = from);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let version = output_of(Command::new("restic").arg("version"))?;
    let version = version.split(' ').nth(1).context("restic has no version")?;
    let version = ResticVersion::try_from(version.to_owned())?;
    let oldest = Oldest::of(version);

    let directory = tempfile::tempdir()?;
    repository(directory.path(), &mut runner)?;
    let (mut policies, mut forgotten) = (0, 0);
    while policies < POLICIES {
        let Ok(policy) = KeepPolicy::try_from(policy(&mut runner)?) else {
            continue;
        };
        let theirs = judged_by_restic(directory.path(), &policy, version)?;
        ensure!(theirs.len() == HOSTS, "{theirs:#?}");
        assert!(
            theirs
                .values()
                .all(|snapshots| snapshots.len() == SNAPSHOTS_OF_A_HOST),
            "{theirs:#?}"
        );
        let ours = judged_by_us(&theirs, &policy, oldest)?;
        assert_eq!(ours, theirs, "{:?} (GENBACKUP_SEED={seed})", policy.rules());
        let snapshots = ours.into_values().flatten();
        forgotten += snapshots.filter(|(_, keepers)| keepers.is_empty()).count();
        policies += 1;
    }
    ensure!(
        forgotten > POLICIES,
        "the policies forget next to nothing: {forgotten}"
    );
    Ok(())
}

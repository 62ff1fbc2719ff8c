//! Without this, the disk fills up within a year, or the one snapshot that is needed is gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::process::{command, output_of};

const NIGHTS: i64 = 400;
/// For this number of days back, each night has a snapshot; before that, each fourth night. restic derives
/// its key anew for each.
const EACH_NIGHT: i64 = 60;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::successful_run(lab)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    live_through_the_nights(lab, today)?;
    // A snapshot of somebody's own, older than any that the policy keeps.
    let by_hand = "backup --quiet --host ziz --time '2001-01-01 00:00:00' /etc/hostname";
    fleet::restic(lab, by_hand)?;
    let before = dates_of_ziz(lab)?;
    ensure!(before.len() > 140, "the nights are missing: {}", before.len());
    let size = "du --summarize --bytes ";
    let size_before = size_of(&lab.jak.succeeds(&format!("{size}{REPOSITORY}/data"))?)?;

    lab.jak
        .run_within("systemctl start genbackup-maintain.service", b"", RUN_LIMIT)?;
    let record = fleet::finished_record(lab)?;
    let forgotten = record.phase("forget")?;
    assert_eq!(forgotten["status"], "ok", "{forgotten}");

    let mut expected = kept_by_the_policy(&before);
    expected.insert(Date::new(2001, 1, 1)?);
    let after: BTreeSet<_> = dates_of_ziz(lab)?.into_iter().collect();
    assert_eq!(after, expected);
    assert_eq!(forgotten["removed"], before.len() - after.len());

    assert_eq!(record.phase("prune")?["status"], "ok");
    let size_after = size_of(&lab.jak.succeeds(&format!("{size}{REPOSITORY}/data"))?)?;
    // Each night had 8 KiB that no other night had.
    let gone = (before.len() - after.len()) as u64 * 8192;
    assert!(
        size_after + gone / 2 < size_before,
        "from {size_before} to {size_after}, with {gone} bytes to go"
    );
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}

/// A snapshot of each night that has one. restic takes an emulated machine seconds for each: so the nights are lived through on the machine that the tests run on, in a copy of the repository that goes back.
fn live_through_the_nights(lab: &Lab, today: Date) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (repository, data) = (directory.path().join("restic"), directory.path().join("data"));
    let password = directory.path().join("password");
    let archive = directory.path().join("restic.tar");
    let tar = |verb: &str, into: &Path| {
        output_of(
            command("tar")
                .arg(verb)
                .arg("--file")
                .arg(&archive)
                .arg("--directory")
                .arg(into)
                .arg("."),
        )
    };
    fs::create_dir_all(&repository)?;
    fs::create_dir_all(&data)?;
    write(&password, &lab.jak.read_file(PASSWORD_FILE)?)?;
    write(
        &archive,
        &lab.jak
            .run(&format!("tar --create --directory={REPOSITORY} ."))?
            .stdout,
    )?;
    tar("--extract", &repository)?;
    let nights = (1..=NIGHTS)
        .rev()
        .filter(|ago| *ago <= EACH_NIGHT || ago % 4 == 0);
    for ago in nights {
        // 8 KiB in which restic finds nothing twice and nothing to compress: multiples of an odd number, by which
        // splitmix64 steps.
        let numbers = (1..=1024_u64)
            .map(|line| ((ago.unsigned_abs() << 32) + line).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let diary: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        write(&data.join("diary"), &diary)?;
        let night = today.checked_sub(ago.days())?;
        output_of(
            command("restic")
                .env("TZ", "UTC")
                .args(["--no-cache", "--quiet", "--password-file"])
                .arg(&password)
                .arg("--repo")
                .arg(&repository)
                .args([
                    "backup",
                    // Without a parent: to find one it would read all snapshots, each night one more.
                    "--force",
                    "--host",
                    "ziz",
                    "--tag",
                    "genbackup",
                    "--time",
                    &format!("{night} 04:00:00"),
                ])
                .arg(&data),
        )?;
    }
    tar("--create", &repository)?;
    let unpack = format!(
        "tar --extract --owner=restic --group=restic --directory={REPOSITORY} && chown -R restic:restic {REPOSITORY}"
    );
    let bytes = fs::read(&archive)?;
    let output = lab.jak.run_within(&unpack, &bytes, Duration::from_secs(400))?;
    ensure!(
        output.status == 0,
        "the repository does not go back: {}",
        output.error_text()
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn size_of(du: &str) -> anyhow::Result<u64> {
    du.split_whitespace()
        .next()
        .context("du printed nothing")?
        .parse()
        .context("du printed no number")
}

/// The days of all snapshots of ziz, in UTC, the newest first.
fn dates_of_ziz(lab: &Lab) -> anyhow::Result<Vec<Date>> {
    let mut times = Vec::new();
    for snapshot in fleet::snapshots(lab)?
        .iter()
        .filter(|snapshot| snapshot["hostname"] == "ziz")
    {
        times.push(
            snapshot["time"]
                .as_str()
                .context("a snapshot without a time")?
                .parse::<Timestamp>()?,
        );
    }
    times.sort();
    Ok(times
        .into_iter()
        .rev()
        .map(|time| time.to_zoned(TimeZone::UTC).date())
        .collect())
}

/// 30 daily, 5 weekly, 12 monthly, 10 yearly, reckoned in another way than restic does: by looking, for each
/// period, at its last snapshot.
fn kept_by_the_policy(newest_first: &[Date]) -> BTreeSet<Date> {
    let ours: Vec<Date> = newest_first
        .iter()
        .copied()
        .filter(|date| date.year() > 2001)
        .collect();
    let mut kept = BTreeSet::new();
    let mut keep = |count: usize, period: &dyn Fn(Date) -> (i16, i16)| {
        let periods: BTreeSet<_> = ours.iter().map(|date| period(*date)).collect();
        for wanted in periods.iter().rev().take(count) {
            kept.extend(ours.iter().find(|date| period(**date) == *wanted));
        }
        // A rule that is not filled keeps the oldest as well (restic since 0.17).
        if periods.len() < count {
            kept.extend(ours.last());
        }
    };
    keep(30, &|date| (date.year(), date.day_of_year()));
    keep(5, &|date| {
        (
            date.iso_week_date().year(),
            i16::from(date.iso_week_date().week()),
        )
    });
    keep(12, &|date| (date.year(), i16::from(date.month())));
    keep(10, &|date| (date.year(), 0));
    kept
}

//! Without this, whoever comes with years of snapshots loses them to the keep policy, or cannot see them; and a repository
//! that is partly root's makes every backup fail.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use serde_json::Value;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY};
use vmtests::install::{fleet_file, put_command_onto};
use vmtests::lab::Lab;
use vmtests::process::{command, output_of};

const NIGHTS: i32 = 20;
/// The name that kai had, as its snapshots have it.
const FORMER: &str = "kai.old.lan";
/// One emulated restic takes 2 to 5 s; a change of 40 snapshots is two of them, a list of all is two more.
const LIMIT: Duration = Duration::from_secs(300);
const CHECK: &str = "files of the repository";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    lab.jak
        .write_file("/etc/genbackup/fleet.toml", fleet_file(lab)?.as_bytes(), 0o644)?;
    put_command_onto(&lab.jak)?;
    let directory = tempfile::tempdir()?;
    let letter = make_the_repository(lab, directory.path())?;

    doctor_names_files_of_root_and_its_command_fixes_them(lab)?;
    let before = snapshots(lab)?;
    assert_eq!(before.len(), 40);
    every_snapshot_is_marked_and_comes_back(lab, &letter)?;

    let record = fleet::successful_run(lab)?;
    assert_eq!(record.phase("forget")?["removed"], 0, "{record:?}");
    let with_the_run = snapshots(lab)?;
    ensure!(before.is_subset(&with_the_run), "{with_the_run:?}");

    let adopt = format!("genbackup adopt --host kai --host {FORMER}=kai");
    let shown = shown(&printed_by(lab, &format!("{adopt} --dry-run"))?);
    assert_eq!(snapshots(lab)?, with_the_run, "a dry run changes nothing");
    ensure!(
        shown.len() > 10,
        "`adopt --dry-run` shows what forget would remove: {shown:?}"
    );
    let printed = printed_by(lab, &format!("{adopt} --yes"))?;
    ensure!(printed.trim_end().ends_with("40 snapshots adopted"), "{printed}");
    assert_eq!(self::shown(&printed), shown);
    let adopted = snapshots(lab)?;
    assert_eq!(times(&adopted), times(&with_the_run));
    ensure!(adopted.iter().all(|(host, _)| host != FORMER), "{adopted:?}");

    // A complete backup of kai is the newest then, and the keep policy applies.
    fleet::successful_run(lab)?;
    let after = snapshots(lab)?;
    let old = times(&before);
    let removed: BTreeSet<String> = old.difference(&times(&after)).cloned().collect();
    assert_eq!(removed, shown);
    fleet::restic(lab, "check --quiet").map(drop)
}

/// Two hosts, 20 nights each, by restic 0.14 as root, without a tag. 40 starts of restic take an emulated machine three
/// minutes, so the machine that the tests run on makes the repository; its own restic is Debian 12's 0.14. What was backed
/// up, and what is in it.
fn make_the_repository(lab: &Lab, directory: &Path) -> anyhow::Result<(String, String)> {
    let (repository, data) = (directory.join("restic"), directory.join("data"));
    let password = directory.join("password");
    let write =
        |path: &Path, bytes: &[u8]| fs::write(path, bytes).with_context(|| path.display().to_string());
    fs::create_dir_all(&data)?;
    write(&password, &lab.jak.read_file(PASSWORD_FILE)?)?;
    let restic = |arguments: &[&str]| {
        output_of(
            command("restic")
                .env("TZ", "UTC")
                .args(["--no-cache", "--quiet", "--password-file"])
                .arg(&password)
                .arg("--repo")
                .arg(&repository)
                .args(arguments),
        )
    };
    restic(&["init"])?;
    let letter = data.join("letter");
    let letter_path = letter.to_str().context("a path that is no text")?;
    let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
    for ago in (1..=NIGHTS).rev() {
        write(&letter, format!("{ago} nights ago\n").as_bytes())?;
        let day = today.checked_sub(ago.days())?;
        for (host, hour) in [(FORMER, 4), ("kai", 16)] {
            let time = format!("{day} {hour:02}:00:00");
            // Without a parent: to find one, restic would read all snapshots.
            restic(&["backup", "--force", "--host", host, "--time", &time, letter_path])?;
        }
    }
    let archive = directory.join("restic.tar");
    output_of(
        command("tar")
            .args(["--create", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&repository)
            .arg("."),
    )?;
    // As years of `sudo restic` leave it: some of it is root's, and only root can read that.
    let unpack = format!(
        "set -e
         find {REPOSITORY} -mindepth 1 -delete
         tar --extract --directory={REPOSITORY}
         chown -R restic:restic {REPOSITORY}
         chown -R root:root {REPOSITORY}/data/[0-7]* {REPOSITORY}/snapshots/[0-3]* {REPOSITORY}/index"
    );
    let output = lab.jak.run_within(&unpack, &fs::read(&archive)?, LIMIT)?;
    ensure!(output.status == 0, "{}", output.error_text());
    let modes = fs::metadata(repository.join("config"))?.permissions().mode() & 0o777;
    assert_eq!(modes, 0o400, "restic writes files for their owner alone");
    Ok((letter_path.to_owned(), "1 nights ago\n".to_owned()))
}

fn printed_by(lab: &Lab, line: &str) -> anyhow::Result<String> {
    let output = lab.jak.run_within(line, b"", LIMIT)?;
    ensure!(
        output.status == 0,
        "{line}: {}\n{}",
        output.text(),
        output.error_text()
    );
    Ok(output.text())
}

fn finding(lab: &Lab) -> anyhow::Result<Value> {
    let output = lab.jak.run_within("genbackup doctor --json", b"", LIMIT)?;
    let all: Vec<Value> = serde_json::from_str(&output.text()).with_context(|| output.error_text())?;
    let mut of_the_check = all.into_iter().filter(|finding| finding["check"] == CHECK);
    of_the_check.next().context("doctor does not look at the files")
}

fn doctor_names_files_of_root_and_its_command_fixes_them(lab: &Lab) -> anyhow::Result<()> {
    let found = finding(lab)?;
    let what = found["what"].as_str().unwrap_or_default();
    ensure!(
        found["state"] == "failed"
            && what.contains("of other users than restic: ")
            && what.contains(" of user 0"),
        "{found}"
    );
    let hint = found["hint"].as_str().unwrap_or_default();
    let command = hint.split('`').nth(1).context("no command")?;
    assert_eq!(command, format!("chown -R restic:restic -- {REPOSITORY}"));
    lab.jak.succeeds(command)?;
    let found = finding(lab)?;
    ensure!(found["state"] == "ok", "{found}");
    Ok(())
}

fn every_snapshot_is_marked_and_comes_back(lab: &Lab, (path, text): &(String, String)) -> anyhow::Result<()> {
    let printed = printed_by(lab, "genbackup snapshots")?;
    let marked = printed
        .lines()
        .filter(|line| line.split_whitespace().any(|word| word == "*"));
    // Each has a line, and so has what the mark means.
    assert_eq!(marked.count(), 41, "{printed}");
    let printed = printed_by(lab, &format!("genbackup restore {FORMER} {path} --to /root/back"))?;
    ensure!(printed.contains("which no run of genbackup made"), "{printed}");
    assert_eq!(lab.jak.read_file(&format!("/root/back{path}"))?, text.as_bytes());
    Ok(())
}

/// Host and time, to the minute, of each snapshot: what an adoption leaves as it is, but for a host that is renamed.
fn snapshots(lab: &Lab) -> anyhow::Result<BTreeSet<(String, String)>> {
    fleet::snapshots(lab)?
        .iter()
        .map(|snapshot| {
            let word = |key: &str| snapshot[key].as_str().context("a snapshot lacks something");
            let time: Timestamp = word("time")?.parse()?;
            Ok((
                word("hostname")?.to_owned(),
                time.strftime("%Y-%m-%d %H:%M").to_string(),
            ))
        })
        .collect()
}

fn times(snapshots: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    snapshots.iter().map(|(_, time)| time.clone()).collect()
}

/// The times of the snapshots that forget would remove, as `adopt` lists them; the guest's clock shows UTC.
fn shown(printed: &str) -> BTreeSet<String> {
    let row = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [id, date, time, ..] if id.len() == 8 && date.len() == 10 => Some(format!("{date} {time}")),
        _ => None,
    };
    printed.lines().filter_map(row).collect()
}

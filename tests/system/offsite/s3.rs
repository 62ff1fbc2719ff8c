//! Copies to a store of objects.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::site::{PASSWORD, Site};
use super::store::Store;
use crate::command::run;
use crate::examples::block;

/// What a thief does with the credential: overwrites the config, and deletes all other files.
const HIDE_EVERYTHING: &str = "
s3.put_object(Bucket='locked', Key='restic/config', Body=b'ransom')
for listed in s3.list_objects_v2(Bucket='locked', Prefix='restic/')['Contents']:
    if listed['Key'] != 'restic/config':
        s3.delete_object(Bucket='locked', Key=listed['Key'])
";

/// A site whose copy is in this bucket.
fn site(store: &Store, bucket: &str, keys: &str) -> Result<Site> {
    Site::remote(&format!("cloud:{bucket}/restic"), &store.config(), keys)
}

#[test]
fn a_copy_in_a_bucket_is_valid_when_it_was_cut_off_and_gets_back_what_the_store_lost() -> Result<()> {
    let store = Store::start()?;
    let mut site = site(&store, "plain", "delete = \"at-once\"\nmax-loss = \"100%\"")?;
    site.back_up(100_000)?;
    // Each week, a copy also tries what a stolen credential could do.
    let printed = site.copied(&[])?;
    ensure!(printed.contains("tamper test: accepted: "), "{printed}");
    for number in 0..6 {
        site.back_up(100_000)?;
        if number % 3 == 2 {
            site.restic("repository", &["forget", "--keep-last", "2", "--prune"])?;
        }
        let mut copying = site.begin()?;
        // Some are cut off before they list, some between two parts, and some are done.
        std::thread::park_timeout(std::time::Duration::from_millis(number * 150));
        if copying.try_wait()?.is_none() {
            killpg(Pid::from_raw(i32::try_from(copying.id())?), Signal::SIGKILL)?;
        }
        copying.wait()?;
        site.copy_is_valid()?;
    }
    site.copied(&[])?;
    assert_eq!(site.snapshots("copy")?, site.snapshots("repository")?);

    let lost = store.object("plain", "data")?;
    store.ask(&format!("s3.delete_object(Bucket='plain', Key='{lost}')"))?;
    let printed = site.copied(&[])?;
    ensure!(printed.contains("1 file copied"), "{printed}");
    ensure!(!printed.contains("tamper test"), "{printed}");
    site.copy_is_valid()
}

#[test]
fn a_bucket_that_is_missing_is_named_and_not_made() -> Result<()> {
    let store = Store::start()?;
    let mut site = site(&store, "mistyped", "")?;
    site.back_up(10_000)?;
    let failed = site.copy(&[])?;
    ensure!(!failed.status.success(), "it succeeded");
    ensure!(
        failed.stderr.contains("NoSuchBucket") || failed.stderr.contains("directory not found"),
        "{}",
        failed.stderr
    );
    ensure!(
        failed.stderr.contains("hint: create it, or correct `remote`"),
        "{}",
        failed.stderr
    );
    let buckets = store.ask("print(sorted(b['Name'] for b in s3.list_buckets()['Buckets']))")?;
    assert_eq!(buckets, "['locked', 'plain', 'versions']");
    Ok(())
}

#[test]
fn what_a_stolen_credential_could_do_to_each_bucket_is_found_out() -> Result<()> {
    let store = Store::start()?;
    for (bucket, result) in [
        ("plain", "accepted"),
        // A key that may delete an object may delete its versions, too, unless something forbids it.
        ("versions", "accepted"),
        ("locked", "refused"),
    ] {
        let site = site(&store, bucket, "")?;
        let printed = site.copied(&["--tamper-test"])?;
        ensure!(
            printed.contains(&format!("tamper test: {result}: ")),
            "{bucket}: {printed}"
        );
        let record = site.record()?;
        ensure!(
            record.contains(&format!("\"tampering\":\"{result}\"")),
            "{bucket}: {record}"
        );
    }
    Ok(())
}

#[test]
fn a_locked_bucket_takes_a_prune_and_what_is_still_needed_stays_locked() -> Result<()> {
    let store = Store::start()?;
    let mut site = site(&store, "locked", "delete = \"at-once\"\nmax-loss = \"100%\"")?;
    for _ in 0..3 {
        site.back_up(50_000)?;
    }
    let printed = site.copied(&[])?;
    let pack = store.object("locked", "data")?;
    let until = |store: &Store| {
        store.ask(&format!(
            "print(s3.head_object(Bucket='locked', Key='{pack}')['ObjectLockRetainUntilDate'].isoformat())"
        ))
    };
    let first = until(&store)?;
    ensure!(
        printed.contains(&format!("now ends on {}", day(&first))),
        "{first}: {printed}"
    );
    // It is extended when a quarter of its time has passed, and not before.
    let printed = site.copied(&[])?;
    ensure!(!printed.contains("now ends on"), "{printed}");
    let memory = site.at("state/memory.json");
    let mut remembered: serde_json::Value = serde_json::from_str(&fs::read_to_string(&memory)?)?;
    remembered["extended"] = "2026-01-01T00:00:00Z".into();
    fs::write(&memory, remembered.to_string())?;
    let printed = site.copied(&[])?;
    let second = until(&store)?;
    ensure!(second > first, "{first} {second}");
    ensure!(
        printed.contains(&format!("now ends on {}", day(&second))),
        "{second}: {printed}"
    );

    site.restic("repository", &["forget", "--keep-last", "1", "--prune"])?;
    site.copied(&[])?;
    site.copy_is_valid()?;
    assert_eq!(site.snapshots("copy")?, site.snapshots("repository")?);
    // What left the copy is hidden, and still there.
    let hidden = store
        .ask("print(len(s3.list_object_versions(Bucket='locked', Prefix='restic/')['DeleteMarkers']))")?;
    ensure!(hidden.parse::<u32>()? > 2, "{hidden}");
    Ok(())
}

/// The day of a time.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

#[test]
fn hidden_files_come_back_as_the_chapter_describes() -> Result<()> {
    let store = Store::start()?;
    let mut site = site(&store, "locked", "")?;
    site.back_up(50_000)?;
    site.copied(&[])?;
    let before = site.files("repository")?;
    // Times of the store are whole seconds.
    let second = || std::thread::park_timeout(std::time::Duration::from_millis(1500));
    second();
    let time = Timestamp::now().strftime("%FT%TZ").to_string();
    second();
    store.ask(HIDE_EVERYTHING)?;
    ensure!(
        site.restic("copy", &["snapshots", "--no-lock"]).is_err(),
        "it is still there"
    );

    let command = "rclone --config /etc/genbackup/rclone.conf --s3-version-at \"2026-11-29T04:00:00Z\" copy \
                   cloud:backups/restic /srv/recovered";
    let block = block("offsite.md", command)?;
    let recovered = site.at("recovered");
    let commands = block
        .replace(
            "/etc/genbackup/rclone.conf",
            &site.at("credentials/rclone.conf").display().to_string(),
        )
        .replace("2026-11-29T04:00:00Z", &time)
        .replace("cloud:backups/restic", "cloud:locked/restic")
        .replace("/srv/recovered", &recovered.display().to_string());
    let outcome = run(Command::new("bash")
        .args(["-eu", "-c", &commands])
        .env_remove("AWS_CA_BUNDLE")
        .env("RESTIC_PASSWORD", PASSWORD))?;
    ensure!(outcome.status.success(), "{}{}", outcome.stdout, outcome.stderr);
    ensure!(
        outcome.stdout.contains("no errors were found"),
        "{}",
        outcome.stdout
    );
    assert_eq!(site.files("recovered")?, before);
    Ok(())
}

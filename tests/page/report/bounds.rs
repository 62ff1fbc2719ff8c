//! The page is bounded, however many hosts and nights there are, and whatever hosts send.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use crate::command::{genbackup, run};
use crate::night::Night;

const NOW: &str = "2026-11-23T12:00:00Z";
/// What the chapter on monitoring promises.
const MOST: usize = 5_000_000;

/// A fleet with this number of hosts.
fn fleet(directory: &Path, hosts: usize) -> Result<Vec<String>> {
    let mut fleet = "[schedule]\ncalendar = \"*-*-* 04:00:00\"\n[repository]\nhost = \"jak\"\npath = \"/srv/restic\"\n\
        password-file = \"/etc/genbackup/restic.txt\"\nkeep = \"30 daily\"\n[nfs]\nmount = \"/mnt/restic\"\n[ssh]\n\
        key-file = \"/etc/genbackup/ssh_ed25519\"\n\
        public-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\"\n\
        [monitor]\nwarn-after = \"25h\"\nalert-after = \"29h\"\n[hosts.jak]\ninclude = [\"/etc\"]\n"
        .to_owned();
    let mut names = vec!["jak".to_owned()];
    for number in 1..hosts {
        let name = format!("host-{number}");
        let mut key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        key.extend([0; 24]);
        key.extend(u64::try_from(number)?.to_be_bytes());
        let key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key);
        write!(
            fleet,
            "[hosts.{name}]\naddress = \"{name}.example.net\"\nhost-key = \"ssh-ed25519 {key}\"\ninclude = [\"/etc\"]\n"
        )?;
        names.push(name);
    }
    std::fs::write(directory.join("fleet.toml"), fleet)?;
    Ok(names)
}

fn page(directory: &TempDir) -> Result<String> {
    let output = run(genbackup()
        .arg("--fleet")
        .arg(directory.path().join("fleet.toml"))
        .args(["report", "--since", "10y", "--now", NOW, "--runs"])
        .arg(directory.path())
        .env("TZ", "UTC"))?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        output.stderr
    );
    Ok(output.stdout)
}

fn start(nights_ago: i32) -> Result<String> {
    let last: Timestamp = "2026-11-23T04:00:00Z".parse()?;
    Ok((last - SignedDuration::from_hours(24) * nights_ago).to_string())
}

#[test]
fn a_hundred_hosts_and_many_nights_fit_on_a_page() -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let hosts = fleet(directory.path(), 100)?;
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    // Twice as many nights as a chart of these has points, so that more of them would add nothing; and on each of them as
    // much to show as there can be.
    for night in 0..116 {
        let end = |host: usize| {
            let status = if (night + 1) % 3 == 0 && host > 0 {
                "failed"
            } else {
                "ok"
            };
            json!({"status": status, "seconds": 1000 + night, "restic-version": format!("restic 0.{night}.0")})
        };
        let record = Night::at(&start(night)?, &names);
        let record = names
            .iter()
            .enumerate()
            .fold(record, |record, (host, name)| record.host_that(name, end(host)));
        record.maintained().write(directory.path())?;
    }
    let page = page(&directory)?;
    assert!(page.len() < MOST, "{} bytes", page.len());
    let rows = page.matches("<tr><th scope=\"row\">").count();
    assert!((5000..=6000).contains(&rows), "{rows} rows");
    assert_eq!(page.matches("<svg role=\"img\"").count(), 3 * 101 + 2);
    // All of them are healthy, and fold.
    assert!(page.contains("<summary>100 healthy hosts</summary>"));
    Ok(())
}

#[test]
fn the_page_is_bounded_whatever_hosts_send() -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let hosts = fleet(directory.path(), 100)?;
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    // Each of them is longer than what is shown of it, and takes five times its place on a page.
    let odd = "'".repeat(400);
    for number in 0..116 {
        // The last night names what is missing, the others need not.
        let paths = vec![odd.as_str(); if number == 0 { 100 } else { 0 }];
        let end = json!({"status": if number % 2 == 0 { "partial" } else { odd.as_str() }, "why": odd, "missing": paths,
            "empty": paths, "unmounted": paths, "unreadable": paths, "restic-version": format!("restic {number}{odd}")});
        let night = Night::at(&start(number)?, &names);
        let night = names
            .iter()
            .fold(night, |night, name| night.host_that(name, end.clone()));
        let night = (0..100).fold(night, |night, _| night.warns(&odd));
        night.maintained().write(directory.path())?;
    }
    let page = page(&directory)?;
    assert!(page.len() < MOST, "{} bytes", page.len());
    Ok(())
}

//! Copies by the newest rclone. All other tests have that of this host, which is that of Debian.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::faults::Server;
use super::site::Site;
use super::store::{Store, python};
use crate::command::run;

const KEYS: &str = "delete = \"at-once\"\nmax-loss = \"100%\"";

/// The newest rclone for this site.
fn newest(site: Site) -> Result<Site> {
    let program = python()?.with_file_name("rclone");
    let printed = run(Command::new(&program).arg("version"))?.stdout;
    ensure!(
        !printed.starts_with("rclone v1.60"),
        "it is as old as that of Debian: {printed}"
    );
    let directory = program.parent().context("a program has a directory")?;
    Ok(site.with_rclone_in(directory.to_owned()))
}

/// Copies before and after a prune, and once more after the copy lost a file.
fn copies(mut site: Site, lose_a_pack: impl FnOnce() -> Result<()>) -> Result<()> {
    for _ in 0..3 {
        site.back_up(100_000)?;
        site.copied(&[])?;
    }
    site.restic("repository", &["forget", "--keep-last", "1", "--prune"])?;
    site.copied(&[])?;
    site.copy_is_valid()?;
    assert_eq!(site.snapshots("copy")?, site.snapshots("repository")?);
    lose_a_pack()?;
    let printed = site.copied(&[])?;
    ensure!(printed.contains("1 file copied"), "{printed}");
    site.copy_is_valid()
}

#[test]
fn the_newest_rclone_copies_to_a_locked_bucket() -> Result<()> {
    let store = Store::start()?;
    let site = Site::remote("cloud:locked/restic", &store.config(), KEYS)?;
    copies(newest(site)?, || {
        let pack = store.object("locked", "data")?;
        store
            .ask(&format!("s3.delete_object(Bucket='locked', Key='{pack}')"))
            .map(drop)
    })
}

#[test]
fn the_newest_rclone_copies_to_the_store_of_objects_that_it_serves() -> Result<()> {
    let directory = tempfile::tempdir_in("/srv")?;
    fs::create_dir(directory.path().join("bucket"))?;
    let program = python()?.with_file_name("rclone");
    // The server has to notice files that are removed from its directory.
    let words = [
        "serve",
        "s3",
        "--auth-key",
        "key,secret",
        "--dir-cache-time",
        "1ms",
    ];
    let server = Server::start_program(&program, &words, directory.path())?;
    let config = format!(
        "[cloud]\ntype = s3\nprovider = Rclone\naccess_key_id = key\nsecret_access_key = secret\n\
         endpoint = http://127.0.0.1:{}\n",
        server.port
    );
    let site = Site::remote("cloud:bucket/restic", &config, KEYS)?;
    copies(newest(site)?, || {
        let packs = directory.path().join("bucket/restic/data");
        let first = fs::read_dir(packs)?.next().context("there is a pack")??.path();
        fs::remove_dir_all(first).map_err(Into::into)
    })
}

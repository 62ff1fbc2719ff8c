//! Any bytes as the manifest: what others wrote stays.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use genbackup::apply::{Overwrite, Place, Transaction};
use genbackup::emit::{Access, Artifact};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sha2::{Digest, Sha256};

use super::manifest::MANIFEST;

/// The files of others: below the root, next to it, and elsewhere. `@` is the directory of the test.
const OTHERS: [&str; 5] = [
    "@/root/etc/passwd",
    "@/root/etc/genbackup/mine",
    "@/root/etc/systemd/system/mine.service",
    "@/outside",
    "@/etc/passwd",
];

/// Paths that a manifest may hold.
const PATHS: [&str; 16] = [
    "etc/passwd",
    "etc/genbackup/mine",
    "etc/systemd/system/mine.service",
    "etc/genbackup/ours",
    "../outside",
    "../etc/passwd",
    "etc/../../outside",
    "./../etc/passwd",
    "etc/genbackup/../../../etc/passwd",
    "@/outside",
    "@/etc/passwd",
    "@/root/etc/passwd",
    "",
    "/",
    ".",
    "etc/systemd/system",
];

/// Texts whose hashes a manifest may hold: that of the file that genbackup wrote, and those of files outside
/// the root. A manifest that lists a file below the root with its exact hash marks it as genbackup's.
/// genbackup has no other mark to compare.
const HASHED: [&str; 4] = ["ours", "@/outside", "@/etc/passwd", "nothing"];

fn hash(text: &str) -> String {
    let digits = Sha256::digest(text)
        .into_iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn any_manifest() -> impl Strategy<Value = Vec<u8>> {
    let entries = btree_map(
        select(&PATHS[..]),
        vec(select(&HASHED[..]).prop_map(hash), 0..4),
        0..6,
    );
    let written = entries.prop_map(|files| serde_json::json!({ "files": files }).to_string());
    let spoiled = (written.clone(), any::<Index>(), vec(any::<u8>(), 0..3)).prop_map(|(text, at, bytes)| {
        let at = at.index(text.len());
        let mut spoiled = text.into_bytes();
        spoiled.splice(at..=at, bytes);
        spoiled
    });
    let cut = (written.clone(), any::<Index>()).prop_map(|(text, at)| {
        let at = at.index(text.len());
        text.into_bytes()[..at].to_vec()
    });
    prop_oneof![
        vec(any::<u8>(), 0..64),
        written.prop_map(String::into_bytes),
        spoiled,
        cut,
        Just(Vec::new()),
    ]
}

/// With these bytes as the manifest, for a host that needs nothing any more: whose files are gone?
fn others_stay(manifest: &[u8]) -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let here = directory.path().to_str().context("no UTF-8")?;
    let place = Place::below(directory.path().join("root"));
    let ours = Artifact {
        path: "/etc/genbackup/ours".to_owned(),
        access: Access::Readable,
        content: "ours".to_owned(),
    };
    let write = |artifacts: &[Artifact]| {
        let mut transaction = Transaction::default();
        transaction.stage(&place, artifacts, Overwrite::Always)?;
        transaction.commit()
    };
    write(&[ours])?;
    for other in OTHERS {
        let path = PathBuf::from(other.replace('@', here));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(path, other)?;
    }
    let manifest: Vec<u8> = match std::str::from_utf8(manifest) {
        Ok(text) => text.replace('@', here).into_bytes(),
        Err(_) => manifest.to_vec(),
    };
    fs::write(place.root.join(MANIFEST), manifest)?;
    // Whether it is refused or done, only the remaining files count.
    drop(write(&[]));
    for other in OTHERS {
        let text =
            fs::read_to_string(other.replace('@', here)).with_context(|| format!("{other} is gone"))?;
        ensure!(text == other, "{other} was changed");
    }
    Ok(())
}

#[test]
fn no_manifest_makes_genbackup_delete_files_of_others() -> Result<()> {
    let config = Config {
        cases: 1000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&any_manifest(), |manifest| {
        others_stay(&manifest).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    })?;
    Ok(())
}

//! What comes back, and what it leaves behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use anyhow::Result;

use crate::{Storage, UID};

/// Each of them as a pattern would be something else.
const ODD: [&str; 9] = ["a*", "[ab]", "?", "back\\slash", "a**", "!a", "-a", "$HOME", " #"];

#[test]
fn a_path_is_taken_letter_by_letter() -> Result<()> {
    let storage = Storage::with_repository()?;
    for name in ODD.iter().chain(&["a", "ab", "b", "backslash", "x"]) {
        fs::write(storage.path("data").join(name), name)?;
    }
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let paths: Vec<String> = ODD.iter().map(|name| format!("/mnt/data/{name}")).collect();
    let mut words = vec!["restore", "ziz", "--to", "/mnt/back"];
    words.extend(paths.iter().map(String::as_str));
    storage.says(&words)?;
    let mut back: Vec<String> = fs::read_dir(storage.path("back/mnt/data"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    back.sort_unstable();
    let mut expected = ODD.to_vec();
    expected.sort_unstable();
    assert_eq!(back, expected);
    Ok(())
}

#[test]
fn owners_and_modes_come_back_and_the_repository_stays_its_users() -> Result<()> {
    let storage = Storage::with_repository()?;
    let program = storage.path("data/program");
    fs::write(&program, "x")?;
    chown(&program, Some(1000), Some(1001))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4750))?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let said = storage.says(&["restore", "ziz", "/mnt/data/", "--to", "back", "--verify"])?;
    assert!(said.ends_with("to /mnt/back\n"), "{said}");

    let back = fs::metadata(storage.path("back/mnt/data/program"))?;
    assert_eq!(
        (back.uid(), back.gid(), back.mode() & 0o7777),
        (1000, 1001, 0o4750)
    );
    let folder = fs::metadata(storage.path("back"))?;
    assert_eq!(
        (folder.uid(), folder.mode() & 0o7777),
        (0, 0o700),
        "for root alone"
    );
    assert_eq!(strangers(&storage.path("restic"))?, Vec::<String>::new());
    assert_eq!(fs::read_dir(storage.path("restic/locks"))?.count(), 0);
    Ok(())
}

/// What is below a folder and not user restic's.
fn strangers(folder: &std::path::Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.uid() != UID {
            found.push(entry.path().display().to_string());
        }
        if entry.file_type()?.is_dir() {
            found.extend(strangers(&entry.path())?);
        }
    }
    Ok(found)
}

#[test]
fn nothing_that_is_there_is_overwritten_unless_told_so() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/file"), "old")?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    fs::create_dir_all(storage.path("back/mnt/data"))?;
    fs::write(storage.path("back/mnt/data/file"), "what is there")?;
    let words = ["restore", "ziz", "/mnt/data/file", "--to", "/mnt/back"];
    let refused = storage.told(&words)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("there is something in /mnt/back"),
        "{refused:?}"
    );
    let there = || fs::read_to_string(storage.path("back/mnt/data/file"));
    assert_eq!(there()?, "what is there");

    let dry = storage.says(&[&words[..], &["--overwrite", "--dry-run"]].concat())?;
    assert!(
        dry.contains("1 of them over what is there; nothing was written"),
        "{dry}"
    );
    assert_eq!(there()?, "what is there");
    storage.says(&[&words[..], &["--overwrite"]].concat())?;
    assert_eq!(there()?, "old");

    let inside = storage.told(&["restore", "ziz", "/", "--to", "/mnt/restic/data", "--overwrite"])?;
    assert!(inside.stderr.contains("is in the repository"), "{inside:?}");
    Ok(())
}

#[test]
fn of_a_path_that_is_not_there_it_says_what_is_near_and_which_snapshots_have_it() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/letter"), "x")?;
    fs::write(storage.path("data/gone*"), "x")?;
    let old = storage.backup("ziz", "2026-11-18 04:00:00", "genbackup")?;
    fs::remove_file(storage.path("data/gone*"))?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let asked = |path: &str| storage.told(&["restore", "ziz", path, "--to", "/mnt/back"]);
    for (path, expected) in [
        (
            "/mnt/data/leter",
            "there is /mnt/data/letter; did you mean `/mnt/data/letter`?".to_owned(),
        ),
        ("/mnt/dat/letter", "did you mean `/mnt/data`?".to_owned()),
        (
            "/mnt/data/gone*",
            format!("{old} of ziz, 2026-11-18 04:00 have it: `--snapshot {old}`"),
        ),
    ] {
        let said = asked(path)?;
        assert_eq!(said.status.code(), Some(1), "{path}");
        assert!(said.stderr.contains(&expected), "{path}: {said:?}");
    }
    Ok(())
}

//! What comes back, and what it leaves behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use anyhow::Result;

use super::{Storage, UID};
use crate::command::run;

/// Each of them as a pattern would be something else.
const ODD: [&str; 9] = ["a*", "[ab]", "?", "back\\slash", "a**", "!a", "-a", "$HOME", " #"];

#[test]
fn a_path_is_taken_literally() -> Result<()> {
    let storage = Storage::with_repository()?;
    for name in ODD.iter().chain(&["a", "ab", "b", "backslash", "x"]) {
        fs::write(storage.path("data").join(name), name)?;
    }
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let paths: Vec<String> = ODD.iter().map(|name| format!("/mnt/data/{name}")).collect();
    let mut words = vec!["restore", "ziz", "--to", "/mnt/back"];
    words.extend(paths.iter().map(String::as_str));
    storage.prints(&words)?;
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
    let printed = storage.prints(&["restore", "ziz", "/mnt/data/", "--to", "back", "--verify"])?;
    assert!(printed.ends_with("to /mnt/back\n"), "{printed}");

    let back = fs::metadata(storage.path("back/mnt/data/program"))?;
    assert_eq!(
        (back.uid(), back.gid(), back.mode() & 0o7777),
        (1000, 1001, 0o4750)
    );
    let directory = fs::metadata(storage.path("back"))?;
    assert_eq!(
        (directory.uid(), directory.mode() & 0o7777),
        (0, 0o700),
        "for root only"
    );
    assert_eq!(strangers(&storage.path("restic"))?, Vec::<String>::new());
    assert_eq!(fs::read_dir(storage.path("restic/locks"))?.count(), 0);
    Ok(())
}

/// What is below a directory and not user restic's.
fn strangers(directory: &std::path::Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
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
fn existing_files_are_overwritten_only_with_the_option() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/file"), "old")?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    fs::create_dir_all(storage.path("back/mnt/data"))?;
    fs::write(storage.path("back/mnt/data/file"), "another text")?;
    let words = ["restore", "ziz", "/mnt/data/file", "--to", "/mnt/back"];
    let refused = storage.outcome(&words)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("error: /mnt/back is not empty"),
        "{refused:?}"
    );
    let there = || fs::read_to_string(storage.path("back/mnt/data/file"));
    assert_eq!(there()?, "another text");

    // Before 0.17, restic follows existing links.
    let is_new = storage.restic_is_at_least(17)?;
    for more in [&["--overwrite", "--dry-run"][..], &["--overwrite"]] {
        let outcome = storage.outcome(&[&words[..], more].concat())?;
        if !is_new {
            assert!(
                outcome
                    .stderr
                    .contains("error: `--overwrite` needs restic 0.17: restic 0.1"),
                "{outcome:?}"
            );
            assert_eq!(
                (outcome.status.code(), there()?.as_str()),
                (Some(1), "another text")
            );
        } else if more.len() == 2 {
            assert!(
                outcome
                    .stdout
                    .contains(", overwriting 1 file; nothing was written"),
                "{outcome:?}"
            );
            assert_eq!(there()?, "another text");
        } else {
            assert_eq!((outcome.status.code(), there()?.as_str()), (Some(0), "old"));
        }
    }
    Ok(())
}

#[test]
fn nothing_is_restored_into_the_repository_however_it_is_written() -> Result<()> {
    let storage = Storage::with_repository()?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    symlink("restic", storage.path("link"))?;
    symlink("/mnt/link", storage.path("chain"))?;
    let before = fs::read_dir(storage.path("restic"))?.count();
    for to in [
        "restic",
        "/mnt/restic/data",
        "/mnt/link",
        "/mnt/link/new",
        "/mnt/chain/new/one",
        "/mnt/../mnt/restic/new",
        // A directory that would be made on the way.
        "/mnt/foo/../restic/new",
    ] {
        let inside = storage.outcome(&["restore", "ziz", "/", "--to", to, "--overwrite"])?;
        assert_eq!(inside.status.code(), Some(1), "{to}: {inside:?}");
        assert!(
            inside.stderr.contains("/mnt/restic") && inside.stderr.contains(" is in the repository"),
            "{to}: {inside:?}"
        );
    }
    assert_eq!(fs::read_dir(storage.path("restic"))?.count(), before);
    assert!(!storage.path("foo").exists());
    // The repository's own path may be one with a link in it.
    fs::rename(storage.path("restic"), storage.path("moved"))?;
    symlink("moved", storage.path("restic"))?;
    let inside = storage.outcome(&["restore", "ziz", "/", "--to", "/mnt/moved/new"])?;
    assert!(inside.stderr.contains(" is in the repository"), "{inside:?}");
    Ok(())
}

#[test]
fn what_comes_back_is_for_root_alone_from_the_start() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/file"), "x")?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let mode = |name: &str| -> Result<u32> { Ok(fs::metadata(storage.path(name))?.mode() & 0o7777) };
    let words = ["restore", "ziz", "/", "--to", "/mnt/back"];
    fs::create_dir(storage.path("back"))?;
    fs::set_permissions(storage.path("back"), fs::Permissions::from_mode(0o755))?;

    // The owner of the directory could put a link in the way of the restored files.
    chown(storage.path("back"), Some(UID), Some(UID))?;
    for more in [&[][..], &["--dry-run"], &["--overwrite"]] {
        let refused = storage.outcome(&[&words[..], more].concat())?;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(
            refused
                .stderr
                .contains("error: /mnt/back belongs to user 12345: links in it could")
                && refused
                    .stderr
                    .contains("hint: name a new directory, or one that belongs to root"),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read_dir(storage.path("back"))?.count(), 0);

    chown(storage.path("back"), Some(0), Some(0))?;
    storage.prints(&[&words[..], &["--dry-run"]].concat())?;
    assert_eq!(mode("back")?, 0o755);
    storage.prints(&words)?;
    assert_eq!(mode("back")?, 0o700);

    // Others may need what is in it already: then its mode stays, and a note reports it.
    fs::set_permissions(storage.path("back"), fs::Permissions::from_mode(0o755))?;
    if !storage.restic_is_at_least(17)? {
        storage.stand_in(&format!(
            "[[ $1 != version ]] || {{ echo restic 0.18.0; exit; }}\n[[ \" $* \" != *\" restore \"* ]] || exit 0\nexec {} \"$@\"",
            "/usr/bin/restic"
        ))?;
    }
    let over = run(storage.with_stand_in().args(words).arg("--overwrite"))?;
    assert_eq!((over.status.code(), mode("back")?), (Some(0), 0o755));
    assert!(
        over.stderr.contains("note: others can read /mnt/back"),
        "{over:?}"
    );
    Ok(())
}

#[test]
fn a_missing_path_gets_similar_paths_and_snapshots_as_hints() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/letter"), "x")?;
    fs::write(storage.path("data/gone*"), "x")?;
    let old = storage.backup("ziz", "2026-11-18 04:00:00", "genbackup")?;
    fs::remove_file(storage.path("data/gone*"))?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    // Two of them, and one.
    fs::write(storage.path("data/seldom"), "x")?;
    let first = storage.backup("kai", "2026-11-18 04:00:00", "genbackup")?;
    let second = storage.backup("kai", "2026-11-19 04:00:00", "genbackup")?;
    fs::remove_file(storage.path("data/seldom"))?;
    storage.backup("kai", "2026-11-20 04:00:00", "genbackup")?;
    let two = storage.outcome(&["restore", "kai", "/mnt/data/seldom", "--to", "/mnt/back"])?;
    let expected = format!(
        "{second} of kai, 2026-11-19 04:00; {first} of kai, 2026-11-18 04:00 have it: `--snapshot {second}`"
    );
    assert!(two.stderr.contains(&expected), "{two:?}");
    let asked = |path: &str| storage.outcome(&["restore", "ziz", path, "--to", "/mnt/back"]);
    for (path, expected) in [
        (
            "/mnt/data/leter",
            "the snapshot has /mnt/data/letter; did you mean `/mnt/data/letter`?".to_owned(),
        ),
        ("/mnt/dat/letter", "did you mean `/mnt/data`?".to_owned()),
        (
            "/mnt/data/gone*",
            format!("{old} of ziz, 2026-11-18 04:00 has it: `--snapshot {old}`"),
        ),
    ] {
        let outcome = asked(path)?;
        assert_eq!(outcome.status.code(), Some(1), "{path}");
        assert!(outcome.stderr.contains(&expected), "{path}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn a_name_that_no_path_can_have_is_in_the_directory_above_it() -> Result<()> {
    let storage = Storage::new()?;
    let outcome = storage.outcome(&["restore", "ziz", "/srv/a\nb", "--to", "/mnt/back"])?;
    assert!(
        outcome.stderr.ends_with(
            "\"/srv/a\\nb\" contains a control character\n\nhint: restore the directory above it\n"
        ),
        "{outcome:?}"
    );
    Ok(())
}

//! A manifest that genbackup did not write: nothing is deleted, and a note reports it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::departed::without_ziz;
use crate::command::run;
use crate::emitted::{FLEET, Site, changed};

pub(crate) const MANIFEST: &str = "etc/genbackup/manifest.json";

/// A fault of a manifest: its text, made from the right one, and what genbackup reports of it.
type Fault = (fn(&str) -> String, &'static str);

const FAULTS: &[Fault] = &[
    (|_| String::new(), "EOF while parsing a value at line 1 column 0"),
    (|right| right[..right.len() / 2].to_owned(), "EOF while parsing"),
    (|_| "\0".to_owned(), "expected value at line 1"),
    (|right| format!("{right}{right}"), "trailing characters"),
    (|_| "[]".to_owned(), "invalid length 2"),
    (|_| "{}".to_owned(), "missing field `files`"),
    (
        |_| "{\"files\": []}".to_owned(),
        "expected paths, each with its hashes",
    ),
    (
        |_| "{\"files\": {\"a\": \"b\"}}".to_owned(),
        "expected a sequence",
    ),
    (|_| "{\"files\": {\"a\": [1]}}".to_owned(), "expected a string"),
    (
        |_| "{\"files\": {}, \"more\": 1}".to_owned(),
        "unknown field `more`",
    ),
    (
        |right| right.replacen("\"version\": 2", "\"version\": 3", 1),
        "a newer genbackup wrote it, in version 3 of its form",
    ),
    (
        |right| right.replacen("\"version\": 2", "\"version\": 3, \"more\": 1", 1),
        "a newer genbackup wrote it, in version 3 of its form",
    ),
    (
        |right| right.replacen("\"genbackup\": \"", "\"genbackup\": \"x", 1),
        "is not a version of genbackup",
    ),
    (
        |right| right.replace("\"etc/genbackup/include\"", "\"../../etc/passwd\""),
        "`../../etc/passwd` is not below the root",
    ),
    (
        |right| right.replace("\"etc/genbackup/include\"", "\"etc/../../passwd\""),
        "`etc/../../passwd` is not below the root",
    ),
    (
        |right| right.replace("\"etc/genbackup/include\"", "\"/etc/passwd\""),
        "`/etc/passwd` is not below the root",
    ),
    (
        |right| right.replace("\"etc/genbackup/include\"", "\"\""),
        "`` is not below the root",
    ),
    (
        |right| right.replace("\"etc/genbackup/include\"", "\"etc/genbackup/exclude\""),
        "`etc/genbackup/exclude` occurs twice",
    ),
];

/// `emit` refuses and names the reason. With `--force` it overwrites files, and still deletes nothing.
fn nothing_is_deleted(site: &Site, why: &str, emit: impl Fn(&str, &[&str]) -> Result<Command>) -> Result<()> {
    let before = site.tree()?;
    // Four files are no longer needed, one changes, and nobody knows any more whether they are ours.
    let fleet = changed("initialize = true\n", "")?;
    let note = format!(
        "note: cannot read `{}`, so nothing is deleted: ",
        site.path(MANIFEST).display()
    );
    let is_reported = |stderr: &str| {
        stderr.starts_with(&note)
            && stderr.contains(why)
            && stderr.contains("; restore it from a backup, or ")
    };
    for fleet in [FLEET, &fleet] {
        let refused = run(&mut emit(fleet, &["--host=jak"])?)?;
        ensure!(
            refused.status.code() == Some(1) && is_reported(&refused.stderr),
            "{why}: {}",
            refused.stderr
        );
        let foreign = format!(
            "error: modified locally, or not written by genbackup: `{}`",
            site.path(MANIFEST).display()
        );
        ensure!(refused.stderr.contains(&foreign), "{}", refused.stderr);
        ensure!(site.tree()? == before, "{why}");
    }
    let removed = run(&mut emit(FLEET, &["--remove"])?)?;
    ensure!(
        removed.status.code() == Some(1) && is_reported(&removed.stderr),
        "{why}: {}",
        removed.stderr
    );
    ensure!(site.tree()? == before, "{why}");

    let forced = run(&mut emit(&fleet, &["--host=jak", "--force"])?)?;
    ensure!(
        forced.status.success() && is_reported(&forced.stderr),
        "{why}: {}",
        forced.stderr
    );
    let after = site.tree()?;
    let gone: Vec<&PathBuf> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    ensure!(gone.is_empty(), "{why}: {gone:?}");
    // From here on there is a manifest again.
    site.emitted(&fleet, &["--host=jak"]).map(drop)
}

#[test]
fn with_a_manifest_that_is_not_as_we_write_it_nothing_is_deleted_or_overwritten() -> Result<()> {
    for (fault, why) in FAULTS {
        let site = Site::new()?;
        site.emitted(FLEET, &["--host=jak"])?;
        let right = fs::read_to_string(site.path(MANIFEST))?;
        let wrong = fault(&right);
        ensure!(wrong != right, "{why}: this changes nothing");
        fs::write(site.path(MANIFEST), wrong)?;
        nothing_is_deleted(&site, why, |fleet, arguments| site.command(fleet, arguments))?;
    }
    Ok(())
}

#[test]
fn a_manifest_that_is_a_link_is_not_followed() -> Result<()> {
    for leads_somewhere in [true, false] {
        let (site, elsewhere) = (Site::new()?, tempfile::NamedTempFile::new()?);
        site.emitted(FLEET, &["--host=jak"])?;
        if leads_somewhere {
            fs::copy(site.path(MANIFEST), elsewhere.path())?;
        }
        let text = fs::read(elsewhere.path())?;
        fs::remove_file(site.path(MANIFEST))?;
        symlink(elsewhere.path(), site.path(MANIFEST))?;
        nothing_is_deleted(&site, "it is a symbolic link", |fleet, arguments| {
            site.command(fleet, arguments)
        })?;
        assert!(!site.path(MANIFEST).is_symlink());
        assert_eq!(fs::read(elsewhere.path())?, text);
    }
    Ok(())
}

#[test]
fn a_manifest_that_we_may_not_read_is_not_taken_for_none() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    fs::set_permissions(site.path(MANIFEST), Permissions::from_mode(0o000))?;
    let without_privilege = |fleet: &str, arguments: &[&str]| {
        let emit = site.command(fleet, arguments)?;
        let mut command = Command::new("setpriv");
        // Root reads everything by these two capabilities alone.
        command
            .args([
                "--bounding-set=-dac_override,-dac_read_search",
                "--inh-caps=-dac_override,-dac_read_search",
                "--",
            ])
            .arg(emit.get_program())
            .args(emit.get_args());
        Ok(command)
    };
    nothing_is_deleted(&site, "Permission denied", without_privilege)
}

#[test]
fn a_directory_in_the_place_of_the_manifest_is_refused_even_with_force() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    fs::remove_file(site.path(MANIFEST))?;
    fs::create_dir(site.path(MANIFEST))?;
    fs::write(site.path(MANIFEST).join("mine"), "mine")?;
    let before = site.tree()?;
    for arguments in [&["--host=jak"][..], &["--host=jak", "--force"]] {
        assert_eq!(
            site.refused(&changed("initialize = true\n", "")?, arguments)?,
            format!(
                "error: `{}` is a directory, but must be a file\n\nhint: move the directory away\n",
                site.path(MANIFEST).display()
            )
        );
        assert_eq!(site.tree()?, before);
    }
    Ok(())
}

#[test]
fn the_tree_of_a_host_that_left_stays_when_its_manifest_cannot_be_read() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--all"])?;
    fs::write(site.path("ziz").join(MANIFEST), "{")?;
    let before = site.tree()?;
    let emit = site.emit(&without_ziz(), &["--all"])?;
    assert!(emit.status.success(), "{}", emit.stderr);
    let note = format!(
        "cannot read `{}`, so nothing is deleted: ",
        site.path("ziz").join(MANIFEST).display()
    );
    assert!(emit.stderr.contains(&note), "{}", emit.stderr);
    for (path, entry) in before.iter().filter(|(path, _)| path.starts_with("ziz")) {
        assert_eq!(site.tree()?.get(path), Some(entry), "{}", path.display());
    }
    Ok(())
}

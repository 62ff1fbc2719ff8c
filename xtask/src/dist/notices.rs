//! The licences of what is linked into the command. They ask for their text to come with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use spdx::{Expression, LicenseReq, ParseMode};

use super::crates::{Crate, Crates, Name};
use crate::project;

/// The name of the file.
pub(super) const FILE: &str = "third-party-notices.txt";
/// How the names of files with a licence begin.
const BEGINNINGS: [&str; 5] = ["licen", "copying", "notice", "copyright", "unlicense"];
/// Our own copy of the MIT licence, whose text is the same for everybody.
const MIT: &str = "LICENSE-MIT";
/// Where that text begins, after the names of the authors.
const BEGINNING_OF_MIT: &str = "Permission is hereby granted";
/// What is linked into the command and is no crate of Cargo.lock; musl is in the static binary alone.
const ADDITIONAL: [(&str, &str); 2] = [
    (
        "Rust's standard library",
        "Copyright (c) The Rust Project Contributors",
    ),
    ("musl", "Copyright (c) 2005-2020 Rich Felker, et al."),
];

/// The text of the file: each licence once, with the crates that have it.
///
/// # Errors
/// When the licence of a crate is not to be found.
pub(super) fn text(crates: &Crates) -> anyhow::Result<String> {
    let mit = project::read(MIT)?;
    let mit = mit.find(BEGINNING_OF_MIT).and_then(|begin| mit.get(begin..));
    let mit = mit.with_context(|| format!("{MIT} has no `{BEGINNING_OF_MIT}`"))?;
    let mut works: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |licence: String, work: String| {
        works.entry(licence).or_default().insert(work);
    };
    for (work, authors) in ADDITIONAL {
        add(format!("{authors}\n\n{mit}"), work.to_owned());
    }
    for (name, known) in crates.dependencies() {
        for licence in licences(name, known, mit)? {
            add(licence, format!("{} {}", name.0, name.1));
        }
    }
    let mut text =
        "The command `genbackup` contains the works of others. This file has the licence of each.\n"
            .to_owned();
    for (licence, works) in works {
        let works = works.into_iter().collect::<Vec<_>>().join(", ");
        write!(text, "\n{}\n{works}\n\n{}\n", "=".repeat(80), licence.trim_end())?;
    }
    Ok(text)
}

/// The licences of a crate: those in its directory, or the text of MIT with its authors.
fn licences(name: &Name, known: &Crate, mit: &str) -> anyhow::Result<Vec<String>> {
    let mut licences = in_directory(&known.directory)?;
    if licences.is_empty() {
        ensure!(
            allows_mit(&known.licence),
            "{} {} has no file with its licence, {}\n\nhint: bring the text into xtask/src/dist/notices.rs",
            name.0,
            name.1,
            known.licence
        );
        licences.push(format!("Copyright (c) {}\n\n{mit}", known.authors.join(", ")));
    }
    Ok(licences)
}

/// Whether the licence of MIT alone is enough.
fn allows_mit(licence: &str) -> bool {
    let is_mit = |requirement: &LicenseReq| requirement.license.id().is_some_and(|id| id.name == "MIT");
    Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|expression| expression.evaluate(is_mit))
}

/// The texts of a directory's files with licences.
fn in_directory(directory: &Path) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) && entry.path().is_file() {
            let bytes = fs::read(entry.path()).with_context(|| entry.path().display().to_string())?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(licence: &str, directory: &Path) -> Crate {
        Crate {
            licence: licence.to_owned(),
            authors: vec!["Kim".to_owned()],
            directory: directory.to_owned(),
            repository: None,
            checksum: None,
            needs: BTreeSet::new(),
        }
    }

    fn name() -> Name {
        ("a".to_owned(), "1.0.0".to_owned())
    }

    #[test]
    fn a_crate_has_the_licences_in_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("LICENSE-MIT", "mit"),
            ("NOTICE", "notice"),
            ("README.md", "read me"),
        ] {
            fs::write(directory.path().join(file), text).unwrap();
        }
        let mut found = licences(&name(), &known("Apache-2.0", directory.path()), "MIT").unwrap();
        found.sort();
        assert_eq!(found, ["mit", "notice"]);
    }

    #[test]
    fn a_crate_without_a_file_gets_the_text_of_mit() {
        let directory = tempfile::tempdir().unwrap();
        let found = licences(
            &name(),
            &known("Apache-2.0 OR MIT", directory.path()),
            "Permission",
        )
        .unwrap();
        assert_eq!(found, ["Copyright (c) Kim\n\nPermission"]);
    }

    #[test]
    fn a_crate_without_any_text_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for licence in ["MIT-0", "MIT AND BSD-3-Clause"] {
            let error = licences(&name(), &known(licence, directory.path()), "Permission").unwrap_err();
            assert!(error.to_string().starts_with("a 1.0.0 has no file"), "{error}");
        }
    }
}

//! Programs that show manual pages read ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::reference::tables;

use super::verbs::{is_hidden, printed, shown_verbs};
use crate::command::{genbackup, run};

/// The warnings that mandoc may print. The date is missing, so that two releases with the same text have the
/// same page. mandoc skips the empty line.
const HARMLESS: [&str; 2] = [
    "WARNING: cannot parse date",
    "WARNING: skipping paragraph macro: br ",
];

/// The page of the fleet file.
const FLEET_FILE: &str = "genbackup-fleet.toml.5";

/// The pages that `genbackup man --out` writes, by their names.
fn pages(directory: &Path) -> Result<BTreeMap<String, String>> {
    printed(&["man", "--out", &directory.display().to_string()])?;
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        pages.insert(name, std::fs::read_to_string(entry.path())?);
    }
    Ok(pages)
}

/// What mandoc has against a page.
fn complaints(page: &Path) -> Result<Vec<String>> {
    let read = run(Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .arg(page))?;
    let lines = read.stdout.lines().chain(read.stderr.lines());
    let harmful = lines.filter(|line| !HARMLESS.iter().any(|harmless| line.contains(harmless)));
    Ok(harmful.map(str::to_owned).collect())
}

/// A page as groff shows it, and what it has against it.
fn shown(page: &Path) -> Result<(String, String)> {
    let read = run(Command::new("groff")
        .args(["-ww", "-man", "-Tascii", "-P-cbou"])
        .arg(page))?;
    ensure!(read.status.success(), "{}", read.stderr);
    // It may miss an admin's own macros, which is no matter of ours.
    let page = page.display().to_string();
    let warnings = read.stderr.lines().filter(|line| line.contains(&page));
    Ok((read.stdout, warnings.collect::<Vec<_>>().join("\n")))
}

#[test]
fn there_is_a_page_for_the_command_and_one_for_each_verb_with_all_its_options() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut pages = pages(directory.path())?;
    let main = pages.remove("genbackup.1").context("no page of the command")?;
    assert_eq!(main, printed(&["man"])?);
    for (verb, options) in shown_verbs() {
        assert!(main.contains(&format!("genbackup\\-{verb}(1)")), "{verb}: {main}");
        let page = pages.remove(&format!("genbackup-{verb}.1"));
        let page = page.with_context(|| format!("no page of {verb}"))?;
        for option in options.iter().filter(|option| !is_hidden(&verb, option)) {
            let written = format!("\\fB{}\\fR", option.replace('-', "\\-"));
            assert!(page.contains(&written), "{verb} {option}: {page}");
        }
    }
    pages.remove(FLEET_FILE).context("no page of the fleet file")?;
    assert!(pages.is_empty(), "pages of nothing: {:?}", pages.keys());
    Ok(())
}

#[test]
fn the_page_of_the_fleet_file_has_every_key_and_its_example() -> Result<()> {
    let directory = tempfile::tempdir()?;
    pages(directory.path())?;
    let (text, _) = shown(&directory.path().join(FLEET_FILE))?;
    // groff fills lines, and breaks words at their ends.
    let squeezed = |text: &str| text.replace(['-', '`', ' ', '\n'], "");
    let all = squeezed(&text);
    for table in tables() {
        let heading = format!("\n[{}]\n", table.name);
        assert!(table.name.is_empty() || text.contains(&heading), "{heading}");
        for key in table.keys {
            let about = format!("{}{}Type:", key.short_name(), key.about);
            assert!(all.contains(&squeezed(&about)), "{}: {about}", key.name);
            let example = key.example_line().context("no example")?;
            let line = text.lines().find(|line| line.trim() == example);
            assert!(line.is_some(), "{}: {example}", key.name);
        }
    }
    for section in ["NAME", "DESCRIPTION", "FILES", "SEE ALSO"] {
        assert!(text.contains(&format!("\n{section}\n")), "{section}");
    }
    Ok(())
}

/// lintian asks for the first, and each terminal has ASCII.
#[test]
fn the_page_of_the_fleet_file_has_a_name_for_whatis() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let page = pages(directory.path())?.remove(FLEET_FILE).context("no page")?;
    assert!(page.is_ascii());
    let (_, name) = page.split_once("\n.SH NAME\n").context("no name")?;
    let begin = "genbackup\\-fleet.toml \\- the fleet file of genbackup\n.SH ";
    assert!(name.starts_with(begin), "{name}");
    Ok(())
}

#[test]
fn groff_and_mandoc_have_nothing_against_any_page() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for name in pages(directory.path())?.into_keys() {
        let page = directory.path().join(&name);
        assert_eq!(complaints(&page)?, [""; 0], "{name}");
        let (text, warnings) = shown(&page)?;
        assert_eq!(warnings, "", "{name}");
        // A missing part of a title moves the rest: the version must stand at the left end.
        let footer = text.trim_end().lines().last().unwrap_or_default();
        let version = concat!("genbackup ", env!("CARGO_PKG_VERSION"), " ");
        assert!(footer.starts_with(version), "{name}: {footer}");
    }
    let broken = directory.path().join("broken.1");
    std::fs::write(&broken, ".TH broken 1\n.SH NAME\n.nonsense\n")?;
    assert!(!complaints(&broken)?.is_empty() && !shown(&broken)?.1.is_empty());
    Ok(())
}

#[test]
fn existing_pages_are_replaced_and_an_impossible_place_is_named() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let page = directory.path().join("pages/genbackup.1");
    std::fs::create_dir(directory.path().join("pages"))?;
    std::fs::write(&page, "old")?;
    let there = pages(&directory.path().join("pages"))?;
    // One for the command, and one for the fleet file.
    assert_eq!(there.len(), shown_verbs().len() + 2, "{:?}", there.keys());
    assert_ne!(there["genbackup.1"], "old");

    let outcome = run(genbackup().args(["man", "--out"]).arg(page.join("below")))?;
    assert_eq!((outcome.status.code(), outcome.stdout.as_str()), (Some(1), ""));
    let begin = format!(
        "error: cannot create the directory `{}`: ",
        page.join("below").display()
    );
    assert!(outcome.stderr.starts_with(&begin), "{}", outcome.stderr);
    Ok(())
}

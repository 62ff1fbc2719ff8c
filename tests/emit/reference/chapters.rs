//! The chapters have everything that they describe.

use std::path::Path;

use anyhow::{Context, Result};
use genbackup::reference::{BOUNDS, kind, tables};

use super::chapters;
use crate::command::{genbackup, run};
use crate::command_line::verbs::shown_verbs;
use crate::stage::{Stage, file_name};

fn chapter(name: &str) -> Result<String> {
    chapters()?.remove(name).with_context(|| format!("no {name}"))
}

#[test]
fn the_reference_is_up_to_date() -> Result<()> {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/reference");
    let chapters = chapters()?;
    assert_eq!(chapters.len(), 3);
    let is_stale = |(name, text): &(String, String)| {
        std::fs::read_to_string(book.join(name)).ok().as_ref() != Some(text)
    };
    let stale = chapters.into_iter().filter(is_stale);
    let stale: Vec<String> = stale.map(|(name, _)| name).collect();
    assert!(
        stale.is_empty(),
        "`cargo xtask docs` writes them again in docs/src/reference: {stale:?}"
    );
    Ok(())
}

#[test]
fn the_chapter_of_the_fleet_file_has_every_key() -> Result<()> {
    let chapter = chapter("fleet-toml.md")?;
    for table in tables() {
        let heading = format!("\n## `[{}]`\n", table.name);
        assert!(table.name.is_empty() || chapter.contains(&heading), "{heading}");
        for key in table.keys {
            let heading = format!("\n### `{}`\n\n{}\n\n- Type: {}\n", key.name, key.about, key.kind);
            assert!(chapter.contains(&heading), "{heading}");
        }
    }
    Ok(())
}

#[test]
fn each_link_of_the_table_of_contents_leads_to_a_heading() -> Result<()> {
    let chapter = chapter("fleet-toml.md")?;
    let headings = chapter.lines().filter_map(|line| line.strip_prefix("## "));
    // As mdBook does it: letters, digits, `-` and `_`, in lower case, and `-` for a space.
    let place = |heading: &str| {
        let title = heading.to_lowercase().replace(' ', "-");
        title
            .chars()
            .filter(|character| character.is_alphanumeric() || "-_".contains(*character))
            .collect::<String>()
    };
    let places: Vec<String> = headings.map(place).collect();
    let links = chapter.split("](#").skip(1);
    let links: Vec<&str> = links.filter_map(|rest| rest.split(')').next()).collect();
    assert_eq!(links.len(), tables().len() - 1);
    for link in links {
        assert!(places.iter().any(|place| place == link), "{link}: {places:?}");
    }
    Ok(())
}

#[test]
fn each_verb_stands_with_the_help_that_it_prints() -> Result<()> {
    let chapter = chapter("verbs.md")?;
    for verb in shown_verbs().keys() {
        let outcome = run(genbackup().args([verb.as_str(), "--help"]).env("COLUMNS", "80"))?;
        let lines: Vec<&str> = outcome.stdout.trim_end().lines().map(str::trim_end).collect();
        let block = format!("\n```text\n{}\n```\n", lines.join("\n"));
        let (_, section) = chapter
            .split_once(&format!("\n## `genbackup {verb}`\n"))
            .with_context(|| format!("no {verb}"))?;
        let section = section.split("\n## ").next().unwrap_or_default();
        assert!(section.contains(&block), "{verb}: {block}\n{section}");
    }
    assert!(!chapter.contains("## `genbackup maintain`"), "it is hidden");
    Ok(())
}

#[test]
fn each_emitted_unit_stands_in_the_chapter() -> Result<()> {
    let chapter = chapter("units.md")?;
    for host in Stage::shared()?.hosts() {
        for unit in host.units()? {
            let kind = kind(file_name(&unit));
            let is_described = if kind.ends_with(".service") {
                chapter.contains(&format!("\n### `{kind}`\n"))
            } else {
                chapter.contains(&format!("\n| `{kind}` |"))
            };
            assert!(is_described, "{kind} of {}", host.name);
        }
    }
    Ok(())
}

/// The section of the chapter about a service.
fn facts<'c>(chapter: &'c str, unit: &str) -> Result<&'c str> {
    let (_, section) = chapter
        .split_once(&format!("\n### `{unit}`\n"))
        .with_context(|| format!("no {unit}"))?;
    Ok(section.split("\n#").next().unwrap_or_default())
}

#[test]
fn each_service_stands_with_the_bound_of_its_exposure() -> Result<()> {
    let chapter = chapter("units.md")?;
    for (unit, tenths) in BOUNDS {
        let facts = facts(&chapter, unit)?;
        let exposure = format!("- Exposure: at most {}.{}\n", tenths / 10, tenths % 10);
        assert!(format!("{facts}\n").contains(&exposure), "{unit}: {facts}");
    }
    Ok(())
}

/// Services, and lines that the chapter has about each.
const RIGHTS: [(&str, &[&str]); 5] = [
    (
        "genbackup-backup@.service",
        &[
            "- Host: the storage host and clients",
            "- Runs as: `restic`",
            "- Capabilities: `CAP_DAC_READ_SEARCH`; or `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`",
            "- Network: none",
            "- May write: `/var/cache/genbackup`, the repository (`repository.path`); or `/var/cache/genbackup`, the mounted \
             repository (`nfs.mount`)",
            "- Secrets: the password of the repository, which comes with each request",
        ],
    ),
    (
        "genbackup-before-HOOK.service",
        &[
            "- Runs as: `user` of the hook; the script that stores the result as `root`",
            "- Capabilities: none",
            "- Network: none, apart from sockets in the file system; or services of the same host",
            "- May write: `/run/genbackup/before`; or `/run/genbackup/before`, `writes` of the hook",
            "- Secrets: none",
        ],
    ),
    (
        "genbackup-watch.service",
        &[
            "- Host: the storage host",
            "- Network: any",
            "- May write: `/var/lib/genbackup-watch`",
            "- Secrets: the addresses of notifications (`notify.NAME.address-file`)",
        ],
    ),
    (
        "genbackup-directory.service",
        &[
            "- Runs as: `root`",
            "- Capabilities: `CAP_CHOWN`, `CAP_FOWNER`, `CAP_DAC_OVERRIDE`",
            "- May write: the file system of the repository (`repository.file-system`)",
        ],
    ),
    (
        "genbackup-restore-PID.service",
        &["- Network: none", "- Exposure: at most 1.9"],
    ),
];

#[test]
fn rights_of_services_are_those_in_their_units() -> Result<()> {
    let chapter = chapter("units.md")?;
    for (unit, lines) in RIGHTS {
        let facts = facts(&chapter, unit)?;
        for line in lines {
            assert!(facts.lines().any(|fact| fact == *line), "{unit}: {line}\n{facts}");
        }
    }
    Ok(())
}

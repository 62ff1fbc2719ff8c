//! The version where people read it: the names of published files in the documentation, and the versions that get fixes.

use std::ops::Range;

use super::Disagreement;
use super::version::{Version, with_lines};
use crate::project;

/// What stands before the version in the names of published files.
const NAMES: [&str; 2] = ["genbackup_", "genbackup-"];
/// It lists what changed in each version, also in older ones.
const CHANGELOG: &str = "CHANGELOG.md";
/// It has a table of the versions that get fixes.
const SECURITY: &str = "SECURITY.md";

/// Whether the documentation names files of the version, and SECURITY.md the version.
pub(super) fn check(version: Version) -> anyhow::Result<Vec<Disagreement>> {
    let mut found = Vec::new();
    for path in documents()? {
        let text = project::read(&path)?;
        for (line, mentioned) in others_in(&text, version) {
            found.push(Disagreement::to_write(
                version,
                format!("{path}, line {line}: a file of version {mentioned}"),
            ));
        }
    }
    let row = row(version);
    if !project::read(SECURITY)?.lines().any(|line| line == row) {
        found.push(Disagreement::to_write(
            version,
            format!("{SECURITY} has no row `{row}`"),
        ));
    }
    Ok(found)
}

/// Writes the version into them.
pub(super) fn write(version: Version) -> anyhow::Result<()> {
    for path in documents()? {
        let text = project::read(&path)?;
        let changed = with_version(&text, version);
        if changed != text {
            project::write(&path, &changed)?;
        }
    }
    let security = with_lines(&project::read(SECURITY)?, |line| {
        is_row(line).then(|| row(version))
    });
    project::write(SECURITY, &security)
}

fn documents() -> anyhow::Result<Vec<String>> {
    let mut paths = project::files(&["*.md"])?;
    paths.retain(|path| path != CHANGELOG);
    Ok(paths)
}

/// The row of the newest version.
fn row(version: Version) -> String {
    format!("| {}.{} | yes |", version.major, version.minor)
}

fn is_row(line: &str) -> bool {
    line.strip_prefix("| ")
        .and_then(|line| line.strip_suffix(" | yes |"))
        .is_some_and(|version| format!("{version}.0").parse::<Version>().is_ok())
}

/// Where a text has versions in the names of published files.
fn mentions(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for name in NAMES {
        for (start, _) in text.match_indices(name) {
            let start = start + name.len();
            let rest = text.get(start..).unwrap_or_default();
            let is_of_version = |character: char| character.is_ascii_digit() || character == '.';
            let end = rest.find(|character: char| !is_of_version(character));
            let version = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let version = version.trim_end_matches('.');
            if version.parse::<Version>().is_ok() {
                found.push(start..start + version.len());
            }
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// The numbers of the lines that name another version, and that version.
fn others_in(text: &str, version: Version) -> Vec<(usize, &str)> {
    let others = mentions(text).into_iter().filter_map(|range| {
        let line = text.get(..range.start)?.matches('\n').count() + 1;
        Some((line, text.get(range)?))
    });
    others
        .filter(|(_, mentioned)| *mentioned != version.to_string())
        .collect()
}

/// The text with the version in each name of a published file.
fn with_version(text: &str, version: Version) -> String {
    let mut written = String::new();
    let mut rest = 0;
    for Range { start, end } in mentions(text) {
        written += text.get(rest..start).unwrap_or_default();
        written += &version.to_string();
        rest = end;
    }
    written + text.get(rest..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# apt install ./genbackup_0.1.0-1_amd64.deb\n\
                        scp genbackup-0.2.0-x86_64-unknown-linux-musl jak:\n\
                        See genbackup-sshd.socket, genbackup_0.1 and genbackup-0.1.0.\n";

    fn version() -> Version {
        "0.2.0".parse().unwrap()
    }

    #[test]
    fn a_file_of_another_version_is_named_with_its_line() {
        assert_eq!(others_in(TEXT, version()), [(1, "0.1.0"), (3, "0.1.0")]);
    }

    #[test]
    fn names_of_files_get_the_version_and_nothing_else_changes() {
        let written = with_version(TEXT, version());
        assert_eq!(written, TEXT.replace("0.1.0", "0.2.0"));
        assert!(others_in(&written, version()).is_empty(), "{written}");
    }

    #[test]
    fn only_the_row_of_a_version_is_one() {
        assert!(is_row("| 0.2 | yes |"));
        for line in [
            "| older | no: upgrade |",
            "| version | fixes |",
            "| x | yes |",
            "0.2",
        ] {
            assert!(!is_row(line), "{line}");
        }
    }
}

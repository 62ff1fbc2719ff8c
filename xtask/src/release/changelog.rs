//! The changelogs of the project and of the Debian package.

use anyhow::Context;
use jiff::civil::Date;
use jiff::fmt::rfc2822;

use super::version::{Version, with_lines};
use super::{Disagreement, today};
use crate::project;

const OF_PROJECT: &str = "CHANGELOG.md";
const OF_PACKAGE: &str = "packaging/debian/changelog";
/// What stands in the place of a date until then.
const UNRELEASED: &str = "unreleased";

/// Whether both have an entry of the version, of one day that is not to come.
pub(super) fn check(version: Version) -> anyhow::Result<Vec<Disagreement>> {
    let of_project = project::read(OF_PROJECT)?;
    let mut found = in_project(&of_project, version, today());
    let date = section(&of_project).and_then(|(_, date)| date.parse().ok());
    found.extend(in_package(&project::read(OF_PACKAGE)?, version, date));
    Ok(found)
}

/// Writes the date into both; one that the changelog of the project has already stays.
pub(super) fn write(version: Version, date: Date) -> anyhow::Result<()> {
    let heading = format!("## {version} - {UNRELEASED}");
    let text = project::read(OF_PROJECT)?;
    let text = with_lines(&text, |line| {
        (line == heading).then(|| format!("## {version} - {date}"))
    });
    project::write(OF_PROJECT, &text)?;
    let date = section(&text)
        .and_then(|(_, date)| date.parse().ok())
        .unwrap_or(date);
    let control = project::read("packaging/debian/control")?;
    let maintainer = control.lines().find_map(|line| line.strip_prefix("Maintainer: "));
    let maintainer = maintainer.context("packaging/debian/control has no Maintainer")?;
    let text = package_with(&project::read(OF_PACKAGE)?, version, date, maintainer);
    project::write(OF_PACKAGE, &text)
}

/// The newest section of the changelog of the project: its version and its date, as they are written.
fn section(text: &str) -> Option<(&str, &str)> {
    text.lines()
        .find_map(|line| line.strip_prefix("## "))?
        .split_once(" - ")
}

fn in_project(text: &str, version: Version, today: Date) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let mut disagree = |what: &str, hint: &str| {
        found.push(Disagreement {
            what: format!("{OF_PROJECT}: {what}"),
            hint: hint.to_owned(),
        });
    };
    match section(text) {
        Some((newest, date)) if newest == version.to_string() => match date.parse::<Date>() {
            Ok(date) if date > today => {
                disagree(&format!("{date} is in the future"), "write the date of today");
            }
            Ok(_) => {}
            Err(_) => disagree(
                &format!("{version} has no date, but `{date}`"),
                &format!("cargo xtask release {version} --write"),
            ),
        },
        newest => {
            let newest = newest.map_or("none", |(newest, _)| newest);
            disagree(
                &format!("the newest section is of {newest}, not of {version}"),
                &format!("describe the changes below `## {version} - {UNRELEASED}`"),
            );
        }
    }
    let mut sections = text.split("\n## ").skip(1);
    let entries = sections.next().unwrap_or_default();
    if !entries.lines().any(|line| line.starts_with("- ")) {
        disagree("the newest section has no entry", "describe what a user notices");
    }
    if sections.any(|older| {
        older
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(UNRELEASED))
    }) {
        disagree(
            "an older section is unreleased",
            "give it its date, or join it with the newest",
        );
    }
    found
}

fn in_package(text: &str, version: Version, date: Option<Date>) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let mut disagree = |what: String| {
        found.push(Disagreement::to_write(version, format!("{OF_PACKAGE}: {what}")));
    };
    let newest = text.lines().next().unwrap_or_default();
    if !newest.starts_with(&format!("genbackup ({version}-1) unstable;")) {
        disagree(format!("the newest entry is `{newest}`"));
    }
    let signed = text.lines().find_map(|line| line.strip_prefix(" -- "));
    let signed = signed.and_then(|signed| signed.split_once(">  "));
    let signed = signed.and_then(|(_, time)| Some(rfc2822::parse(time).ok()?.date()));
    if let (Some(date), true) = (date, signed != date) {
        let signed = signed.map_or_else(
            || "nothing that is a date".to_owned(),
            |signed| signed.to_string(),
        );
        disagree(format!(
            "the newest entry is of {signed}, and {OF_PROJECT} has {date}"
        ));
    }
    found
}

/// The changelog of the package with an entry of a version, in the place of the one that it may have.
fn package_with(text: &str, version: Version, date: Date, maintainer: &str) -> String {
    let is_new = !text.starts_with(&format!("genbackup ({version}-1) "));
    let mut entries = text.split("\ngenbackup (");
    let first = entries.next().filter(|first| is_new && !first.is_empty());
    let older = first
        .map(str::to_owned)
        .into_iter()
        .chain(entries.map(|entry| format!("genbackup ({entry}")));
    let entry = format!(
        "genbackup ({version}-1) unstable; urgency=medium\n\n  \
         * New version. /usr/share/doc/genbackup/changelog.gz lists the changes.\n\n \
         -- {maintainer}  {}\n",
        date.strftime("%a, %d %b %Y 12:00:00 +0000")
    );
    std::iter::once(entry).chain(older).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINTAINER: &str = "Kim <kim@example.net>";

    fn version() -> Version {
        "0.2.0".parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn of_project(text: &str) -> Vec<String> {
        let found = in_project(text, version(), date("2026-11-30"));
        found.into_iter().map(|disagreement| disagreement.what).collect()
    }

    #[test]
    fn a_section_with_a_date_and_an_entry_agrees() {
        let text = "# Changelog\n\n## 0.2.0 - 2026-11-30\n\n### Added\n\n- All.\n\n## 0.1.0 - 2026-11-01\n\n- Some.\n";
        assert_eq!(of_project(text), [""; 0]);
    }

    #[test]
    fn each_error_of_the_changelog_is_named() {
        let text = "# Changelog\n\n## 0.2.0 - unreleased\n\n## 0.1.0 - unreleased\n\n- Some.\n";
        assert_eq!(
            of_project(text),
            [
                "CHANGELOG.md: 0.2.0 has no date, but `unreleased`",
                "CHANGELOG.md: the newest section has no entry",
                "CHANGELOG.md: an older section is unreleased",
            ]
        );
        let later = "# Changelog\n\n## 0.2.0 - 2026-12-01\n\n- All.\n";
        assert_eq!(of_project(later), ["CHANGELOG.md: 2026-12-01 is in the future"]);
        let other = "# Changelog\n\n## 0.3.0 - 2026-11-30\n\n- All.\n";
        assert_eq!(
            of_project(other),
            ["CHANGELOG.md: the newest section is of 0.3.0, not of 0.2.0"]
        );
    }

    #[test]
    fn what_is_written_for_the_package_agrees() {
        let day = date("2026-11-30");
        let unreleased = "genbackup (0.2.0-1) UNRELEASED; urgency=medium\n\n  * New.\n\n -- A <a@b.c>  Sun, 29 Nov 2026 12:00:00 +0000\n";
        assert_eq!(in_package(unreleased, version(), Some(day)).len(), 2);
        let written = package_with(unreleased, version(), day, MAINTAINER);
        let found = in_package(&written, version(), Some(day));
        assert!(found.is_empty(), "{found:?}");
        assert!(
            written.ends_with("\n -- Kim <kim@example.net>  Mon, 30 Nov 2026 12:00:00 +0000\n"),
            "{written}"
        );
        assert_eq!(package_with(&written, version(), day, MAINTAINER), written);
    }

    #[test]
    fn older_entries_of_the_package_stay() {
        let older = package_with("", version(), date("2026-11-30"), MAINTAINER);
        let newer = package_with(&older, "0.3.0".parse().unwrap(), date("2026-12-24"), MAINTAINER);
        assert!(newer.starts_with("genbackup (0.3.0-1) unstable;"), "{newer}");
        assert!(newer.ends_with(&format!("\n\n{older}")), "{newer}");
    }
}

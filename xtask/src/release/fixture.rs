//! What a release writes for one fleet, and which keys its fleet file knows. Later releases are tested against it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use genbackup::reference::tables;
use vmtests::process::{command, output_of};
use vmtests::{cache, install};

use super::Disagreement;
use super::version::Version;
use crate::process::finds_nothing;
use crate::project::git;
use crate::setup;

/// One directory for each release.
const RELEASES: &str = "fixtures/releases";
/// What is in it: the fleet file, what was written, and the keys.
const FLEET: &str = "fleet.toml";
const HOSTS: &str = "hosts";
const KEYS: &str = "keys";

/// Whether the command writes what the fixture of its release holds, and no other release has changed.
pub(super) fn check(version: Version) -> anyhow::Result<Vec<Disagreement>> {
    let mut found = Vec::new();
    for release in releases()? {
        if release != version && is_tagged(release)? && has_changed(release)? {
            found.push(Disagreement {
                what: format!("{RELEASES}/{release} is not what was released"),
                hint: format!("git checkout v{release} -- {RELEASES}/{release}"),
            });
        }
    }
    let directory = cache::workspace().join(RELEASES).join(version.to_string());
    if !directory.is_dir() {
        found.push(Disagreement::to_write(
            version,
            format!("{RELEASES}/{version} is missing"),
        ));
        return Ok(found);
    }
    let genbackup = command_of_now()?;
    let output = output_of(command(&genbackup.to_string_lossy()).arg("--version"))?;
    if output.trim() != format!("genbackup {version}") {
        found.push(Disagreement::to_write(
            version,
            format!("the command is {}", output.trim()),
        ));
        return Ok(found);
    }
    let made = tempfile::tempdir()?;
    make(&genbackup, &directory.join(FLEET), made.path())?;
    for name in [HOSTS, KEYS] {
        let mut compare = command("diff");
        compare
            .arg("--recursive")
            .args([directory.join(name), made.path().join(name)]);
        if let Err(error) = finds_nothing(&mut compare) {
            found.push(Disagreement::to_write(
                version,
                format!("{RELEASES}/{version}/{name} is not what the command writes:\n{error}"),
            ));
        }
    }
    Ok(found)
}

/// Writes the directory of a version, by a fleet file or by that of the release before.
pub(super) fn write(version: Version, fleet: Option<&Path>) -> anyhow::Result<()> {
    ensure!(
        !is_tagged(version)?,
        "{version} is released: {RELEASES}/{version} does not change any more"
    );
    let releases_directory = cache::workspace().join(RELEASES);
    let directory = releases_directory.join(version.to_string());
    let kept = directory.join(FLEET);
    let before = releases()?.into_iter().filter(|release| *release < version).max();
    let fleet = match (fleet, before) {
        (Some(fleet), _) => fleet.to_owned(),
        _ if kept.is_file() => kept.clone(),
        (None, Some(before)) => releases_directory.join(before.to_string()).join(FLEET),
        (None, None) => anyhow::bail!("there is no release before {version}\n\nhint: --fleet FILE"),
    };
    let text = fs::read_to_string(&fleet).with_context(|| fleet.display().to_string())?;
    // First all of it elsewhere: the tests read every directory of a release.
    let made = tempfile::tempdir()?;
    let copy = made.path().join(FLEET);
    fs::write(&copy, with_heading(&text, version))?;
    make(&command_of_now()?, &copy, made.path())?;
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    }
    output_of(command("cp").arg("--recursive").args([made.path(), &directory])).map(drop)
}

/// The command as it is now.
fn command_of_now() -> anyhow::Result<PathBuf> {
    setup::run_for_command()?;
    install::genbackup()
}

/// Writes what a command writes for a fleet, and its keys, into a directory.
fn make(genbackup: &Path, fleet: &Path, directory: &Path) -> anyhow::Result<()> {
    let mut emit = command(&genbackup.to_string_lossy());
    emit.arg("--fleet").arg(fleet);
    emit.args(["emit", "--all", "--root"]).arg(directory.join(HOSTS));
    output_of(&mut emit)?;
    Ok(fs::write(directory.join(KEYS), keys())?)
}

/// The names of all tables and keys of the fleet file.
fn keys() -> String {
    let names = tables()
        .into_iter()
        .flat_map(|table| std::iter::once(table.name).chain(table.keys.into_iter().map(|key| key.name)));
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    names.into_iter().map(|name| name + "\n").collect()
}

/// A fleet file with the comment of a release at its beginning, and no other comment there.
fn with_heading(fleet: &str, version: Version) -> String {
    let lines = fleet.lines().skip_while(|line| line.starts_with('#'));
    let rest: String = lines.map(|line| line.to_owned() + "\n").collect();
    format!(
        "# What release {version} was given, and `hosts` what it wrote:\n\
         # genbackup --fleet fleet.toml emit --all --root hosts\n\
         # `keys` has the keys that a fleet file can have.\n{}{rest}",
        if rest.starts_with('\n') { "" } else { "\n" }
    )
}

fn releases() -> anyhow::Result<Vec<Version>> {
    let mut releases = Vec::new();
    for entry in fs::read_dir(cache::workspace().join(RELEASES)).context(RELEASES)? {
        let name = entry?.file_name();
        let version = name.to_string_lossy().parse::<Version>();
        releases.push(version.with_context(|| format!("{RELEASES}/{}", name.display()))?);
    }
    Ok(releases)
}

fn is_tagged(version: Version) -> anyhow::Result<bool> {
    let mut list = git("tag");
    let tags = output_of(list.args(["--list", &format!("v{version}")]))?;
    Ok(!tags.trim().is_empty())
}

fn has_changed(release: Version) -> anyhow::Result<bool> {
    let mut compare = git("diff");
    let range = [
        format!("v{release}"),
        "--".to_owned(),
        format!("{RELEASES}/{release}"),
    ];
    let changed = output_of(compare.arg("--name-only").args(range))?;
    Ok(!changed.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_of_a_release_begins_with_its_own_comment() {
        let version = "0.2.0".parse().unwrap();
        let before = with_heading("# A.\n# B.\n\n[schedule]\n# C.\n", version);
        assert!(before.starts_with("# What release 0.2.0 was given"), "{before}");
        assert!(before.ends_with("can have.\n\n[schedule]\n# C.\n"), "{before}");
        assert_eq!(with_heading(&before, version), before);
    }

    #[test]
    fn keys_are_named_with_their_tables() {
        let keys = keys();
        let keys: Vec<&str> = keys.lines().collect();
        assert!(
            keys.contains(&"hosts.NAME") && keys.contains(&"hosts.NAME.include"),
            "{keys:?}"
        );
        assert!(keys.is_sorted());
    }

    #[test]
    fn each_release_has_a_fleet_its_files_and_its_keys() {
        for release in releases().unwrap() {
            for name in [FLEET, HOSTS, KEYS] {
                let path = cache::workspace().join(RELEASES).join(release.to_string());
                assert!(path.join(name).exists(), "{release}/{name}");
            }
        }
    }
}

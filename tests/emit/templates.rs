//! The places of the templates: below `templates/etc` and `templates/usr` each has the path of the file that is emitted
//! from it, and what they include is apart. ARCHITECTURE.md has the rule.

mod place;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::place::{escaped, extension, is_emitted_from};
use crate::expected_output::{emitted, fleets};

/// Extensions of units, from systemd.unit(5).
const UNITS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];
/// Templates of files that only hosts with NixOS get.
const NIXOS: [&str; 2] = [
    "etc/genbackup/RECOVERY.nixos.md",
    "usr/local/libexec/genbackup/run-with-path.bash",
];
/// Files without a template: two are values of JSON, and one unit has the template of another unit.
const WITHOUT_TEMPLATE: [&str; 3] = [
    "etc/genbackup/grafana-dashboard.json",
    "etc/genbackup/prometheus-rules.yml",
    "etc/systemd/system/genbackup-run@.service",
];
/// What the timers of hosts begin with, which have the template of `genbackup.timer`.
const TIMER_OF_HOST: &str = "etc/systemd/system/genbackup-run@";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The paths of all files of a directory of `templates`, below `templates`.
fn files(directory: &str) -> Result<Vec<String>> {
    let templates = root().join("templates");
    let mut files = Vec::new();
    let mut directories = vec![templates.join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let below = path.strip_prefix(&templates)?.to_str();
                files.push(below.context("its name is text")?.to_owned());
            }
        }
    }
    ensure!(!files.is_empty(), "there is no file in {directory}");
    Ok(files)
}

/// The templates of files that hosts get.
fn templates() -> Result<Vec<String>> {
    Ok([files("etc")?, files("usr")?].concat())
}

/// The paths of all files of all hosts, without the first slash.
fn paths() -> Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for (_, fleet) in fleets()? {
        for (_, artifacts) in emitted(&fleet)? {
            let files = artifacts.into_iter();
            paths.extend(files.map(|file| file.path.trim_start_matches('/').to_owned()));
        }
    }
    Ok(paths)
}

/// The paths that a template includes.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let tags = text.split("{%").skip(1);
    tags.filter_map(|tag| {
        let tag = tag.trim_start_matches('-').trim_start();
        tag.strip_prefix("include \"")?.split('"').next()
    })
}

fn all_included() -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for file in files("")? {
        let text = std::fs::read_to_string(root().join("templates").join(file))?;
        all.extend(included(&text).map(str::to_owned));
    }
    Ok(all)
}

#[test]
fn each_template_has_the_path_of_an_emitted_file() -> Result<()> {
    let (paths, escaped) = (paths()?, escaped()?);
    let mut others = templates()?;
    others.retain(|template| {
        let is_emitted = paths.iter().any(|path| is_emitted_from(path, template, &escaped));
        !is_emitted && !NIXOS.contains(&template.as_str())
    });
    assert_eq!(others, [] as [&str; 0], "no fleet has a file of these");
    Ok(())
}

#[test]
fn each_emitted_file_has_a_template_at_its_path() -> Result<()> {
    let (templates, escaped) = (templates()?, escaped()?);
    let mut others = paths()?;
    others.retain(|path| {
        let has_template = templates
            .iter()
            .any(|template| is_emitted_from(path, template, &escaped));
        let is_exception = WITHOUT_TEMPLATE.contains(&path.as_str()) || path.starts_with(TIMER_OF_HOST);
        !has_template && !is_exception
    });
    assert_eq!(others, BTreeSet::new(), "no template is at these paths");
    Ok(())
}

#[test]
fn each_template_for_nixos_alone_exists() -> Result<()> {
    let templates = templates()?;
    for template in NIXOS {
        assert!(templates.iter().any(|file| file == template), "{template}");
    }
    Ok(())
}

#[test]
fn no_fragment_has_the_extension_of_a_unit() -> Result<()> {
    for fragment in files("fragments")? {
        assert!(!UNITS.contains(&extension(&fragment)), "{fragment}");
    }
    Ok(())
}

#[test]
fn each_fragment_has_the_extension_of_a_part() -> Result<()> {
    for fragment in files("fragments")? {
        assert!(extension(&fragment).ends_with("-part"), "{fragment}");
    }
    Ok(())
}

#[test]
fn fragments_are_what_templates_include() -> Result<()> {
    let fragments: BTreeSet<_> = files("fragments")?.into_iter().collect();
    assert_eq!(all_included()?, fragments);
    Ok(())
}

#[test]
fn each_template_is_in_one_of_four_directories() -> Result<()> {
    let mut names = BTreeSet::new();
    for file in files("")? {
        names.insert(file.split('/').next().unwrap_or_default().to_owned());
    }
    let expected = ["etc", "fragments", "printed", "usr"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
    Ok(())
}

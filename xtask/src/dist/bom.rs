//! The SBOM: which crates are linked into the command, in the form of CycloneDX 1.6.

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::Build;
use super::crates::{Crate, Crates, Name};

/// How the name of the file ends.
pub(super) const ENDING: &str = ".cdx.json";

/// The text of the file.
///
/// # Errors
/// When the time of the build is none.
pub(super) fn text(build: &Build, crates: &Crates) -> anyhow::Result<String> {
    let time = Timestamp::from_second(build.time).context("the time of the build")?;
    let bom = bom(&time.to_string(), &build.version, crates)?;
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

fn bom(time: &str, version: &str, crates: &Crates) -> anyhow::Result<Value> {
    let command = crates.all.get(&crates.command).context("no command")?;
    let dependencies = crates.all.iter().map(|(name, known)| {
        let needs: Vec<String> = known.needs.iter().map(purl).collect();
        json!({"ref": purl(name), "dependsOn": needs})
    });
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [
                {"type": "application", "name": "cargo xtask dist", "version": version},
            ]},
            "component": component("application", &crates.command, command),
        },
        "components": crates
            .dependencies()
            .map(|(name, known)| component("library", name, known))
            .collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

fn component(kind: &str, name: &Name, known: &Crate) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(name),
        "name": name.0,
        "version": name.1,
        "licenses": [{"expression": expression(&known.licence)}],
        "purl": purl(name),
    });
    if let Some(checksum) = &known.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = &known.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

/// The package URL, <https://github.com/package-url/purl-spec>. Only a version with `+` has a character to escape.
fn purl((name, version): &Name) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// An expression of SPDX. Some crates have an older form, with a slash for OR.
fn expression(licence: &str) -> String {
    let choices: Vec<&str> = licence.split('/').map(str::trim).collect();
    choices.join(" OR ")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;

    use super::*;

    fn name(name: &str) -> Name {
        (name.to_owned(), "1.0.0".to_owned())
    }

    fn known(checksum: Option<&str>, needs: &[&str]) -> Crate {
        Crate {
            licence: "MIT/Apache-2.0".to_owned(),
            authors: Vec::new(),
            directory: PathBuf::new(),
            repository: None,
            checksum: checksum.map(str::to_owned),
            needs: needs.iter().map(|needed| name(needed)).collect(),
        }
    }

    fn bom_of_two() -> Value {
        let crates = Crates {
            command: name("genbackup"),
            all: BTreeMap::from([
                (name("genbackup"), known(None, &["a"])),
                (name("a"), known(Some("12ab"), &[])),
            ]),
        };
        bom("2026-11-29T12:00:00Z", "1.0.0", &crates).unwrap()
    }

    #[test]
    fn the_command_is_what_the_sbom_is_about() {
        let bom = bom_of_two();
        assert_eq!(
            bom["metadata"]["component"]["bom-ref"],
            "pkg:cargo/genbackup@1.0.0"
        );
        assert_eq!(bom["components"].as_array().unwrap().len(), 1);
        assert_eq!(bom["components"][0]["name"], "a");
    }

    #[test]
    fn a_crate_has_its_licence_and_checksum() {
        let bom = bom_of_two();
        let component = &bom["components"][0];
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(component["hashes"][0]["content"], "12ab");
    }

    #[test]
    fn each_reference_leads_to_a_component() {
        let bom = bom_of_two();
        let reference = |component: &Value| component["bom-ref"].as_str().unwrap().to_owned();
        let mut known: BTreeSet<_> = bom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(reference)
            .collect();
        known.insert(reference(&bom["metadata"]["component"]));
        let mut edges = 0;
        for dependency in bom["dependencies"].as_array().unwrap() {
            assert!(known.contains(dependency["ref"].as_str().unwrap()));
            for needed in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(needed.as_str().unwrap()), "{needed}");
                edges += 1;
            }
        }
        assert_eq!(edges, 1);
    }

    #[test]
    fn a_version_with_a_plus_is_escaped() {
        let name = ("a".to_owned(), "1.0.0+b".to_owned());
        assert_eq!(purl(&name), "pkg:cargo/a@1.0.0%2Bb");
    }
}

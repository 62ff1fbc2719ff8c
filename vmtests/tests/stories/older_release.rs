//! What two stories share: machines with the files that an older release wrote, of which only the keys are those of the
//! lab.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;
use vmtests::cache;
use vmtests::fleet::{PASSWORD_FILE, SSH_KEY_FILE};
use vmtests::install::{self, ON_ALL, ON_CLIENT, ON_STORAGE};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// The oldest release whose files are kept.
pub(crate) const RELEASE: &str = "0.1.0";
/// Those of its files that hold keys of the fleet: that of a client, and that of the storage host.
const CLIENT_KEYS: &str = "etc/genbackup/authorized_keys";
const STORAGE_KEYS: &str = "etc/genbackup/known_hosts";
/// Where the release's fleet file has the two secrets of the storage host.
const SECRETS: &str = "/etc/genbackup";

fn directory() -> PathBuf {
    cache::workspace().join("fixtures/releases").join(RELEASE)
}

/// The release's fleet file with the keys of the lab.
pub(crate) fn fleet_file(lab: &Lab) -> anyhow::Result<String> {
    install::with_keys_of(lab, &std::fs::read_to_string(directory().join("fleet.toml"))?)
}

/// Copies the two secrets to where the release's fleet file has them.
pub(crate) fn put_secrets(storage: &Machine) -> anyhow::Result<()> {
    storage
        .succeeds(&format!(
            "install -D --mode=0400 --target-directory={SECRETS} {PASSWORD_FILE} {SSH_KEY_FILE}"
        ))
        .map(drop)
}

/// Makes what the release wrote for a machine live there. The machine is new, so it has no file of another release.
pub(crate) fn install_on(lab: &Lab, machine: &Machine) -> anyhow::Result<()> {
    machine.install_tree(&directory().join("hosts").join(machine.name()))?;
    let keys = install::keys_of(lab, &std::fs::read_to_string(directory().join("fleet.toml"))?)?;
    let (path, keys, live) = if machine.name() == lab.jak.name() {
        (STORAGE_KEYS, keys.of_clients, ON_STORAGE)
    } else {
        (CLIENT_KEYS, vec![keys.of_storage], ON_CLIENT)
    };
    let path = format!("/{path}");
    let mut text = String::from_utf8(machine.read_file(&path)?)?;
    for (old, new) in keys {
        ensure!(
            text.contains(&old),
            "{}: {path} has no {old}: {text}",
            machine.name()
        );
        text = text.replace(&old, &new);
    }
    machine.write_file(&path, text.as_bytes(), 0o644)?;
    machine.succeeds(ON_ALL)?;
    machine.succeeds(live).map(drop)
}

/// Checks that a machine still has each file that the release wrote for it, unchanged apart from those with keys.
pub(crate) fn is_still_on(machine: &Machine) -> anyhow::Result<()> {
    let mut written = written_for(machine)?;
    written.retain(|path, _| path != CLIENT_KEYS && path != STORAGE_KEYS);
    let paths: Vec<_> = written.keys().map(|path| format!("/{path}")).collect();
    let sums = machine.succeeds(&format!("sha256sum {}", paths.join(" ")))?;
    let found: BTreeMap<_, _> = sums
        .lines()
        .filter_map(|line| line.split_once("  /"))
        .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
        .collect();
    assert_eq!(found, written, "{}", machine.name());
    // And no script of another release is there.
    let scripts = machine.succeeds("find /usr/local/libexec/genbackup -type f -printf '%P\\n'")?;
    for script in scripts.lines() {
        let path = format!("usr/local/libexec/genbackup/{script}");
        ensure!(written.contains_key(&path), "{}: {path}", machine.name());
    }
    Ok(())
}

/// The files that the release wrote for a machine, each with its sum: its manifest has them.
fn written_for(machine: &Machine) -> anyhow::Result<BTreeMap<String, String>> {
    let manifest = directory()
        .join("hosts")
        .join(machine.name())
        .join("etc/genbackup/manifest.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest)?)?;
    let files = manifest["files"].as_object().context("a manifest has files")?;
    files
        .iter()
        .map(|(path, sums)| {
            let sum = sums[0].as_str().with_context(|| format!("no sum of {path}"))?;
            Ok((path.clone(), sum.to_owned()))
        })
        .collect()
}

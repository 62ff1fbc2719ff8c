//! genbackup gives back what the fleet file and the manifest hold.

use anyhow::{Context, Result, ensure};
use genbackup::apply::{Changes, Overwrite, Place, Transaction};

use super::Reader;
use super::field::Host;
use super::property::all_come_back;

#[test]
fn the_fleet_has_the_values_of_its_file() -> Result<()> {
    all_come_back(Reader::Fleet, |_| true, &|cases| {
        for case in cases {
            let value = case.field.value(&case.fleet);
            ensure!(
                value.as_ref() == Some(&case.text),
                "{value:?} instead of {:?}",
                case.text
            );
        }
        Ok(())
    })
}

#[test]
fn the_manifest_lists_every_file_and_knows_it_again() -> Result<()> {
    all_come_back(Reader::Manifest, |_| true, &|cases| {
        for case in cases {
            let directory = tempfile::tempdir_in("/dev/shm")?;
            let place = Place::below(directory.path());
            let artifacts = case.artifacts(Host::Client)?;
            let mut transaction = Transaction::default();
            transaction.stage(&place, &artifacts, Overwrite::Never)?;
            transaction.commit()?;

            let text = std::fs::read_to_string(directory.path().join("etc/genbackup/manifest.json"))?;
            let manifest: serde_json::Value = serde_json::from_str(&text)?;
            let files = manifest["files"].as_object().context("a manifest lists files")?;
            let listed: Vec<String> = files.keys().map(|path| format!("/{path}")).collect();
            let expected: Vec<&String> = artifacts.iter().map(|artifact| &artifact.path).collect();
            ensure!(
                listed.iter().eq(expected.iter().copied()),
                "{listed:?} instead of {expected:?}"
            );

            let again = Changes::between(&place, &artifacts)?;
            ensure!(!again.changes_files(), "{}", again.diff());
            // Everything goes when nothing is wanted any more: it is ours.
            let gone = Changes::between(&place, &[])?;
            let removed = gone.diff().matches("\n+++ /dev/null").count();
            ensure!(removed == artifacts.len(), "{removed} of {} go", artifacts.len());
        }
        Ok(())
    })
}

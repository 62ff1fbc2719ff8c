//! Each key of the fleet file is described, in the order of the code.

use anyhow::{Context, Result};
use genbackup::reference::{Key, Without, tables};

use super::keys;

#[test]
fn each_key_has_a_description_a_version_and_a_default() {
    let tables = tables();
    for table in tables.iter().filter(|table| !table.name.is_empty()) {
        let name = &table.name;
        assert!(
            table.about.iter().all(|about| about.ends_with('.')),
            "{name}: {:?}",
            table.about
        );
        assert!(!table.about.is_empty(), "{name} has no description");
        assert!(table.since.is_some(), "{name} has no version");
        assert!(table.without.is_some(), "{name}: what holds without it?");
    }
    for key in tables.iter().flat_map(|table| &table.keys) {
        let name = &key.name;
        assert!(key.about.ends_with('.'), "{name}: {}", key.about);
        assert!(key.since.is_some(), "{name} has no version");
        assert!(key.without.is_some(), "{name}: what holds without it?");
        assert!(key.example.is_some(), "{name} has no example");
    }
}

#[test]
fn no_description_repeats_an_attribute() {
    for table in tables() {
        let keys = table.keys.iter().map(|key| &key.about);
        for about in table.about.iter().chain(keys) {
            assert!(
                !about.contains("Default:") && !about.contains("Example:"),
                "{about}"
            );
        }
    }
}

#[test]
fn a_description_is_one_line() {
    for table in tables() {
        let keys = table.keys.iter().map(|key| &key.about);
        for about in table.about.iter().chain(keys) {
            assert!(!about.contains('\n'), "{about}");
        }
    }
}

#[test]
fn a_host_has_the_defaults_of_the_table_that_is_named() {
    let all = keys();
    let named = ["hosts.NAME.power.nice", "hosts.NAME.minimum-versions.restic"].map(|name| {
        let key = all.iter().find(|key| key.name == name);
        key.and_then(|key| key.without.clone())
    });
    let words = ["as in `[power]`", "as in `[minimum-versions]`"];
    assert_eq!(named, words.map(|words| Some(Without::Words(words.to_owned()))));
}

#[test]
fn keys_stand_in_the_order_of_the_code() -> Result<()> {
    let tables = tables();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        names[..7],
        [
            "",
            "schedule",
            "repository",
            "nfs",
            "ssh",
            "hosts.NAME",
            "hosts.NAME.minimum-versions"
        ]
    );
    let schedule = tables.get(1).context("no table")?;
    let keys: Vec<&str> = schedule.keys.iter().map(Key::short_name).collect();
    let expected = [
        "calendar",
        "randomized-delay",
        "catch-up",
        "max-parallel",
        "time-limit",
    ];
    assert_eq!(keys, expected);
    Ok(())
}

//! Defaults, examples and ranges of the reference are those of the parser and of `resolve`.

use anyhow::{Context, Result, bail, ensure};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::model::{Fleet, Release};
use genbackup::reference::{FLEET, Key, Without};
use toml::{Table, Value};

use super::keys;

/// A fleet file that sets every key.
fn fleet_file() -> Result<Table> {
    Ok(toml::from_str(FLEET)?)
}

/// The fleet of a file; its problems, where it has some.
fn resolved(file: &Table) -> Result<Result<Fleet, String>> {
    let text = toml::to_string(file)?;
    Ok(resolve(read("fleet.toml", &text)).map_err(|problems| format!("{problems:?}")))
}

/// The same, where it has no problems.
fn fleet(file: &Table) -> Result<Fleet> {
    match resolved(file)? {
        Ok(fleet) => Ok(fleet),
        Err(problems) => bail!("{problems}"),
    }
}

/// The table at this path that has the key; `NAME` and `HOOK` stand for each name.
fn table_with<'t>(table: &'t mut Table, path: &[&str], key: &str) -> Option<&'t mut Table> {
    match path {
        [] => table.contains_key(key).then_some(table),
        ["NAME" | "HOOK", rest @ ..] => table
            .iter_mut()
            .find_map(|(_, value)| table_with(value.as_table_mut()?, rest, key)),
        [name, rest @ ..] => table_with(table.get_mut(*name)?.as_table_mut()?, rest, key),
    }
}

/// The file with another value of a key, or without the key.
fn changed(file: &Table, key: &Key, value: Option<&serde_json::Value>) -> Result<Table> {
    let mut file = file.clone();
    let mut path: Vec<&str> = key.name.split('.').collect();
    let name = path.pop().context("a key has a name")?;
    let table = table_with(&mut file, &path, name);
    let table = table.with_context(|| format!("the fleet file does not set {}", key.name))?;
    match value {
        Some(value) => table.insert(name.to_owned(), Value::try_from(value)?),
        None => table.remove(name),
    };
    Ok(file)
}

#[test]
fn the_fleet_file_of_the_reference_sets_every_key() -> Result<()> {
    let file = fleet_file()?;
    fleet(&file)?;
    for key in keys() {
        changed(&file, &key, None)?;
    }
    Ok(())
}

#[test]
fn each_documented_default_is_the_default() -> Result<()> {
    let file = fleet_file()?;
    let mut plain = 0;
    for key in keys() {
        let Some(Without::Value(default)) = &key.without else {
            continue;
        };
        let without = fleet(&changed(&file, &key, None)?).with_context(|| key.name.clone())?;
        let with = fleet(&changed(&file, &key, Some(default))?).with_context(|| key.name.clone())?;
        assert_eq!(without, with, "{}", key.name);
        // The key has an effect, so that another default would be noticed.
        let example = fleet(&changed(&file, &key, key.example.as_ref())?)?;
        assert_ne!(without, example, "{}", key.name);
        plain += 1;
    }
    ensure!(plain > 20, "only {plain} keys have a plain default");
    Ok(())
}

#[test]
fn each_example_is_accepted_in_its_place() -> Result<()> {
    let file = fleet_file()?;
    for key in keys() {
        let changed = changed(&file, &key, key.example.as_ref())?;
        let example = key.example.as_ref().and_then(serde_json::Value::as_str);
        let example = example.unwrap_or_default().to_owned();
        let needs_newer = Release::try_from(example).is_ok_and(|needed| needed > Release::this());
        match resolved(&changed)? {
            // The release that knows the key is not made yet.
            Err(problems) if key.name == "requires" && needs_newer => {
                assert!(problems.contains("this fleet file needs genbackup"), "{problems}");
            }
            Err(problems) => bail!("{}: {problems}", key.name),
            Ok(_) => {}
        }
    }
    Ok(())
}

#[test]
fn each_documented_range_is_the_accepted_range() -> Result<()> {
    let file = fleet_file()?;
    let mut numbers = 0;
    for key in keys() {
        let Some((least, most)) = key.range else {
            assert!(!key.kind.starts_with("integer"), "{} has no range", key.name);
            continue;
        };
        for (number, is_accepted) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            let changed = changed(&file, &key, Some(&number.into()))?;
            assert_eq!(
                resolved(&changed)?.is_ok(),
                is_accepted,
                "{} = {number}",
                key.name
            );
        }
        numbers += 1;
    }
    ensure!(numbers > 4, "only {numbers} keys are numbers");
    Ok(())
}

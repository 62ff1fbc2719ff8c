//! The schema of `genbackup schema` accepts every fleet file that genbackup accepts, and refuses those with a
//! problem of shape.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on files that the tests make"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::command::{genbackup, run};

/// Problems that no schema can express: values that do not fit together, what only systemd knows, and numbers
/// with a meaning. The schema has to refuse everything else in `fixtures/problems`.
const NOT_OF_SHAPE: &[&str] = &[
    "address-that-is-a-number",
    "alert-before-warning",
    "alert-before-warning-of-a-host",
    "calendar-in-cron-words",
    "calendar-list-with-a-wrong-entry",
    "calendar-of-a-host-that-systemd-refuses",
    "calendar-of-a-time-zone-that-is-none",
    "calendar-that-systemd-refuses",
    "email-with-an-address-file",
    "exclude-above-all-includes",
    "exclude-taken-back-too-late",
    "exclude-that-is-an-include",
    "exclude-that-matches-an-include",
    "exclude-that-only-starts-alike",
    "exclude-that-restic-cannot-use",
    "exclude-with-a-tilde",
    "exclude-with-a-variable",
    "file-system-with-a-comma",
    "file-system-with-a-space",
    "file-system-without-the-repository",
    "hook-of-root-that-writes-what-root-obeys",
    "hook-that-writes-everywhere",
    "hook-that-writes-into-the-repository",
    "hook-that-writes-what-is-not-backed-up",
    "hook-that-writes-where-it-is-hidden",
    "hook-whose-command-is-a-line",
    "hook-whose-command-is-relative",
    "hook-whose-program-systemd-refuses",
    "hooks-of-a-host-that-is-not-backed-up",
    "host-key-file-in-the-nix-store",
    "host-key-of-the-storage-host",
    "host-name-that-is-no-address",
    "host-that-only-has-options",
    "include-path-in-the-repository",
    "include-path-of-everything",
    "include-path-of-everything-with-some-excluded",
    "include-path-that-contains-a-hidden-one",
    "include-path-that-contains-two-hidden-ones",
    "include-path-that-is-hidden-dev",
    "include-path-that-is-hidden-lib-modules",
    "include-path-that-is-hidden-proc",
    "include-path-that-is-hidden-sys",
    "include-path-that-is-hidden-tmp",
    "include-path-that-is-hidden-var-tmp",
    "include-path-with-a-glob",
    "initialize-without-file-system",
    "keep-of-a-host-that-is-not-backed-up",
    "keep-of-a-host-that-keeps-nothing",
    "keep-that-keeps-nothing",
    "keep-unlimited-and-a-pointless-rule",
    "keep-with-a-period-twice",
    "keep-within-and-unlimited-last",
    "keep-within-twice",
    "key-file-in-the-nix-store",
    "key-file-in-the-repository",
    "may-be-absent-of-the-storage-host",
    "may-be-empty-what-is-not-included",
    "metrics-and-report-in-one-file",
    "metrics-in-a-home",
    "metrics-in-the-repository",
    "metrics-in-tmp",
    "missing-hosts-below-their-table",
    "missing-key-hosts-host-key",
    "missing-key-hosts-include",
    "missing-key-notify-address-file",
    "missing-key-notify-to",
    "missing-table-nfs",
    "missing-table-ssh",
    "mount-at-the-root",
    "mount-in-an-include-path-of-a-client",
    "mount-in-dev",
    "mount-whose-unit-has-too-long-a-name",
    "must-be-mounted-and-one-file-system",
    "must-be-mounted-what-is-not-backed-up",
    "no-host-left-for-the-schedule",
    "no-include-anywhere",
    "notify-address-file-in-the-nix-store",
    "notify-address-file-in-the-repository",
    "offsite-after-run-and-at-a-time",
    "offsite-around-the-repository",
    "offsite-copy-with-keys-of-sync",
    "offsite-copy-without-a-password-and-a-policy",
    "offsite-credential-in-the-nix-store",
    "offsite-credential-in-the-repository",
    "offsite-into-an-include",
    "offsite-into-the-repository",
    "offsite-over-sftp-without-keys",
    "offsite-remote-with-a-secret",
    "offsite-repository-with-a-password",
    "offsite-sync-with-keys-of-copy",
    "offsite-sync-without-a-remote-and-a-config-file",
    "offsite-that-is-never-made",
    "options-of-a-host-that-is-not-backed-up",
    "password-file-in-the-nix-store",
    "password-file-in-the-repository",
    "path-that-is-too-long",
    "path-with-a-noncharacter",
    "phase-whose-alert-comes-before-its-warning",
    "port-22",
    "public-key-cut-short",
    "public-key-cut-short-in-its-middle",
    "push-to-of-the-storage-host",
    "report-in-the-root-directory",
    "repository-at-the-root",
    "repository-in-a-home",
    "repository-in-an-include-path",
    "repository-in-tmp",
    "repository-with-an-octal-escape",
    "schedule-of-a-host-that-is-not-backed-up",
    "storage-host-name-that-is-no-address",
    "storage-host-not-in-hosts",
    "storage-host-of-another-address-family",
    "storage-host-with-a-dot-not-in-hosts",
    "storage-host-without-likeness",
    "tag-twice",
    "telegram-without-an-address-file",
    "time-span-below-a-second",
    "time-span-of-nothing",
    "two-hosts-with-one-address",
    "two-hosts-with-one-address-in-two-spellings",
    "two-hosts-with-one-host-key",
    "uptime-kuma-with-to",
    "version-of-restic-that-is-too-old",
    "version-of-systemd-that-is-too-old",
    "web-hook-with-to",
];

fn schema() -> Result<Value> {
    let outcome = run(genbackup().arg("schema"))?;
    ensure!(
        outcome.status.success() && outcome.stderr.is_empty(),
        "{}",
        outcome.stderr
    );
    Ok(serde_json::from_str(&outcome.stdout)?)
}

fn validator() -> Result<Validator> {
    Ok(jsonschema::validator_for(&schema()?)?)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A fleet file as JSON; none where it is no TOML.
fn read(file: &Path) -> Result<Option<Value>> {
    let text = std::fs::read_to_string(file)?;
    let Ok(table) = toml::from_str::<toml::Table>(&text) else {
        return Ok(None);
    };
    Ok(Some(serde_json::to_value(table)?))
}

#[test]
fn the_schema_is_one_and_of_the_draft_that_editors_read() -> Result<()> {
    let schema = schema()?;
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    Ok(())
}

#[test]
fn every_fleet_of_the_fixtures_is_taken() -> Result<()> {
    let validator = validator()?;
    let mut seen = 0;
    for directory in ["fleets", "releases"] {
        for entry in std::fs::read_dir(fixtures().join(directory))? {
            let file = entry?.path().join("fleet.toml");
            let fleet = read(&file)?.context("a fleet file is TOML")?;
            let errors: Vec<String> = validator
                .iter_errors(&fleet)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
            seen += 1;
        }
    }
    ensure!(seen >= 5, "only {seen}");
    Ok(())
}

#[test]
fn every_problem_of_shape_is_refused() -> Result<()> {
    let validator = validator()?;
    let mut taken = BTreeSet::new();
    for entry in std::fs::read_dir(fixtures().join("problems"))? {
        let file = entry?.path();
        if let Some(fleet) = read(&file)?
            && validator.is_valid(&fleet)
        {
            let name = file.file_stem().context("a name")?.to_string_lossy().into_owned();
            taken.insert(name);
        }
    }
    let expected: BTreeSet<String> = NOT_OF_SHAPE.iter().map(|&name| name.to_owned()).collect();
    let surprising: Vec<_> = taken.symmetric_difference(&expected).collect();
    assert!(
        surprising.is_empty(),
        "taken and not on the list, or the other way round: {surprising:#?}"
    );
    Ok(())
}

/// The keys of a file's tables, however deep, with what is known of each.
fn keys<'s>(schema: &'s Value, path: &str, found: &mut Vec<(String, &'s Value)>) {
    for map in ["properties", "patternProperties"] {
        for (key, value) in schema[map].as_object().into_iter().flatten() {
            let key = if map == "properties" { key } else { "NAME" };
            let path = format!("{path}.{key}");
            keys(value, &path, found);
            found.push((path, value));
        }
    }
}

/// The keys of a fleet file, however deep; what somebody may name is `NAME`.
fn keys_in_use(table: &Value, path: &str, found: &mut BTreeSet<String>) {
    let is_of_names = path == ".offsite"
        || [".hosts", ".notify", ".before", ".after"]
            .iter()
            .any(|named| path.ends_with(named));
    for (key, value) in table.as_object().into_iter().flatten() {
        let key = if is_of_names { "NAME" } else { key };
        let path = format!("{path}.{key}");
        keys_in_use(value, &path, found);
        found.insert(path);
    }
}

#[test]
fn every_key_has_a_description_and_no_table_takes_another() -> Result<()> {
    let schema = schema()?;
    let mut found = Vec::new();
    keys(&schema, "", &mut found);
    let file = fixtures().join("fleets/every-option/fleet.toml");
    let mut wanted = BTreeSet::new();
    keys_in_use(&read(&file)?.context("TOML")?, "", &mut wanted);
    ensure!(wanted.len() > 25, "{wanted:?}");
    for key in &wanted {
        assert!(found.iter().any(|(path, _)| path == key), "no {key}");
    }
    for (path, value) in found {
        let description = value["description"].as_str().unwrap_or_default();
        assert!(description.len() > 5, "{path}: {value}");
        if value["type"] == "object" {
            assert_eq!(value["additionalProperties"], false, "{path}");
        }
    }
    Ok(())
}

#[test]
fn a_description_ends_with_the_default_and_the_example() -> Result<()> {
    let schema = schema()?;
    let key = &schema["properties"]["schedule"]["properties"]["time-limit"];
    assert_eq!(key["default"], "12h");
    assert_eq!(key["examples"], json!(["6h"]));
    let description = key["description"].as_str().context("no description")?;
    let end = ". Default: `\"12h\"`. Example: `\"6h\"`.";
    assert!(description.ends_with(end), "{description}");
    Ok(())
}

#[test]
fn a_default_in_words_is_no_default_of_the_schema() -> Result<()> {
    let schema = schema()?;
    let hosts = &schema["properties"]["hosts"]["patternProperties"];
    let host = hosts
        .as_object()
        .and_then(|hosts| hosts.values().next())
        .context("no host")?;
    let nice = &host["properties"]["power"]["properties"]["nice"];
    assert_eq!(nice["default"], Value::Null);
    let description = nice["description"].as_str().context("no description")?;
    assert!(
        description.contains(" Default: as in `[power]`."),
        "{description}"
    );
    Ok(())
}

#[test]
fn no_private_attribute_is_published() -> Result<()> {
    let text = schema()?.to_string();
    assert!(!text.contains("\"x-"), "{text}");
    Ok(())
}

#[test]
fn nothing_may_be_null_for_toml_has_none() -> Result<()> {
    let text = schema()?.to_string();
    assert!(!text.contains("null"), "{text}");
    Ok(())
}

#[test]
fn the_schema_goes_into_a_file_over_the_one_before() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fleet.schema.json");
    std::fs::write(&file, "an older one")?;
    let outcome = run(genbackup().args(["schema", "--out"]).arg(&file))?;
    assert!(
        outcome.status.success() && outcome.stdout.is_empty(),
        "{}",
        outcome.stderr
    );
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    assert_eq!(written, schema()?);
    Ok(())
}

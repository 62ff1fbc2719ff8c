//! restic reads the lists of what is backed up and what is not.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::stage::{Host, Stage};

/// The lines of an include list are the fleet's paths, byte for byte.
#[test]
fn the_include_list_is_the_fleet_s() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        let Some(source) = source(&host) else { continue };
        let text = std::fs::read_to_string(host.path("etc/genbackup/include"))?;
        let lines: Vec<_> = text.lines().collect();
        let expected: Vec<_> = source
            .include
            .iter()
            .map(genbackup::model::AbsolutePath::as_str)
            .collect();
        assert_eq!(lines, expected, "{}", host.name);
    }
    Ok(())
}

fn source<'f>(host: &Host<'f>) -> Option<&'f genbackup::model::Source> {
    if host.fleet.storage.name.as_str() == host.name {
        return host.fleet.storage.source.as_ref();
    }
    let mut clients = host.fleet.remote.iter().flat_map(|remote| &remote.clients);
    let (_, client) = clients.find(|(name, _)| name.as_str() == host.name)?;
    Some(&client.source)
}

/// Backs up with a host's own lists, and returns the paths in the snapshot. `/srv` is a directory of the test
/// while restic reads it: all included paths exist, each with the same files in it.
fn snapshot(host: &Host<'_>, files: &[&str]) -> Result<Vec<String>> {
    let script = r#"
        set -euo pipefail
        include=$1 exclude=$2
        shift 2
        export RESTIC_REPOSITORY=/srv/.repository RESTIC_PASSWORD=x RESTIC_CACHE_DIR=/srv/.cache
        mount -t tmpfs none /srv
        while IFS= read -r path; do
            mkdir -p -- "$path"
            for file in "$@"; do
                touch -- "$path/$file"
            done
        done <"$include"
        restic init --quiet
        restic backup --quiet --files-from-verbatim "$include" --exclude-file "$exclude"
        restic ls --quiet latest | grep -v '^snapshot '
    "#;
    let listed = run(Command::new("unshare")
        .args(["--mount", "--propagation=private", "bash", "-c", script, "bash"])
        .arg(host.path("etc/genbackup/include"))
        .arg(host.path("etc/genbackup/exclude"))
        .args(files))?;
    ensure!(listed.status.success(), "{}", listed.stderr);
    ensure!(listed.stderr.is_empty(), "{}", listed.stderr);
    Ok(listed.stdout.lines().map(str::to_owned).collect())
}

#[test]
fn restic_takes_odd_names_and_excludes_odd_patterns_exactly() -> Result<()> {
    let stage = Stage::shared()?;
    let host_named = |name: &str| {
        let mut hosts = stage.hosts();
        hosts
            .find(|host| {
                host.name == name
                    && host
                        .root
                        .parent()
                        .is_some_and(|fleet| fleet.ends_with("awkward-names"))
            })
            .context("no such host")
    };
    for (name, kept, excluded) in [
        (
            "jak",
            ["plain", "RECYCLE.BIN", "dash", "1000", "#only"],
            ["$RECYCLE.BIN", "-dash", "100%", "#x#", "##"],
        ),
        (
            "ziz",
            ["plain", "backup", "grosse", "a b", "a \"b\" c"],
            ["~backup", "grün", "a \"b\"", "grün", "~backup"],
        ),
    ] {
        let host = host_named(name)?;
        let files: Vec<&str> = kept.iter().chain(&excluded).copied().collect();
        let listed = snapshot(&host, &files)?;
        let source = source(&host).context("it is backed up")?;
        for path in &source.include {
            for file in kept {
                let file = format!("{path}/{file}");
                assert!(listed.contains(&file), "{name}: `{file}` is not in {listed:#?}");
            }
            for file in excluded {
                let file = format!("{path}/{file}");
                assert!(!listed.contains(&file), "{name}: `{file}` is in {listed:#?}");
            }
        }
    }
    Ok(())
}

//! systemd gives back each value of the fleet file as it was, whatever characters are in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::model::Creation;
use tempfile::TempDir;

use crate::command::run;
use crate::stage::{Host, Stage};

/// The values of a unit, by their keys.
type Values = BTreeMap<String, Vec<String>>;

/// What the service manager understood of some units, by their names. `systemd --test` loads them and shows
/// the values that it would use, one `key: value` a line. It refuses to be root, and loads one unit and what
/// that wants: its start takes longer than reading a unit. `SYSTEMD_UNIT_PATH` ends in `:`, which stands for
/// the usual directories.
fn understood(directory: &Path, units: &[&str]) -> Result<BTreeMap<String, Values>> {
    let wanting = readable_directory()?;
    let target = format!("[Unit]\nDefaultDependencies=no\nWants={}\n", units.join(" "));
    std::fs::write(wanting.path().join("wanting.target"), target)?;
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["/lib/systemd/systemd", "--test", "--system", "--log-level=err"])
        .arg("--unit=wanting.target")
        .env(
            "SYSTEMD_UNIT_PATH",
            format!("{}:{}:", wanting.path().display(), directory.display()),
        )
        .env("LC_ALL", "C.UTF-8");
    let shown = run(&mut command)?;
    ensure!(shown.status.success(), "{units:?}: {}", shown.stderr);
    let mut all = BTreeMap::<String, Values>::new();
    let mut inside = None;
    for line in shown.stdout.lines() {
        if let Some(unit) = line.trim_start().strip_prefix("-> Unit ") {
            let unit = unit.trim_end_matches(':');
            inside = units
                .contains(&unit)
                .then(|| all.entry(unit.to_owned()).or_default());
        } else if let (Some((key, value)), Some(values)) = (line.split_once(": "), &mut inside) {
            values
                .entry(key.trim().to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    for unit in units {
        let is_shown = all.get(*unit).is_some_and(|values| !values.is_empty());
        ensure!(is_shown, "systemd shows nothing of {unit}");
    }
    Ok(all)
}

/// A directory that others may look into.
fn readable_directory() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), readable)?;
    Ok(directory)
}

/// True when systemd shows the value for the key, alone, or as one of a list.
fn has(values: &Values, key: &str, value: &str) -> Result<()> {
    let found = values.get(key).map(Vec::as_slice).unwrap_or_default();
    let value = format!(" {value} ");
    let holds = found.iter().any(|found| format!(" {found} ").contains(&value));
    ensure!(holds, "{key} is {found:#?}, and not{value}");
    Ok(())
}

fn unit_directory(host: &Host<'_>) -> std::path::PathBuf {
    host.path("etc/systemd/system")
}

#[test]
fn systemd_gives_back_the_paths_of_the_storage_host() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        if host.name != host.fleet.storage.name.as_str() {
            continue;
        }
        let repository = &host.fleet.repository;
        let path = repository.path.as_str();
        let (maintain, run) = ("genbackup-maintain.service", "genbackup.service");
        let (directory, init) = ("genbackup-directory.service", "genbackup-init.service");
        let mut units = vec![maintain, run];
        if let Creation::OnceMounted { .. } = &repository.creation {
            units.push(init);
            if !repository.creation.is_on_root() {
                units.push(directory);
            }
        }
        let understood = understood(&unit_directory(&host), &units)?;
        has(&understood[maintain], "RequiresMountsFor", path)?;
        has(&understood[maintain], "ReadWritePaths", &format!("-{path}"))?;
        has(&understood[run], "InaccessiblePaths", &format!("-{path}"))?;
        let Creation::OnceMounted { file_system } = &repository.creation else {
            continue;
        };
        // systemd-tmpfiles makes it on the root file system.
        if !repository.creation.is_on_root() {
            let directory = &understood[directory];
            has(directory, "RequiresMountsFor", path)?;
            has(directory, "AssertPathIsMountPoint", file_system.as_str())?;
            has(directory, "ConditionPathExists", &format!("!{path}"))?;
            has(directory, "ReadWritePaths", file_system.as_str())?;
        }
        let init = &understood[init];
        has(init, "RequiresMountsFor", path)?;
        has(init, "AssertPathIsMountPoint", file_system.as_str())?;
        has(init, "ConditionPathExists", &format!("!{path}/config"))?;
        has(init, "ReadWritePaths", &format!("-{path}"))?;
    }
    Ok(())
}

#[test]
fn systemd_gives_back_the_paths_of_a_client() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        let fleet = host.fleet;
        let remote = fleet.remote.as_ref();
        let Some(remote) = remote.filter(|_| host.name != fleet.storage.name.as_str()) else {
            continue;
        };
        let mount = remote.mount.as_str();
        let escaped = Command::new("systemd-escape")
            .args(["--path", "--suffix=mount", mount])
            .output()?;
        let name = String::from_utf8(escaped.stdout)?;
        let (backup, unit) = ("genbackup-backup@1.service", name.trim_end_matches('\n'));
        // Each alone: only so it is the backup's path that pulls in the mount, and not the test.
        let (backup, mount_unit) = (
            &understood(&unit_directory(&host), &[backup])?[backup],
            &understood(&unit_directory(&host), &[unit])?[unit],
        );
        has(backup, "RequiresMountsFor", mount)?;
        has(backup, "ReadWritePaths", &format!("-{mount}"))?;
        has(mount_unit, "Where", mount)?;
        let what = format!("{}:{}", fleet.storage.address.bracketed(), fleet.repository.path);
        has(mount_unit, "What", &what)?;
        // The backup pulls in this mount, under this name.
        has(backup, "Requires", &format!("{unit} (origin-path)"))?;
    }
    Ok(())
}

/// The unit with a condition in place of a credential, whose path systemd does not show. systemd reads both
/// paths in the same way: it replaces specifiers, and takes everything else as it is.
fn stand_in(host: &Host<'_>, service: &str, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(unit_directory(host).join(service))?;
    let prefix = format!("LoadCredential={name}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    let value = line.with_context(|| format!("{service} has no {name}"))?;
    Ok(format!(
        "[Unit]\nConditionPathExists={value}\n[Service]\nExecStart=/bin/true\n"
    ))
}

#[test]
fn systemd_gives_back_the_paths_of_the_credentials() -> Result<()> {
    // Stand-ins, and the path of each.
    let mut credentials = Vec::new();
    let stage = Stage::shared()?;
    for host in stage.hosts() {
        let fleet = host.fleet;
        if host.name == fleet.storage.name.as_str() {
            let password = fleet.repository.password_file.as_str();
            for service in ["genbackup.service", "genbackup-maintain.service"] {
                credentials.push((stand_in(&host, service, "restic-password")?, password));
            }
            for (name, file) in fleet.watching.address_files() {
                for service in ["genbackup-watch.service", "genbackup-notify@.service"] {
                    let address = stand_in(&host, service, &format!("notify-{name}"))?;
                    credentials.push((address, file.as_str()));
                }
            }
            if let Some(remote) = &fleet.remote {
                let key = stand_in(&host, "genbackup.service", "ssh-key")?;
                credentials.push((key, remote.key_file.as_str()));
            }
        } else if let Some(remote) = &fleet.remote {
            let mut clients = remote.clients.iter();
            let (_, client) = clients
                .find(|(name, _)| name.as_str() == host.name)
                .context("no such client")?;
            let key = stand_in(&host, "genbackup-sshd@.service", "host-key")?;
            credentials.push((key, client.host_key_file.as_str()));
        }
    }
    let directory = readable_directory()?;
    let names: Vec<String> = (0..credentials.len())
        .map(|number| format!("stand-in-{number}.service"))
        .collect();
    for (name, (unit, _)) in names.iter().zip(&credentials) {
        std::fs::write(directory.path().join(name), unit)?;
    }
    let units: Vec<&str> = names.iter().map(String::as_str).collect();
    let understood = understood(directory.path(), &units)?;
    for (name, (unit, path)) in names.iter().zip(&credentials) {
        let shown = understood[name].get("ConditionPathExists");
        let shown = shown.context("systemd shows no condition")?;
        assert_eq!(shown, &[format!("{path} untested")], "{unit}");
    }
    ensure!(!names.is_empty(), "no host has a credential");
    Ok(())
}

#[test]
fn systemd_gives_back_the_schedule() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        if host.name != host.fleet.storage.name.as_str() {
            continue;
        }
        let fleet = ("genbackup.timer".to_owned(), &host.fleet.schedule.timing);
        let own = host.fleet.with_own_schedule();
        let own = own.map(|(name, timing)| (format!("genbackup-run@{name}.timer"), timing));
        let timings = std::iter::once(fleet).chain(own);
        let each = timings.flat_map(|(timer, timing)| {
            let expressions = timing.calendars.expressions().iter();
            expressions.map(move |calendar| (timer.clone(), calendar))
        });
        let each: Vec<_> = each.collect();
        let timers: Vec<&str> = each.iter().map(|(timer, _)| timer.as_str()).collect();
        let understood = understood(&unit_directory(&host), &timers)?;
        for (timer, calendar) in &each {
            let normal = Command::new("systemd-analyze")
                .args(["calendar", calendar.as_str()])
                .output()?;
            let normal = String::from_utf8(normal.stdout)?;
            let normal = normal
                .lines()
                .find_map(|line| line.trim_start().strip_prefix("Normalized form: "))
                .context("no normalized form")?;
            let shown = understood[timer].get("OnCalendar").context("no OnCalendar")?;
            assert!(
                shown.iter().any(|shown| shown.contains(normal)),
                "{timer}: {shown:?}: {normal}"
            );
        }
    }
    Ok(())
}

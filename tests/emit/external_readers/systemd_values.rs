//! systemd gives back each value of the fleet file as it was, whatever characters are in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::model::Creation;

use crate::command::run;
use crate::stage::{Host, Stage};

/// What the service manager understood of some units: `systemd --test` loads them and shows the values that it
/// would use, one `key: value` a line. It refuses to be root. `SYSTEMD_UNIT_PATH` ends in `:`, which stands for
/// the usual folders.
fn understood(folder: &Path, units: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["/lib/systemd/systemd", "--test", "--system", "--log-level=err"])
        .args(units.iter().map(|unit| format!("--unit={unit}")))
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display()))
        .env("LC_ALL", "C.UTF-8");
    let shown = run(&mut command)?;
    ensure!(shown.status.success(), "{units:?}: {}", shown.stderr);
    let mut values = BTreeMap::<String, Vec<String>>::new();
    let mut inside = false;
    for line in shown.stdout.lines() {
        if let Some(unit) = line.trim_start().strip_prefix("-> Unit ") {
            inside = units.contains(&unit.trim_end_matches(':'));
        } else if let Some((key, value)) = line.split_once(": ").filter(|_| inside) {
            values
                .entry(key.trim().to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    ensure!(!values.is_empty(), "systemd shows nothing of {units:?}");
    Ok(values)
}

/// True when systemd shows the value for the key, alone, or as one of a list.
fn has(values: &BTreeMap<String, Vec<String>>, key: &str, value: &str) -> Result<()> {
    let found = values.get(key).map(Vec::as_slice).unwrap_or_default();
    let value = format!(" {value} ");
    let holds = found.iter().any(|found| format!(" {found} ").contains(&value));
    ensure!(holds, "{key} is {found:#?}, and not{value}");
    Ok(())
}

fn unit_folder(host: &Host<'_>) -> std::path::PathBuf {
    host.path("etc/systemd/system")
}

#[test]
fn systemd_gives_back_the_paths_of_the_storage_host() -> Result<()> {
    for host in Stage::new()?.hosts() {
        if host.name != host.fleet.storage.name.as_str() {
            continue;
        }
        let repository = &host.fleet.repository;
        let path = repository.path.as_str();
        let maintain = understood(&unit_folder(&host), &["genbackup-maintain.service"])?;
        has(&maintain, "RequiresMountsFor", path)?;
        has(&maintain, "ReadWritePaths", &format!("-{path}"))?;
        let run = understood(&unit_folder(&host), &["genbackup.service"])?;
        has(&run, "InaccessiblePaths", &format!("-{path}"))?;
        let Creation::OnceMounted { file_system } = &repository.creation else {
            continue;
        };
        // systemd-tmpfiles makes it on the root file system.
        if !repository.creation.is_on_root() {
            let directory = understood(&unit_folder(&host), &["genbackup-directory.service"])?;
            has(&directory, "RequiresMountsFor", path)?;
            has(&directory, "AssertPathIsMountPoint", file_system.as_str())?;
            has(&directory, "ConditionPathExists", &format!("!{path}"))?;
            has(&directory, "ReadWritePaths", file_system.as_str())?;
        }
        let init = understood(&unit_folder(&host), &["genbackup-init.service"])?;
        has(&init, "RequiresMountsFor", path)?;
        has(&init, "AssertPathIsMountPoint", file_system.as_str())?;
        has(&init, "ConditionPathExists", &format!("!{path}/config"))?;
        has(&init, "ReadWritePaths", &format!("-{path}"))?;
    }
    Ok(())
}

#[test]
fn systemd_gives_back_the_paths_of_a_client() -> Result<()> {
    for host in Stage::new()?.hosts() {
        let fleet = host.fleet;
        let remote = fleet.remote.as_ref();
        let Some(remote) = remote.filter(|_| host.name != fleet.storage.name.as_str()) else {
            continue;
        };
        let mount = remote.mount.as_str();
        let backup = understood(&unit_folder(&host), &["genbackup-backup@1.service"])?;
        has(&backup, "RequiresMountsFor", mount)?;
        has(&backup, "ReadWritePaths", &format!("-{mount}"))?;

        let escaped = Command::new("systemd-escape")
            .args(["--path", "--suffix=mount", mount])
            .output()?;
        let name = String::from_utf8(escaped.stdout)?;
        let unit = understood(&unit_folder(&host), &[name.trim_end_matches('\n')])?;
        has(&unit, "Where", mount)?;
        let what = format!("{}:{}", fleet.storage.address.bracketed(), fleet.repository.path);
        has(&unit, "What", &what)?;
        // The backup pulls in this mount, under this name.
        has(
            &backup,
            "Requires",
            &format!("{} (origin-path)", name.trim_end_matches('\n')),
        )?;
    }
    Ok(())
}

/// systemd does not show the path of a credential; so a condition, whose path is read in the same way, stands
/// for it: specifiers are replaced, everything else is taken as it is.
fn credential(host: &Host<'_>, service: &str, name: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(unit_folder(host).join(service))?;
    let prefix = format!("LoadCredential={name}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
    let value = line.with_context(|| format!("{service} has no {name}"))?;
    let folder = tempfile::tempdir()?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable)?;
    let unit = format!("[Unit]\nConditionPathExists={value}\n[Service]\nExecStart=/bin/true\n");
    std::fs::write(folder.path().join("stand-in.service"), unit)?;
    let values = understood(folder.path(), &["stand-in.service"])?;
    values
        .get("ConditionPathExists")
        .cloned()
        .context("systemd shows no condition")
}

#[test]
fn systemd_gives_back_the_paths_of_the_credentials() -> Result<()> {
    let untested = |path: &str| vec![format!("{path} untested")];
    for host in Stage::new()?.hosts() {
        let fleet = host.fleet;
        if host.name == fleet.storage.name.as_str() {
            let password = fleet.repository.password_file.as_str();
            for service in ["genbackup.service", "genbackup-maintain.service"] {
                assert_eq!(credential(&host, service, "restic-password")?, untested(password));
            }
            for (name, file) in fleet.watching.address_files() {
                for service in ["genbackup-watch.service", "genbackup-notify@.service"] {
                    let address = credential(&host, service, &format!("notify-{name}"))?;
                    assert_eq!(address, untested(file.as_str()));
                }
            }
            if let Some(remote) = &fleet.remote {
                let key = credential(&host, "genbackup.service", "ssh-key")?;
                assert_eq!(key, untested(remote.key_file.as_str()));
            }
        } else if let Some(remote) = &fleet.remote {
            let mut clients = remote.clients.iter();
            let (_, client) = clients
                .find(|(name, _)| name.as_str() == host.name)
                .context("no such client")?;
            let key = credential(&host, "genbackup-sshd@.service", "host-key")?;
            assert_eq!(key, untested(client.host_key_file.as_str()));
        }
    }
    Ok(())
}

#[test]
fn systemd_gives_back_the_schedule() -> Result<()> {
    for host in Stage::new()?.hosts() {
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
        for (timer, calendar) in each {
            let understood = understood(&unit_folder(&host), &[&timer])?;
            let normal = Command::new("systemd-analyze")
                .args(["calendar", calendar.as_str()])
                .output()?;
            let normal = String::from_utf8(normal.stdout)?;
            let normal = normal
                .lines()
                .find_map(|line| line.trim_start().strip_prefix("Normalized form: "))
                .context("no normalized form")?;
            let shown = understood.get("OnCalendar").context("no OnCalendar")?;
            assert!(
                shown.iter().any(|shown| shown.contains(normal)),
                "{timer}: {shown:?}: {normal}"
            );
        }
    }
    Ok(())
}

//! systemd reads the units: it knows all keys, all programs exist, and the exposure of each unit is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::model::{AccessTimes, Network, Source, SystemdFeature, SystemdVersion};
use genbackup::reference::{BOUNDS, RESTORE_BOUND, kind};

use crate::command::{Outcome, run};
use crate::stage::{Host, Stage, file_name};

fn systemd_analyze() -> Command {
    let mut command = Command::new("systemd-analyze");
    command
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .arg("--no-pager");
    command
}

/// `systemd-analyze verify` with the host's staged files as the root directory. So `ExecStart=` finds the
/// emitted scripts, and a script that is not emitted, or cannot be run, is an error. systemd's own units and
/// sshd are copied there. The command and the admin's hooks have stand-ins, because systemd only checks
/// whether they can be run.
fn verify(host: &Host<'_>) -> Result<Outcome> {
    let root = tempfile::tempdir_in("/dev/shm")?;
    let [system, programs, local] =
        ["usr/lib/systemd", "usr/sbin", "usr/local/bin"].map(|directory| root.path().join(directory));
    for directory in [&system, &programs, &local] {
        std::fs::create_dir_all(directory)?;
    }
    for (from, to) in [
        (host.root.join("."), root.path()),
        (PathBuf::from("/usr/lib/systemd/system"), &system),
        (PathBuf::from("/usr/sbin/sshd"), &programs),
        (PathBuf::from("/bin/true"), &local.join("genbackup")),
    ] {
        let copied = run(Command::new("cp").arg("--archive").arg(from).arg(to))?;
        ensure!(copied.status.success(), "{}", copied.stderr);
    }
    let hooks = source(host).map(|source| &source.hooks);
    for hook in hooks
        .into_iter()
        .flat_map(|hooks| hooks.before.iter().chain(&hooks.after))
    {
        let program = root.path().join(hook.program.as_str().trim_start_matches('/'));
        std::fs::create_dir_all(program.parent().context("a program lies in a directory")?)?;
        std::fs::copy("/bin/true", program)?;
    }
    let units = host.units()?;
    let directory = root.path().join("etc/systemd/system");
    run(systemd_analyze()
        .args(["verify", "--recursive-errors=no", "--man=no"])
        .arg(format!("--root={}", root.path().display()))
        .args(units.iter().map(|unit| directory.join(file_name(unit)))))
}

#[test]
fn systemd_accepts_every_unit() -> Result<()> {
    let version = run(Command::new("systemctl").arg("--version"))?.stdout;
    let version = version
        .split([' ', '\n'])
        .nth(1)
        .context("no version")?
        .to_owned();
    let knows_poll_limit =
        SystemdVersion::try_from(version).is_ok_and(|version| version.has(SystemdFeature::PollLimit));
    for host in Stage::shared()?.hosts() {
        let Outcome { status, stderr, .. } = verify(&host)?;
        // A setting of a later systemd than the one that reads it here, on a host that has one.
        let is_later = |line: &&str| knows_poll_limit || !line.contains("Unknown key 'PollLimitIntervalSec'");
        let printed: Vec<&str> = stderr.lines().filter(is_later).collect();
        let code = i32::from(!stderr.is_empty());
        assert_eq!(
            (printed, status.code()),
            (Vec::new(), Some(code)),
            "{}",
            host.name
        );
    }
    Ok(())
}

/// The storage host of the first fleet, with one text replaced in one of its files.
fn verify_changed(file: &str, old: &str, new: &str) -> Result<Outcome> {
    let stage = Stage::new()?;
    let host = stage
        .hosts()
        .find(|host| host.path(file).exists())
        .context("no host has it")?;
    let text = std::fs::read_to_string(host.path(file))?;
    ensure!(text.contains(old), "{file} has no {old}");
    std::fs::write(host.path(file), text.replacen(old, new, 1))?;
    verify(&host)
}

#[test]
fn a_mistyped_key_would_be_noticed() -> Result<()> {
    for (file, old, new) in [
        ("etc/systemd/system/genbackup.service", "User=", "Usr="),
        (
            "etc/systemd/system/genbackup-backup@.service",
            "ProtectHome=",
            "ProtectHouse=",
        ),
        ("etc/systemd/system/genbackup.timer", "OnCalendar=", "OnKalendar="),
        ("etc/systemd/system/genbackup-sshd.socket", "Accept=", "Akzept="),
    ] {
        let verified = verify_changed(file, old, new)?;
        assert!(
            verified
                .stderr
                .contains(&format!("Unknown key '{}'", new.trim_end_matches('='))),
            "{verified:?}"
        );
    }
    Ok(())
}

#[test]
fn a_value_that_systemd_does_not_know_would_be_noticed() -> Result<()> {
    let unit = "etc/systemd/system/genbackup.service";
    let verified = verify_changed(unit, "ProtectHome=yes", "ProtectHome=maybe")?;
    assert!(verified.stderr.contains("Failed to parse"), "{verified:?}");
    Ok(())
}

#[test]
fn a_missing_script_would_be_noticed() -> Result<()> {
    let unit = "etc/systemd/system/genbackup.service";
    let verified = verify_changed(unit, "/run-backups", "/run-backup")?;
    assert!(
        verified.stderr.contains("run-backup is not executable"),
        "{verified:?}"
    );
    Ok(())
}

#[test]
fn no_service_is_more_exposed_than_its_bound() -> Result<()> {
    let bounds = BTreeMap::from(BOUNDS);
    let mut met = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for host in Stage::shared()?.hosts() {
        for service in host.services()? {
            // Of services with the same name and text one is enough.
            if !texts.insert((file_name(&service).to_owned(), std::fs::read_to_string(&service)?)) {
                continue;
            }
            let name = kind(file_name(&service));
            let bound = bounds.get(name.as_str());
            let bound = bound.with_context(|| format!("{name} has no bound; add one"))?;
            let measured = exposure(&service, *bound)?;
            assert!(
                measured.status.success(),
                "{name} on {}: {}",
                host.name,
                measured.stdout
            );
            met.insert(name);
        }
    }
    assert_eq!(
        met.len(),
        bounds.len(),
        "a bound for a service that no host has: {met:?}"
    );
    Ok(())
}

/// `systemd-analyze security`: exit status 1 when the exposure is above the threshold.
fn exposure(service: &Path, threshold: u32) -> Result<Outcome> {
    run(systemd_analyze()
        .args(["security", "--offline=true", &format!("--threshold={threshold}")])
        .arg(service))
}

/// The unit of `genbackup restore` writes with capabilities over all files, which systemd counts by the capability.
#[test]
fn the_unit_of_a_restore_is_no_more_exposed_than_its_bound() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let service = directory.path().join("genbackup-restore.service");
    let settings: Vec<String> = genbackup::repository::restic::sandbox_settings().collect();
    let text = format!(
        "[Service]\nExecStart=/bin/true\nUser=restic\n{}\n",
        settings.join("\n")
    );
    std::fs::write(&service, &text)?;
    let verified = run(systemd_analyze()
        .args(["verify", "--recursive-errors=no", "--man=no"])
        .arg(&service))?;
    assert_eq!(verified.stderr, "");
    let measured = exposure(&service, RESTORE_BOUND)?;
    assert!(measured.status.success(), "{}", measured.stdout);
    // One setting less is above it.
    std::fs::write(&service, text.replace("PrivateNetwork=yes", "PrivateNetwork=no"))?;
    let measured = exposure(&service, RESTORE_BOUND)?;
    assert_eq!(measured.status.code(), Some(1), "{}", measured.stdout);
    Ok(())
}

#[test]
fn a_service_above_its_bound_would_be_noticed() -> Result<()> {
    let stage = Stage::new()?;
    for host in stage.hosts() {
        let service = host.path("etc/systemd/system/genbackup-backup@.service");
        if !service.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&service)?;
        std::fs::write(&service, text.replace("PrivateNetwork=yes", "PrivateNetwork=no"))?;
        let measured = exposure(&service, 9)?;
        assert_eq!(measured.status.code(), Some(1), "{}", measured.stdout);
        assert!(
            measured.stdout.contains("Overall exposure level"),
            "{}",
            measured.stdout
        );
    }
    Ok(())
}

/// The values of a key in a unit, in order.
fn values(unit: &Path, key: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(unit)?;
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Ok(values.map(str::to_owned).collect())
}

/// What of a host is backed up.
fn source<'f>(host: &Host<'f>) -> Option<&'f Source> {
    if host.fleet.storage.name.as_str() == host.name {
        return host.fleet.storage.source.as_ref();
    }
    let mut clients = host.fleet.remote.iter().flat_map(|remote| &remote.clients);
    let (_, client) = clients.find(|(name, _)| name.as_str() == host.name)?;
    Some(&client.source)
}

#[test]
fn only_the_unit_that_backs_up_reads_all_files_and_it_can_do_no_more() -> Result<()> {
    let (mut preserving, mut plain) = (0, 0);
    for host in Stage::shared()?.hosts() {
        for unit in host.units()? {
            let ambient = values(&unit, "AmbientCapabilities")?;
            if file_name(&unit) != "genbackup-backup@.service" {
                assert!(ambient.is_empty(), "{}: {ambient:?}", unit.display());
                continue;
            }
            let source = source(&host).context("it is backed up, so it has a source")?;
            let expected = match source.access_times {
                AccessTimes::Change => {
                    plain += 1;
                    "CAP_DAC_READ_SEARCH"
                }
                AccessTimes::Preserve => {
                    preserving += 1;
                    "CAP_DAC_READ_SEARCH CAP_FOWNER"
                }
            };
            assert_eq!(ambient, [expected], "{}", unit.display());
            assert_eq!(
                values(&unit, "CapabilityBoundingSet")?,
                [expected],
                "{}",
                unit.display()
            );
        }
    }
    assert!(preserving > 0 && plain > 0, "the fleets show one kind alone");
    Ok(())
}

#[test]
fn every_service_is_restic_s_but_those_of_root_and_of_hooks() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        for service in host.services()? {
            let expected: &[&str] = match kind(file_name(&service)).as_str() {
                "genbackup-directory.service" | "genbackup-awake.service" | "genbackup-hooks.service" => &[],
                "genbackup-after-HOOK.service" | "genbackup-before-HOOK.service" => {
                    let user = values(&service, "User")?;
                    assert!(
                        user.len() == 1 && user != ["restic"],
                        "{}: {user:?}",
                        service.display()
                    );
                    continue;
                }
                _ => &["restic"],
            };
            assert_eq!(values(&service, "User")?, expected, "{}", service.display());
            assert_eq!(values(&service, "Group")?, expected, "{}", service.display());
        }
    }
    Ok(())
}

#[test]
fn the_unit_that_reads_all_files_has_no_network_and_the_units_with_the_network_read_none() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        for service in host.services()? {
            // sendmail may have the network and become another user; it knows nothing but a text.
            if file_name(&service) == "genbackup-mail@.service" {
                assert_eq!(values(&service, "LoadCredential")?, [] as [&str; 0]);
                continue;
            }
            let is_offline = values(&service, "PrivateNetwork")? == ["yes"];
            let reads_all = !values(&service, "AmbientCapabilities")?.is_empty();
            assert!(is_offline || !reads_all, "{}", service.display());
            if !is_offline {
                assert_eq!(
                    values(&service, "CapabilityBoundingSet")?,
                    [""],
                    "{}",
                    service.display()
                );
                // A hook with network access reads what its user may read, and writes what the fleet file
                // lists.
                if kind(file_name(&service)) == file_name(&service) {
                    assert_eq!(values(&service, "ProtectHome")?, ["yes"], "{}", service.display());
                    assert!(
                        values(&service, "ReadWritePaths")?.is_empty(),
                        "{}",
                        service.display()
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_hook_reaches_only_what_the_fleet_file_allows() -> Result<()> {
    let mut met = BTreeSet::new();
    for host in Stage::shared()?.hosts() {
        let Some(source) = source(&host) else { continue };
        for (kind, hook) in source.hooks.all() {
            let unit = host.path(&format!(
                "etc/systemd/system/genbackup-{}-{}.service",
                kind.word(),
                hook.name
            ));
            let network = [
                values(&unit, "PrivateNetwork")?.concat(),
                values(&unit, "IPAddressDeny")?.concat(),
                values(&unit, "RestrictAddressFamilies")?.concat(),
            ];
            let expected = match hook.network {
                Network::None => ["yes", "any", "AF_UNIX"],
                Network::Local => ["", "any", "AF_UNIX AF_INET AF_INET6"],
                Network::Any => ["", "", "AF_UNIX AF_INET AF_INET6"],
            };
            assert_eq!(network, expected, "{}", unit.display());
            met.insert(expected);
        }
    }
    assert_eq!(met.len(), 3, "the fleets show only {met:?}");
    Ok(())
}

#[test]
fn a_mount_unit_has_the_name_that_systemd_demands() -> Result<()> {
    let mut mounts = 0;
    for host in Stage::shared()?.hosts() {
        let is_mount = |unit: &PathBuf| unit.extension().is_some_and(|extension| extension == "mount");
        let units: Vec<_> = host.units()?.into_iter().filter(is_mount).collect();
        let remote = host.fleet.remote.as_ref();
        let Some(remote) = remote.filter(|_| host.fleet.storage.name.as_str() != host.name) else {
            assert!(units.is_empty(), "{units:?}");
            continue;
        };
        let escaped = run(Command::new("systemd-escape")
            .args(["--path", "--suffix=mount"])
            .arg(remote.mount.as_str()))?;
        let names: Vec<_> = units.iter().map(|unit| file_name(unit)).collect();
        assert_eq!(names, [escaped.stdout.trim_end_matches('\n')], "{}", host.name);
        mounts += 1;
    }
    assert!(mounts > 2, "only {mounts} mounts in all fleets");
    Ok(())
}

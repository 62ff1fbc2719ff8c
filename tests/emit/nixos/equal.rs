//! Every host of every fleet is the same on NixOS and off it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::nix::nix;
use super::same::{Places, unit_is_the_same};
use super::system::{Emitted, Host, Way};
use crate::command::run;

const UNITS: &str = "etc/systemd/system";
const LIBEXEC: &str = "usr/local/libexec/genbackup";

/// Every unit, script and file of every fleet in `fixtures/fleets`, emitted as modules and by the module.
#[test]
fn every_host_of_every_fleet_is_the_same_on_nixos() -> Result<()> {
    let mut places = Places::new(&nix()?.store());
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets");
    let mut fleets = 0;
    for entry in std::fs::read_dir(directory)? {
        let fleet = entry?.path().join("fleet.toml");
        let emitted = Emitted::new(&fleet)?;
        for host in emitted.systems()? {
            let context = || format!("{}, {}, {:?}", fleet.display(), host.name, host.way);
            units_are_the_same(&host, &mut places).with_context(context)?;
            files_are_the_same(&host, &mut places).with_context(context)?;
            links_are_the_same(&host).with_context(context)?;
            accounts_are_the_same(&host).with_context(context)?;
            directories_are_the_same(&host).with_context(context)?;
            used_parts_of_nixos_are_enabled(&host).with_context(context)?;
        }
        fleets += 1;
    }
    ensure!(fleets > 0, "there is no fleet");
    assert_eq!(places.unmet(), [] as [&str; 0], "of the list of differences");
    Ok(())
}

/// The units of a system, timers with the calendars of their drop-ins; links that start units are another matter.
pub(crate) fn units(root: &Path) -> Result<BTreeMap<String, String>> {
    let files = Host::files(root, UNITS)?;
    let mut units = files.clone();
    units.retain(|name, _| !name.contains('/'));
    for (name, text) in &mut units {
        if let Some(drop_in) = files.get(&format!("{name}.d/overrides.conf")) {
            let calendars: String = drop_in
                .split_inclusive('\n')
                .filter(|line| line.starts_with("OnCalendar="))
                .collect();
            *text = text.replace("[Timer]\n", &format!("[Timer]\n{calendars}"));
        }
    }
    Ok(units)
}

fn units_are_the_same(host: &Host, places: &mut Places) -> Result<()> {
    let usual = units(&host.usual)?;
    let nixos = units(&host.nixos)?;
    assert_eq!(nixos.keys().collect::<Vec<_>>(), usual.keys().collect::<Vec<_>>());
    for (name, text) in &usual {
        unit_is_the_same(name, text, &nixos[name], places)?;
    }
    Ok(())
}

/// Scripts, and what is below `/etc`, byte by byte.
fn files_are_the_same(host: &Host, places: &mut Places) -> Result<()> {
    let mut usual = Host::files(&host.usual, "etc")?;
    usual.retain(|name, _| {
        !["systemd/", "sysusers.d/", "tmpfiles.d/", "genbackup/manifest"]
            .iter()
            .any(|other| name.starts_with(other))
    });
    let mut nixos = Host::files(&host.nixos, "etc")?;
    nixos.retain(|name, _| !name.starts_with("systemd/") && !name.starts_with("tmpfiles.d/"));
    if host.way == Way::Module {
        nixos
            .remove("genbackup/fleet.toml")
            .context("where the command looks for it")?;
    }
    for (name, text) in Host::files(&host.usual, LIBEXEC)? {
        usual.insert(format!("{LIBEXEC}/{name}"), text);
    }
    for (name, text) in scripts(host, places)? {
        nixos.insert(format!("{LIBEXEC}/{name}"), text);
    }
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&nixos), names(&usual));
    for (name, text) in &usual {
        // Its commands are those of the system.
        if name == "genbackup/RECOVERY.md" {
            continue;
        }
        let is_script = Path::new(name).starts_with(LIBEXEC) && Path::new(name).extension().is_none();
        let actual = if is_script {
            &places.without_path(name, &nixos[name])?
        } else {
            &nixos[name]
        };
        assert_eq!(&places.usual(actual), text, "{name}");
    }
    Ok(())
}

/// A page of commands that work on NixOS: it lacks those that NixOS undoes or lacks, and every block is one
/// of bash.
#[test]
fn recovery_page_of_nixos_has_only_commands_of_nixos() -> Result<()> {
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/every-option/fleet.toml");
    for host in Emitted::new(&fleet)?.systems()? {
        let page = std::fs::read_to_string(host.nixos.join("etc/genbackup/RECOVERY.md"))?;
        assert!(page.contains("`nixos-rebuild switch`"), "{page}");
        for refused in [
            "apt",
            "systemctl enable",
            "genbackup emit",
            "genbackup push",
            "usermod",
            "sed ",
            "/usr/",
        ] {
            assert!(!page.contains(refused), "{}: {refused}: {page}", host.name);
        }
        let blocks = page.split("```bash\n").skip(1);
        for block in blocks.filter_map(|block| block.split("```").next()) {
            let checked = run(Command::new("bash").args(["-n", "-c", block]))?;
            ensure!(
                checked.status.success() && checked.stderr.is_empty(),
                "{block}: {}",
                checked.stderr
            );
        }
    }
    Ok(())
}

/// The scripts that the units of NixOS start, by their names.
fn scripts(host: &Host, places: &mut Places) -> Result<BTreeMap<String, String>> {
    let store = nix()?.store().display().to_string();
    let mut scripts = BTreeMap::new();
    for text in units(&host.nixos)?.values() {
        for path in starts(text).filter(|start| start.starts_with(&store)) {
            let usual = places.usual(path);
            let name = usual.rsplit('/').next().unwrap_or_default();
            // Only NixOS has it, and sshd is no script.
            if ["run-with-path", "sshd"].contains(&name) {
                continue;
            }
            let mode = std::fs::metadata(path)?.permissions().mode();
            ensure!(mode & 0o555 == 0o555, "{path}: {mode:o}");
            let script = std::fs::read_to_string(path)?;
            scripts.insert(name.to_owned(), script);
        }
    }
    Ok(scripts)
}

/// The programs that a unit starts, without the prefixes that mean something to systemd.
pub(crate) fn starts(unit: &str) -> impl Iterator<Item = &str> {
    unit.lines().filter_map(|line| {
        let command = ["ExecStart=", "ExecStopPost="]
            .iter()
            .find_map(|key| line.strip_prefix(key))?;
        command.trim_start_matches([':', '-', '!']).split(' ').next()
    })
}

/// What an admin enables elsewhere, NixOS enables by itself.
fn links_are_the_same(host: &Host) -> Result<()> {
    let mut expected = BTreeSet::new();
    for (name, text) in units(&host.usual)? {
        for target in text.lines().filter_map(|line| line.strip_prefix("WantedBy=")) {
            expected.insert(format!("{target}.wants/{name}"));
        }
    }
    let links: BTreeSet<String> = Host::files(&host.nixos, UNITS)?
        .into_keys()
        .filter(|name| name.contains(".wants/"))
        .collect();
    assert_eq!(links, expected);
    Ok(())
}

/// User and group as sysusers.d(5) has them: `u restic 850:restic "…" - SHELL`.
fn accounts_are_the_same(host: &Host) -> Result<()> {
    let lines: String = Host::files(&host.usual, "etc/sysusers.d")?
        .into_values()
        .collect();
    let user = lines.lines().find_map(|line| line.strip_prefix("u restic "));
    let id = user.and_then(|user| user.split([' ', ':']).next()?.parse::<u64>().ok());
    let facts = host.facts()?;
    let restic = &facts["users"]["restic"];
    assert_eq!(restic["uid"].as_u64(), id);
    assert_eq!(facts["groups"]["restic"]["gid"].as_u64(), id);
    assert_eq!(restic["isSystemUser"], true);
    assert_eq!(restic["group"], "restic");
    ensure!(
        lines.contains(&format!(
            "\"{}\"",
            restic["description"].as_str().context("none")?
        )),
        "{lines}"
    );
    // A shell where sshd needs one; NixOS's own default is none.
    let shell = restic["shell"].as_str().unwrap_or("/bin/nologin");
    let has_shell = lines.contains(" /bin/sh\n");
    assert_eq!(shell.ends_with("-bash/bin/sh"), has_shell, "{shell}, {lines}");
    Ok(())
}

fn directories_are_the_same(host: &Host) -> Result<()> {
    let rules = |root: &Path| -> Result<BTreeSet<String>> {
        let files: String = Host::files(root, "etc/tmpfiles.d")?.into_values().collect();
        let lines = files.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    };
    assert_eq!(rules(&host.nixos)?, rules(&host.usual)?);
    Ok(())
}

/// The parts of NixOS that ours need, where they need them and nowhere else.
fn used_parts_of_nixos_are_enabled(host: &Host) -> Result<()> {
    let facts = host.facts()?;
    let exports = host.usual.join("etc/exports.d/genbackup.exports").exists();
    assert_eq!(facts["nfsServer"], exports);
    let triggers = facts["reloadTriggers"]["nfs-server"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(
        triggers,
        usize::from(exports),
        "exports are read again after a switch"
    );
    let is_mount = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "mount");
    let mounts = units(&host.usual)?.keys().any(is_mount);
    // Without rpcbind and its like, which NFS 4 does not need.
    assert_eq!(
        facts["fsPackages"],
        if mounts { json!(["nfs-utils"]) } else { json!([]) }
    );
    // sshd refuses keys in a directory that is its group's, as the store is.
    let keys = &facts["modes"]["genbackup/authorized_keys"];
    assert_eq!(*keys, if mounts { json!("0444") } else { Value::Null });
    assert_eq!(facts["allowedTCPPorts"], json!([]), "nobody asked for it");
    Ok(())
}

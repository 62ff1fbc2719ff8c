//! What the module does in addition to writing the host's files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::nix::{built_one, nix};
use super::system::{Host, Way, services, system};
use crate::command::run;

fn fleet(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fleets")
        .join(name)
        .join("fleet.toml")
}

/// A host of a system with these settings.
fn host(settings: &str, extra: &str) -> Result<Host> {
    let module = services(settings)?;
    let nixos = built_one(&system(&format!("{module} {{ {extra} }}")))?;
    Ok(Host {
        name: String::new(),
        way: Way::Module,
        nixos,
        usual: PathBuf::new(),
    })
}

#[test]
fn the_host_is_the_machine_unless_another_is_set() -> Result<()> {
    let by_name = host(
        &format!("fleet = {};", fleet("post").display()),
        "networking.hostName = \"ziz\";",
    )?;
    let by_option = host(
        &format!("host = \"ziz\"; fleet = {};", fleet("post").display()),
        "networking.hostName = \"elsewhere\";",
    )?;
    assert_eq!(by_name.nixos, by_option.nixos);
    Ok(())
}

#[test]
fn the_fleet_as_attributes_gives_the_same_units_as_the_fleet_as_a_file() -> Result<()> {
    for (name, of) in [("jak", "post"), ("kai", "post"), ("store", "every-option")] {
        let file = fleet(of);
        let from_file = host(&format!("host = \"{name}\"; fleet = {};", file.display()), "")?;
        let from_settings = host(
            &format!(
                "host = \"{name}\"; settings = stub.pkgs.lib.importTOML {};",
                file.display()
            ),
            "",
        )?;
        for directory in ["systemd", "tmpfiles.d", "exports.d"] {
            let directory = format!("etc/{directory}");
            let files = |host: &Host| -> Result<_> {
                let store = nix()?.store().display().to_string();
                let mut files = Host::files(&host.nixos, &directory)?;
                // A package of the host is named by what is in it and by what it was made of.
                for text in files.values_mut() {
                    *text = text
                        .split(&store)
                        .map(|part| part.get(34..).filter(|_| part.starts_with('/')).unwrap_or(part))
                        .collect();
                }
                Ok(files)
            };
            assert_eq!(files(&from_settings)?, files(&from_file)?, "{name}, {directory}");
        }
        assert_eq!(
            from_settings.facts()?["users"],
            from_file.facts()?["users"],
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn the_firewall_opens_only_the_ports_in_use_and_only_on_request() -> Result<()> {
    for (name, of, ports) in [
        ("jak", "post", json!([2049])),
        ("ziz", "post", json!([50_000])),
        ("web-1", "every-option", json!([2222])),
        // Nobody connects to a host that is alone.
        ("attic", "smallest", json!([])),
    ] {
        let settings = format!("host = \"{name}\"; fleet = {};", fleet(of).display());
        let closed = host(&settings, "")?.facts()?;
        assert_eq!(closed["allowedTCPPorts"], json!([]), "{name}");
        let open = host(&format!("{settings} openFirewall = true;"), "")?.facts()?;
        assert_eq!(open["allowedTCPPorts"], ports, "{name}");
    }
    Ok(())
}

#[test]
fn an_imported_module_that_is_not_enabled_changes_nothing() -> Result<()> {
    let off = host("", "services.genbackup.enable = stub.pkgs.lib.mkForce false;")?;
    let nothing = built_one(&system("{ }"))?;
    assert_eq!(off.nixos, nothing);
    Ok(())
}

/// As if it were built on a machine that cannot run its programs.
#[test]
fn the_files_are_written_by_the_generator_and_start_the_package() -> Result<()> {
    let module = services(&format!(
        "host = \"store\"; fleet = {};",
        fleet("every-option").display()
    ))?;
    let foreign = "stub.pkgs.runCommand \"genbackup-9.9.9\" { } ''
        mkdir -p \"$out/bin\"
        echo 'not a program of this machine' >\"$out/bin/genbackup\"
        chmod +x \"$out/bin/genbackup\"
    ''";
    let configuration = format!(
        "rec {{
            native = {module};
            pkgs = stub.pkgs // {{
                stdenv = {{ buildPlatform.canExecute = _: false; hostPlatform = {{ }}; }};
                buildPackages = stub.pkgs // {{ genbackup = native.services.genbackup.package; }};
            }};
            system = (stub.nixos {{
                inherit pkgs;
                modules = [
                    native
                    {{ services.genbackup.package = stub.pkgs.lib.mkForce ({foreign}); }}
                ];
            }}).config.system.build.toplevel;
        }}.system"
    );
    let system = built_one(&configuration)?;
    let watch = std::fs::read_to_string(system.join("etc/systemd/system/genbackup-watch.service"))?;
    assert!(
        watch.contains("-genbackup-9.9.9/bin/genbackup watch\n"),
        "{watch}"
    );
    let command = std::fs::read_to_string(system.join("sw/bin/genbackup"))?;
    assert_eq!(command, "not a program of this machine\n");
    Ok(())
}

#[test]
fn the_sshd_of_the_system_accepts_the_storage_host() -> Result<()> {
    let other = "services.openssh.package = stub.pkgs.runCommand \"openssh-9.9\" { } \"mkdir $out\";";
    let host = host(
        &format!("host = \"ziz\"; fleet = {};", fleet("post").display()),
        other,
    )?;
    let unit = std::fs::read_to_string(host.nixos.join("etc/systemd/system/genbackup-sshd@.service"))?;
    assert!(unit.contains("-openssh-9.9/bin/sshd -i"), "{unit}");
    Ok(())
}

/// The module of a service can add that service's files to the backup.
#[test]
fn several_modules_add_files_of_a_host() -> Result<()> {
    let module = services(&format!(
        "host = \"attic\"; settings = stub.pkgs.lib.importTOML {};",
        fleet("smallest").display()
    ))?;
    let more =
        |path: &str| format!("{{ services.genbackup.settings.hosts.attic.include = [ \"{path}\" ]; }}");
    let system = built_one(&system(&format!(
        "{module} {} {}",
        more("/var/lib/one"),
        more("/var/lib/two")
    )))?;
    let include = std::fs::read_to_string(system.join("etc/genbackup/include"))?;
    for path in ["/var/lib/one", "/var/lib/two"] {
        assert!(include.lines().any(|line| line == path), "{include}");
    }
    Ok(())
}

/// A build in a sandbox has no time zones where systemd looks for them, and names another directory in `TZDIR`.
#[test]
fn a_calendar_with_a_time_zone_is_taken_where_a_build_has_its_zones_elsewhere() -> Result<()> {
    let check = |zones: &str, calendar: &str| -> Result<bool> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("fleet.toml");
        let text = std::fs::read_to_string(fleet("post"))?;
        std::fs::write(
            &file,
            text.replace("*-*-* 04:00:00 America/Los_Angeles", calendar),
        )?;
        let script = "cp --recursive /usr/share/zoneinfo \"$1/zoneinfo\"
            mount -t tmpfs none /usr/share/zoneinfo
            exec \"$2\" --fleet \"$1/fleet.toml\" check --no-exposure";
        let checked = run(Command::new("unshare")
            .args(["--mount", "--propagation=private", "bash", "-euc", script, "bash"])
            .arg(directory.path())
            .arg(env!("CARGO_BIN_EXE_genbackup"))
            .env("TZDIR", directory.path().join(zones)))?;
        Ok(checked.status.success())
    };
    let zoned = "*-*-* 04:00:00 America/Los_Angeles";
    assert!(check("zoneinfo", zoned)?);
    assert!(!check("nowhere", zoned)?, "nobody knows the zone");
    assert!(!check("zoneinfo", "*-*-* 04:00:00 America/Los_Angels")?);
    assert!(!check("zoneinfo", "*-*-* 04:00:00 america/los_angeles")?);
    assert!(!check("zoneinfo", "never America/Los_Angeles")?);
    Ok(())
}

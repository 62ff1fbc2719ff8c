//! What builds and may not work is reported as a warning of the evaluation.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::nix::build;
use super::system::{services, system};

fn post() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml")
}

/// The warnings about a host of the fleet of the post, with more of the fleet and of the configuration.
fn warnings(host: &str, fleet: &str, extra: &str) -> Result<Vec<String>> {
    let module = services(&format!(
        "host = \"{host}\"; settings = stub.pkgs.lib.recursiveUpdate (stub.pkgs.lib.importTOML {}) {{ {fleet} }};",
        post().display()
    ))?;
    let built = build(&system(&format!("{module} {{ {extra} }}")))?;
    ensure!(built.status.success(), "{}", built.stderr);
    let warnings = built
        .stderr
        .lines()
        .filter_map(|line| line.split_once("services.genbackup: "));
    Ok(warnings.map(|(_, warning)| warning.to_owned()).collect())
}

const SSHD: &str = "services.openssh.enable = true;";

#[test]
fn a_host_key_that_nothing_makes_warns() -> Result<()> {
    for (host, fleet, extra, expected) in [
        (
            "ziz",
            "",
            "",
            "nothing makes it, because services.openssh is not enabled",
        ),
        (
            "ziz",
            "",
            "services.openssh.enable = true;
             services.openssh.hostKeys = [ { type = \"ed25519\"; path = \"/persist/ssh/host_key\"; } ];",
            "services.openssh.hostKeys has other paths; set `hosts.ziz.host-key-file` in the fleet to one of them: \
             /persist/ssh/host_key",
        ),
        ("ziz", "", SSHD, ""),
        (
            "ziz",
            "",
            "environment.etc.\"ssh/ssh_host_ed25519_key\".text = \"\";",
            "",
        ),
        (
            "ziz",
            "hosts.ziz.host-key-file = \"/persist/ssh/host_key\";",
            "",
            "",
        ),
        // It shows no key.
        ("jak", "", "", ""),
    ] {
        let warnings = warnings(host, fleet, extra)?;
        if expected.is_empty() {
            assert_eq!(warnings, [""; 0], "{host}, {fleet}, {extra}");
        } else {
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(expected), "{warnings:?}");
        }
    }
    Ok(())
}

#[test]
fn a_hook_with_a_user_or_program_that_nixos_lacks_warns() -> Result<()> {
    let hook = |user: &str, program: &str| {
        format!("hosts.ziz.before.dump = {{ user = \"{user}\"; command = [ \"{program}\" ]; }};")
    };
    let postgres = format!("{SSHD} users.users.postgres = {{ }};");
    for (fleet, extra, expected) in [
        (
            hook("postgres", "/run/current-system/sw/bin/pg_dumpall"),
            SSHD,
            "`hosts.ziz.before.dump` runs as user postgres, who is missing in users.users",
        ),
        (
            hook("postgres", "/usr/bin/pg_dumpall"),
            &postgres,
            "`hosts.ziz.before.dump` starts /usr/bin/pg_dumpall, which NixOS does not have at this path; \
             use /run/current-system/sw/bin/pg_dumpall",
        ),
        (
            hook("postgres", "/run/current-system/sw/bin/pg_dumpall"),
            &postgres,
            "",
        ),
        (hook("postgres", "/usr/bin/env"), &postgres, ""),
        (hook("postgres", "${stub.pkgs.jq}/bin/jq"), &postgres, ""),
    ] {
        let warnings = warnings("ziz", &fleet, extra)?;
        if expected.is_empty() {
            assert_eq!(warnings, [""; 0], "{fleet}");
        } else {
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains(expected), "{warnings:?}");
        }
    }
    Ok(())
}

/// It is an argument, not the address of a web service that takes notifications.
#[test]
fn a_url_in_the_command_of_a_hook_is_no_secret() -> Result<()> {
    let hook = "hosts.ziz.after.report = { user = \"restic-report\"; network = \"any\";
        command = [ \"/run/current-system/sw/bin/curl\" \"https://report.example.net\" ]; };";
    let extra = format!("{SSHD} users.users.restic-report = {{ }};");
    assert_eq!(warnings("ziz", hook, &extra)?, [""; 0]);
    Ok(())
}

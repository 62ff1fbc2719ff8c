//! Problems are reported: those of the fleet file by the program, and those that only NixOS can find by the
//! module.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::nix::{build, nix};
use super::system::{services, system};
use crate::command::{genbackup, run};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Builds a system that cannot be built; what Nix prints.
fn refused(settings: &str, extra: &str) -> Result<String> {
    let module = services(settings)?;
    let module = if extra.is_empty() {
        module
    } else {
        format!("{module} {{ {extra} }}")
    };
    let built = build(&system(&module))?;
    ensure!(!built.status.success(), "{settings}: {}", built.stdout);
    Ok(built.stderr)
}

/// Checks that settings are refused with these words before anything is built; all that Nix prints.
fn is_refused(settings: &str, extra: &str, expected: &[&str]) -> Result<String> {
    let printed = refused(settings, extra)?;
    for words in expected {
        assert!(printed.contains(words), "{settings}: {printed}");
    }
    assert!(!printed.contains("building '"), "{printed}");
    Ok(printed)
}

fn post() -> String {
    format!("fleet = {};", fixture("fleets/post/fleet.toml").display())
}

/// The fleet of the post as attributes, with more of them.
fn settings(more: &str) -> String {
    format!(
        "settings = stub.pkgs.lib.recursiveUpdate (stub.pkgs.lib.importTOML {}) {{ {more} }};",
        fixture("fleets/post/fleet.toml").display()
    )
}

/// Every kind of problem in the fixtures whose place in the file Nix does not need to know.
#[test]
fn a_problem_of_the_fleet_fails_the_build_with_the_command_s_words() -> Result<()> {
    for name in [
        "many-problems",
        "calendar-that-systemd-refuses",
        "unknown-key-at-the-top",
        "initialize-without-file-system",
        "integer-instead-of-table",
        "list-instead-of-host",
        "missing-table-ssh",
        "two-hosts-with-one-address",
    ] {
        let fleet = fixture("problems").join(format!("{name}.toml"));
        let checked = run(genbackup().arg("--fleet").arg(&fleet).arg("check"))?;
        assert_eq!(checked.status.code(), Some(1), "{name}");
        let words = checked.stderr.replace(&fleet.display().to_string(), "fleet.toml");
        // The build also writes the files.
        let words = words.trim_end().to_owned() + "; nothing was written\n";
        let printed = without_hash(&refused(
            &format!("host = \"jak\"; fleet = {};", fleet.display()),
            "",
        )?);
        assert!(printed.contains(&words), "{name}: {printed}\n---\n{words}");
    }
    Ok(())
}

/// The output, with the store path of the fleet file cut to the file's name.
fn without_hash(printed: &str) -> String {
    let mut parts = printed.split("-fleet.toml");
    let first = parts.next().unwrap_or_default();
    let mut text = cut_path(first);
    for part in parts {
        text.push_str("fleet.toml");
        text.push_str(&cut_path(part));
    }
    text
}

/// Without the path that it ends in.
fn cut_path(text: &str) -> String {
    let end = text
        .rfind([' ', '\n', '`', '"'])
        .map_or(0, |position| position + 1);
    if text[end..].starts_with('/') {
        text[..end].to_owned()
    } else {
        text.to_owned()
    }
}

#[test]
fn a_host_that_the_fleet_does_not_have_is_named_with_those_that_it_has() -> Result<()> {
    is_refused(
        &format!("host = \"zig\"; {}", post()),
        "",
        &["no host of the fleet is named `zig`; the hosts of the fleet are: jak, kai, ziz"],
    )?;
    Ok(())
}

#[test]
fn a_machine_without_a_host_name_needs_the_option_host() -> Result<()> {
    is_refused(
        &post(),
        "networking.hostName = \"\";",
        &[
            "services.genbackup.host is not set, and this machine has no networking.hostName",
            "the hosts of the fleet are: jak, kai, ziz",
        ],
    )?;
    Ok(())
}

#[test]
fn a_fleet_that_is_described_twice_or_never_is_refused() -> Result<()> {
    is_refused(
        &format!("host = \"jak\"; {} {}", post(), settings("")),
        "",
        &["services.genbackup.fleet and services.genbackup.settings are both set"],
    )?;
    is_refused(
        "host = \"jak\";",
        "",
        &["services.genbackup.enable needs the fleet"],
    )?;
    Ok(())
}

#[test]
fn a_fleet_that_would_have_to_be_built_first_is_refused() -> Result<()> {
    is_refused(
        "host = \"jak\"; fleet = stub.pkgs.writeText \"fleet.toml\" \"\";",
        "",
        &["services.genbackup.fleet is the output of a derivation"],
    )?;
    Ok(())
}

#[test]
fn a_secret_never_gets_into_the_store() -> Result<()> {
    let secret = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for (more, expected) in [
        // A path in Nix's own notation is copied to the store.
        (
            format!("repository.password-file = {};", secret.display()),
            "`repository.password-file` would be in the Nix store",
        ),
        (
            "repository.password-file = \"${stub.pkgs.writeText \"password\" \"geheim\"}\";".to_owned(),
            "`repository.password-file` would be in the Nix store",
        ),
        (
            "repository.password-file = stub.pkgs.writeText \"password\" \"geheim\";".to_owned(),
            "`repository.password-file` would be in the Nix store",
        ),
        (
            format!("ssh.key-file = {};", secret.display()),
            "`ssh.key-file` would be in the Nix store",
        ),
        (
            format!("hosts.kai.host-key-file = {};", secret.display()),
            "`hosts.kai.host-key-file` would be in the Nix store",
        ),
        (
            format!("hosts.kai.include = [ {} ];", secret.display()),
            "`hosts.kai.include` would be in the Nix store",
        ),
        (
            "repository.password = \"geheim\";".to_owned(),
            "the fleet holds a secret in `repository.password`,",
        ),
        (
            "ssh.public-key = \"-----BEGIN OPENSSH PRIVATE KEY-----\\ngeheim\";".to_owned(),
            "the fleet holds a secret in `ssh.public-key`,",
        ),
        (
            "notify.team = { kind = \"ntfy\"; url = \"https://ntfy.example.net/geheim\"; };".to_owned(),
            "the fleet holds a secret in `notify.team.url`,",
        ),
        // All of a kind are in one message.
        (
            "repository.password = \"geheim\"; ssh.passphrase = \"geheim\";".to_owned(),
            "the fleet holds a secret in `repository.password`, `ssh.passphrase`,",
        ),
    ] {
        let configuration = format!("host = \"jak\"; {}", settings(&more));
        let printed = is_refused(&configuration, "", &[expected])?;
        assert!(!printed.contains("geheim"), "{printed}");
    }
    Ok(())
}

#[test]
fn a_program_that_pkgs_lacks_is_named() -> Result<()> {
    let module = services(&format!("host = \"jak\"; {}", post()))?;
    let lacking = "pkgs = removeAttrs stub.pkgs [ \"socat\" \"gnugrep\" ];";
    let built = build(&format!(
        "((stub.nixos {{ {lacking} modules = [ {module} ]; }}).config.system.build.toplevel)"
    ))?;
    ensure!(!built.status.success());
    assert!(
        built.stderr.contains(
            "host jak needs programs that are missing in pkgs: gnugrep, socat; add them with an overlay"
        ),
        "{}",
        built.stderr
    );
    Ok(())
}

#[test]
fn a_program_older_than_the_fleet_requires_is_named() -> Result<()> {
    is_refused(
        &format!(
            "host = \"jak\"; {}",
            settings("minimum-versions = { restic = \"0.99\"; systemd = \"300\"; };")
        ),
        "",
        &[
            "programs of jak are older than the fleet requires (minimum-versions): \
             restic is 0.18.0, required is 0.99, systemd is 257, required is 300",
        ],
    )?;
    Ok(())
}

#[test]
fn the_systemd_of_the_system_decides_about_the_minimum_version() -> Result<()> {
    let old = "systemd.package = stub.pkgs.systemd // { version = \"251\"; };";
    is_refused(
        &format!(
            "host = \"jak\"; {}",
            settings("minimum-versions.systemd = \"252\";")
        ),
        old,
        &["systemd is 251, required is 252"],
    )?;
    let emitted = super::system::Emitted::new(&fixture("fleets/post/fleet.toml"))?;
    let module = emitted.module("ziz").display().to_string();
    let built = build(&system(&format!("{module} {{ {old} }}")))?;
    ensure!(!built.status.success());
    assert!(
        built
            .stderr
            .contains("genbackup: systemd is 251, but the fleet file requires 252 or later on ziz"),
        "{}",
        built.stderr
    );
    Ok(())
}

#[test]
fn an_option_that_is_none_and_a_value_of_a_wrong_type_are_refused() -> Result<()> {
    for (settings, expected) in [
        (
            "flete = ./fleet.toml;",
            "services.genbackup.flete' does not exist",
        ),
        (
            "enable = \"yes\";",
            "services.genbackup.enable' is not of type `boolean'",
        ),
        ("host = 3;", "services.genbackup.host' is not of type `string'"),
        (
            "fleet = 3;",
            "services.genbackup.fleet' is not of type `null or path'",
        ),
        (
            "fleet = stub.pkgs.lib.mkForce null; settings.repository.uid = \"many\";",
            "services.genbackup.settings.repository.uid' is not of type",
        ),
        ("settings = 3;", "services.genbackup.settings' is not of type"),
        (
            "openFirewall = 1;",
            "services.genbackup.openFirewall' is not of type `boolean'",
        ),
        (
            "package = \"genbackup\";",
            "services.genbackup.package' is not of type `package'",
        ),
    ] {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("nix/module.nix");
        let else_sound = format!(
            "{{ services.genbackup = stub.pkgs.lib.mapAttrs (_: stub.pkgs.lib.mkDefault) {{
                enable = true; package = stub.pkgs.bash; host = \"jak\"; {} }}; }}",
            post()
        );
        let built = build(&system(&format!(
            "{} {else_sound} {{ services.genbackup = {{ {settings} }}; }}",
            module.display()
        )))?;
        ensure!(!built.status.success(), "{settings}");
        assert!(built.stderr.contains(expected), "{settings}: {}", built.stderr);
    }
    Ok(())
}

#[test]
fn an_error_of_toml_is_reported_with_its_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("odd.toml");
    std::fs::write(&file, "[repository\n")?;
    let module = services(&format!("host = \"jak\"; fleet = {};", file.display()))?;
    let stub = nix()?.stub().display().to_string();
    let expression = format!("let stub = import {stub} {{ }}; in {}", system(&module));
    // Nix before 2.20 shows such contexts only then.
    let evaluated = run(nix()?
        .command("nix-instantiate")
        .args(["--show-trace", "--expr", &expression]))?;
    ensure!(!evaluated.status.success(), "{}", evaluated.stdout);
    let expected = format!(
        "while reading the fleet file {} (services.genbackup.fleet)",
        file.display()
    );
    assert!(evaluated.stderr.contains(&expected), "{}", evaluated.stderr);
    Ok(())
}

#[test]
fn a_host_with_nixpkgs_rest_server_is_refused() -> Result<()> {
    let extra = "services.restic.server.enable = true;";
    let expected = "its user restic is also the user of the backups; run the rest-server on another host";
    for host in ["jak", "ziz"] {
        is_refused(&format!("host = \"{host}\"; {}", post()), extra, &[expected])?;
        let emitted = super::system::Emitted::new(&fixture("fleets/post/fleet.toml"))?;
        let module = emitted.module(host).display().to_string();
        let built = build(&system(&format!("{module} {{ {extra} }}")))?;
        ensure!(!built.status.success());
        assert!(built.stderr.contains(expected), "{}", built.stderr);
    }
    Ok(())
}

/// Nix evaluates lazily, but a program that is missing or old fails the build of the whole system.
#[test]
fn an_emitted_module_names_a_missing_or_old_program() -> Result<()> {
    let emitted = super::system::Emitted::new(&fixture("fleets/every-option/fleet.toml"))?;
    let module = emitted.module("web-1").display().to_string();
    let lacking = build(&format!(
        "((stub.nixos {{ pkgs = removeAttrs stub.pkgs [ \"socat\" ]; modules = [ {module} ]; }}).config.system.build.toplevel)"
    ))?;
    ensure!(!lacking.status.success());
    assert!(
        lacking.stderr.contains("attribute 'socat' missing"),
        "{}",
        lacking.stderr
    );
    let old = build(&format!(
        "((stub.nixos {{ pkgs = stub.pkgs // {{ restic = stub.pkgs.restic // {{ version = \"0.16.4\"; }}; }}; modules = [ {module} ]; }}).config.system.build.toplevel)"
    ))?;
    ensure!(!old.status.success());
    assert!(
        old.stderr
            .contains("genbackup: restic is 0.16.4, but the fleet file requires 0.17.3 or later on web-1"),
        "{}",
        old.stderr
    );
    Ok(())
}

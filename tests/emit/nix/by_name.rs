//! The package has the form that nixpkgs asks of a package in `pkgs/by-name`, and can be built for another platform.

use anyhow::Result;
use rnix::{Root, SyntaxKind};
use serde_json::{Value, json};

use super::flake::evaluate;
use super::package::root;

/// What stands in the place of a value that is only there.
const PRESENT: &str = "present";

#[test]
fn package_has_what_reviewers_of_nixpkgs_ask_for() -> Result<()> {
    let package: Value = evaluate(
        r#"let genbackup = pkgs.callPackage (root + "/nix/package.nix") { }; in {
            inherit (genbackup) __structuredAttrs doInstallCheck pname strictDeps;
            installCheck = map (package: package.name) genbackup.nativeInstallCheckInputs;
            update = genbackup.updateScript.name;
            tests = lib.attrNames genbackup.tests;
            meta = lib.mapAttrs (_: value: if value == [ ] then value else "present") genbackup.meta;
            inherit (genbackup.meta) description mainProgram;
        }"#,
    )?;
    assert_eq!(
        package,
        json!({
            "__structuredAttrs": true,
            "doInstallCheck": true,
            "pname": "genbackup",
            "strictDeps": true,
            "installCheck": ["versionCheckHook"],
            "update": "nix-update-script",
            "tests": ["changes", "clippy", "nightly", "tests"],
            "meta": {
                "changelog": PRESENT,
                "description": PRESENT,
                "homepage": PRESENT,
                "license": PRESENT,
                "longDescription": PRESENT,
                "mainProgram": PRESENT,
                "maintainers": [],
                "platforms": PRESENT,
            },
            "description": "Backups of a fleet with restic, as plain systemd units written from one TOML file",
            "mainProgram": "genbackup",
        })
    );
    Ok(())
}

/// To bring the package to nixpkgs, one copies it, and replaces one file.
#[test]
fn package_reads_nothing_of_the_checkout_but_one_file() -> Result<()> {
    let text = std::fs::read_to_string(root().join("nix/package.nix"))?;
    let mut paths: Vec<String> = Root::parse(&text)
        .syntax()
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::NODE_PATH)
        .map(|node| node.to_string())
        .collect();
    paths.sort();
    assert_eq!(paths, ["./checkout.nix", "./package.nix"]);
    Ok(())
}

/// The command writes its completions and manual pages, and a foreign one cannot run.
#[test]
fn cross_build_runs_the_command_of_the_build_platform() -> Result<()> {
    let scripts: Value = evaluate(
        r#"let
            package = root + "/nix/package.nix";
            foreign = { stdenv = pkgs.stdenv // { buildPlatform.canExecute = _: false; }; };
        in {
            native = (pkgs.callPackage package { }).postInstall;
            command = lib.getExe (pkgs.callPackage package { });
            cross = (pkgs.callPackage package foreign).postInstall;
            withOverlay = (pkgs.callPackage package (foreign // {
                buildPackages.genbackup = pkgs.jq // { meta.mainProgram = "overlay"; };
            })).postInstall;
        }"#,
    )?;
    let script = |name: &str| scripts[name].as_str().unwrap_or_default();
    let own = r#""$out/bin/genbackup""#;
    assert!(script("native").contains(own), "{scripts}");
    let command = format!("\"{}\"", script("command"));
    for (name, command) in [("cross", command.as_str()), ("withOverlay", "/bin/overlay\"")] {
        let script = script(name);
        assert!(!script.contains(own), "{name}: {script}");
        // Three shells and the manual pages.
        assert_eq!(script.matches(command).count(), 4, "{name}: {script}");
    }
    Ok(())
}

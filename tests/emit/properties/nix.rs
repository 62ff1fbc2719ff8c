//! Nix gives back every file, unit and script of a host's NixOS module.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Reader;
use super::field::{Case, Files, Host};
use super::property::all_come_back;

/// Packages whose paths are those of any other system, and scripts that are their own paths. So a unit holds
/// the text of the script that it starts. A package of files is these files.
const STAND_INS: &str = r#"
let
  pkgs = {
    bash = "";
    socat = "/usr";
    coreutils = findutils; findutils = ""; gnugrep = findutils; restic = findutils;
    util-linux = findutils;
    linkFarm = _: files: files;
    writeScript = name: text: if name == "run-with-path" then "(run-with-path)" else text;
    writeText = _: text: text;
  };
  findutils = "";
  lib = {
    makeBinPath = _: "(PATH)";
    mapAttrs' = change: set: builtins.listToAttrs (map (name: change name set.${name}) (builtins.attrNames set));
    mkIf = _: value: value;
    nameValuePair = name: value: { inherit name value; };
    strings.sanitizeDerivationName = name: name;
  };
  config = {
    environment.etc."exports.d/genbackup.exports".source = "";
    services.openssh.package = "/usr";
    systemd.package = "";
  };
  shown = module:
    let
      system = module { inherit config lib pkgs; };
      package = builtins.head system.systemd.packages;
    in
    {
      calendars = builtins.mapAttrs (_: timer: timer.timerConfig.OnCalendar) (system.systemd.timers or { });
      etc = builtins.mapAttrs (_: file: file.text) system.environment.etc;
      units = lib.mapAttrs' (path: lib.nameValuePair (baseNameOf path)) package;
    };
in
map shown [
"#;

/// What NixOS's units and scripts have more.
const ADDED: [&str; 6] = [
    "# This script sets its own PATH, because a drop-in can replace that of the unit.",
    "export PATH=(PATH)",
    "# A changed unit takes effect at its next start.",
    "X-RestartIfChanged=false",
    "# A switch to another NixOS generation does not stop this unit, even if that generation lacks it.",
    "X-StopOnRemoval=false",
];

#[derive(Debug, Deserialize)]
struct Shown {
    /// Those of timers, which NixOS writes into drop-ins.
    calendars: BTreeMap<String, Vec<String>>,
    etc: BTreeMap<String, String>,
    units: BTreeMap<String, String>,
}

#[test]
fn nix_gives_back_every_text_of_a_module() -> Result<()> {
    all_come_back(Reader::Nix, |_| true, &|cases| {
        let mut modules = tempfile::NamedTempFile::new()?;
        modules.write_all(STAND_INS.as_bytes())?;
        for case in cases {
            for host in [Host::Storage, Host::Client] {
                writeln!(modules, "(\n{})", case.nix_module(host)?)?;
            }
        }
        modules.write_all(b"]\n")?;
        let shown = evaluated(modules.path())?;
        ensure!(shown.len() == cases.len() * 2, "{} of them", shown.len());
        for (case, shown) in cases.iter().zip(shown.chunks(2)) {
            for (host, shown) in [Host::Storage, Host::Client].into_iter().zip(shown) {
                is_the_same(case, host, shown)?;
            }
        }
        Ok(())
    })
}

fn evaluated(file: &std::path::Path) -> Result<Vec<Shown>> {
    let output = Command::new("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json"])
        .arg(file)
        .env("NIX_CONFIG", "build-users-group =")
        .output()
        .context("Nix is needed: `cargo xtask setup` installs it")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaint}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn is_the_same(case: &Case, host: Host, shown: &Shown) -> Result<()> {
    let files = case.files(host)?;
    // NixOS has another page, whose values are written as those of this one.
    for (path, text) in shown
        .etc
        .iter()
        .filter(|(path, _)| *path != "genbackup/RECOVERY.md")
    {
        let expected = files.get(&format!("/etc/{path}"))?;
        ensure!(text == expected, "{path}: {text:?} instead of {expected:?}");
    }
    for (name, text) in &shown.units {
        let expected = with_its_script(files.unit(name)?, &files)?;
        let usual: Vec<&str> = text.lines().filter(|line| !ADDED.contains(line)).collect();
        let usual = usual.join("\n") + "\n";
        let usual = usual.replace("-/usr/bin/sshd -i", "-/usr/sbin/sshd -i");
        let usual = usual.replace("(run-with-path) ", "");
        let calendars = name
            .strip_suffix(".timer")
            .and_then(|timer| shown.calendars.get(timer));
        let lines: String = calendars
            .into_iter()
            .flatten()
            .flat_map(|calendar| ["OnCalendar=", calendar, "\n"])
            .collect();
        let usual = usual.replace("[Timer]\n", &format!("[Timer]\n{lines}"));
        // The command is the system's own there (`tests/emit/nixos/same.rs`).
        let usual = usual.replace("/run/current-system/sw/bin/genbackup ", "genbackup ");
        ensure!(usual == expected, "{name}: {usual:?} instead of {expected:?}");
    }
    let units = files
        .0
        .keys()
        .filter(|path| path.starts_with("/etc/systemd/system/"));
    ensure!(shown.units.len() == units.count(), "a unit is missing");
    Ok(())
}

/// A unit with the text of the script in the place of its path.
fn with_its_script(unit: &str, files: &Files) -> Result<String> {
    let Some((_, start)) = unit.split_once("=/usr/local/libexec/genbackup/") else {
        // What notes the result of a hook has an argument behind it.
        let path = "!/usr/local/libexec/genbackup/note-result ";
        return Ok(match files.script("note-result") {
            Ok(script) => unit.replacen(path, &format!("!{script} "), 1),
            Err(_) => unit.to_owned(),
        });
    };
    let name = start.lines().next().context("a script has a name")?;
    let path = format!("/usr/local/libexec/genbackup/{name}\n");
    Ok(unit.replacen(&path, &format!("{}\n", files.script(name)?), 1))
}

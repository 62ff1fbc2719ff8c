//! The same with a whole nixpkgs, where one is at hand: `NIXPKGS=DIR cargo xtask nix`. It takes Nix 2.18 or later.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::equal::units;
use super::same::{Places, unit_is_the_same};
use super::system::Emitted;
use crate::command::run;

/// NixOS with one module, without the other settings that a real machine needs.
const NIXOS: &str = r#"
module: name: import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = "x86_64-linux";
    modules = [
        module
        {
            boot.loader.grub.enable = false;
            fileSystems."/" = { device = "none"; fsType = "tmpfs"; };
            networking.hostName = name;
            system.stateVersion = "25.11";
        }
    ];
}
"#;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Evaluated {
    /// The system as a derivation, by each of the two ways.
    emitted: String,
    module: String,
    /// The units of the emitted module.
    units: BTreeMap<String, String>,
    /// What NixOS writes into the drop-ins of timers.
    calendars: BTreeMap<String, Vec<String>>,
}

impl Evaluated {
    /// A unit with its calendars.
    fn unit(&self, name: &str) -> Option<String> {
        let calendars = name
            .strip_suffix(".timer")
            .and_then(|timer| self.calendars.get(timer));
        let lines: String = calendars
            .into_iter()
            .flatten()
            .flat_map(|calendar| ["OnCalendar=", calendar, "\n"])
            .collect();
        let text = self.units.get(name)?;
        Some(text.replace("[Timer]\n", &format!("[Timer]\n{lines}")))
    }
}

fn evaluate(nixpkgs: &Path, fleet: &Path, emitted: &Emitted, host: &str) -> Result<Evaluated> {
    let expression = format!(
        r#"
        let
            nixpkgs = {nixpkgs};
            nixos = {NIXOS};
            # NixOS takes no dot in a host name.
            name = builtins.head (builtins.split "\\." "{host}");
            emitted = nixos {emitted} name;
            module = nixos {{
                imports = [ {module} ];
                services.genbackup = {{ enable = true; host = "{host}"; fleet = {fleet}; }};
            }} name;
        in
        {{
            emitted = emitted.config.system.build.toplevel.drvPath;
            module = module.config.system.build.toplevel.drvPath;
            units = builtins.listToAttrs (
                builtins.concatMap (package:
                    map (path: {{
                        name = baseNameOf path;
                        value = package.entries.${{path}}.text;
                    }}) (builtins.attrNames package.entries)
                ) (builtins.filter (package: package.name == "genbackup-units") emitted.config.systemd.packages)
            );
            calendars = builtins.mapAttrs (_: timer:
                let calendar = timer.timerConfig.OnCalendar or [ ]; in
                if builtins.isList calendar then calendar else [ calendar ]
            ) emitted.config.systemd.timers;
        }}"#,
        nixpkgs = nixpkgs.display(),
        emitted = emitted.module(host).display(),
        module = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("nix/module.nix")
            .display(),
        fleet = fleet.display(),
    );
    let evaluated = run(Command::new("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json"])
        .args(["--option", "allow-import-from-derivation", "false"])
        .args(["--expr", &expression]))?;
    ensure!(evaluated.status.success(), "{host}: {}", evaluated.stderr);
    Ok(serde_json::from_str(&evaluated.stdout)?)
}

#[test]
#[ignore = "needs a whole nixpkgs, NIXPKGS=DIR"]
fn every_host_of_three_fleets_is_the_same_on_a_whole_nixos() -> Result<()> {
    let nixpkgs = std::env::var_os("NIXPKGS").context("NIXPKGS is not set")?;
    let mut places = Places::new(Path::new("/nix/store"));
    for name in ["awkward-names", "every-option", "post"] {
        let fleet = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/fleets")
            .join(name)
            .join("fleet.toml");
        let emitted = Emitted::new(&fleet)?;
        for host in emitted.hosts()? {
            let evaluated = evaluate(Path::new(&nixpkgs), &fleet, &emitted, &host)?;
            for system in [&evaluated.emitted, &evaluated.module] {
                ensure!(system.contains("-nixos-system-"), "{system}");
            }
            for (name, text) in units(&emitted.root(&host))? {
                let nixos = evaluated.unit(&name);
                let nixos = nixos.with_context(|| format!("{host} has no {name}"))?;
                unit_is_the_same(&name, &text, &nixos, &mut places).context(host.clone())?;
            }
            println!("{host}: {}", evaluated.module);
        }
    }
    Ok(())
}

//! The fleet as Nix evaluates it, on the lab's machines in place of what `emit` wrote there: real store paths, and in
//! them links to Debian's programs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::cache;
use crate::install::{fleet_file, genbackup};
use crate::lab::{Kind, Lab};
use crate::machine::Machine;
use crate::nixpkgs::Nixpkgs;
use crate::process::{command, output_of};

/// Where the store is, here and on the machines, for paths name each other: no sandbox hides it.
const PLACE: &str = "/opt/genbackup-vmtests";

/// Takes away what `emit` wrote, with its links and its user. The admin's keys and the repository stay.
const WITHOUT_EMIT: &str = "
    cd /etc/systemd/system
    systemctl --quiet disable --now $(ls genbackup*.timer genbackup*.socket)
    cd /
    jq --raw-output '.files | keys[]' etc/genbackup/manifest.json | xargs --delimiter='\\n' rm
    rm etc/genbackup/manifest.json
    userdel restic
    systemctl daemon-reload";
/// What a switch does: targets that are active are started again, and with them what they want by now.
const SWITCH: &str = "systemctl start timers.target sockets.target";

/// Has Nix evaluate and build every host's part of the lab's fleet, and makes it live in the place of what was emitted.
/// The clients prove the two ways there are: `ziz` has the module with the fleet file, `kai` the module that
/// `emit --format nix` writes.
///
/// # Errors
/// When Nix refuses, or a machine.
pub fn switch(lab: &Lab) -> anyhow::Result<()> {
    let _place = Place::new()?;
    let fleet = Path::new(PLACE).join("fleet.toml");
    let modules = Path::new(PLACE).join("modules");
    fs::write(&fleet, fleet_file(lab)?)?;
    output_of(
        command(&genbackup()?.to_string_lossy())
            .args(["emit", "--format", "nix", "--out"])
            .arg(&modules)
            .arg("--fleet")
            .arg(&fleet),
    )?;
    let nixpkgs = Nixpkgs::new(Path::new(PLACE), &cache::workspace())?;
    let mut expression = "[".to_owned();
    for machine in lab.machines() {
        let module = if machine.name() == lab.kai.name() {
            modules.join("kai.nix").display().to_string()
        } else {
            by_module(machine, &fleet)?
        };
        // The stand-in for NFS has no mapping of users: see container/prepare.rs.
        let user = match machine.kind() {
            Kind::Container => "{ users.users.restic.uid = 850; users.groups.restic.gid = 850; }",
            Kind::Virtual => "{ }",
        };
        let release = machine.release();
        write!(
            expression,
            " (let called = stub {{ versions = {{ restic = \"{}\"; systemd = \"{}\"; }}; }}; in let stub = called; in
                (stub.nixos {{ modules = [ {module} {user} ]; }}).config.system.build.toplevel)",
            release.restic(),
            release.systemd()
        )?;
    }
    let systems = nixpkgs.built(&format!("{expression} ]"))?;
    ensure!(systems.len() == lab.machines().len(), "{systems:?}");
    for (machine, system) in lab.machines().into_iter().zip(systems) {
        machine.succeeds(WITHOUT_EMIT)?;
        machine.install_paths(&closure(&nixpkgs, &system)?)?;
        let system = system.display();
        machine.succeeds(&format!("{system}/activate {system} && {SWITCH}"))?;
    }
    lab.jak.succeeds("exportfs -ra").map(drop)
}

/// The module of this repository, for a host that is found by its host name.
fn by_module(machine: &Machine, fleet: &Path) -> anyhow::Result<String> {
    Ok(format!(
        r#"{module} {{
            networking.hostName = "{host}";
            services.genbackup = {{
                enable = true;
                fleet = {fleet};
                package = stub.pkgs.runCommand "genbackup" {{ }} ''
                    mkdir -p "$out/bin"
                    strip -o "$out/bin/genbackup" {program}
                '';
            }};
        }}"#,
        module = cache::workspace().join("nix/module.nix").display(),
        host = machine.name(),
        fleet = fleet.display(),
        program = genbackup()?.display(),
    ))
}

/// A store path and all that it needs.
fn closure(nixpkgs: &Nixpkgs, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut query = nixpkgs.command("nix-store");
    let paths = output_of(query.args(["--query", "--requisites"]).arg(path))?;
    Ok(paths.lines().map(PathBuf::from).collect())
}

/// The directory of the store, gone with this value.
struct Place;

impl Place {
    fn new() -> anyhow::Result<Self> {
        // What a killed one left.
        drop(Self);
        fs::create_dir_all(PLACE).with_context(|| format!("cannot make `{PLACE}`: are you root?"))?;
        Ok(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Store paths are read-only directories.
        if Path::new(PLACE).exists() {
            let removed = output_of(command("chmod").args(["--recursive", "u+w", PLACE]))
                .and_then(|_| Ok(fs::remove_dir_all(PLACE)?));
            if let Err(error) = removed {
                eprintln!("{PLACE} stays: {error:#}");
            }
        }
    }
}

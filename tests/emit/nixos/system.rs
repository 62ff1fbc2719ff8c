//! What NixOS makes of a host of a fleet, built, and what any other system gets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::nix::built;
use crate::command::{genbackup, run};

/// The ways in which a fleet comes to NixOS.
pub(crate) const WAYS: [Way; 2] = [Way::Emitted, Way::Module];

/// How a fleet comes to NixOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the modules that `emit --format nix` writes.
    Emitted,
    /// By `services.genbackup` of `nix/module.nix`.
    Module,
}

/// A host of a fleet, for NixOS and for any other system.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) way: Way,
    /// What NixOS makes of it, as a directory.
    pub(crate) nixos: PathBuf,
    /// The root of its tree on any other system.
    pub(crate) usual: PathBuf,
}

/// A fleet, emitted to a directory that is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Emitted {
    directory: TempDir,
    fleet: PathBuf,
}

impl Emitted {
    pub(crate) fn new(fleet: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for (name, arguments) in [
            ("hosts", ["--all", "--root"]),
            ("modules", ["--format=nix", "--out"]),
        ] {
            let place = directory.path().join(name);
            let emitted = run(genbackup()
                .arg("--fleet")
                .arg(fleet)
                .arg("emit")
                .args(arguments)
                .arg(place))?;
            ensure!(emitted.status.success(), "{}", emitted.stderr);
        }
        let fleet = fleet.to_path_buf();
        Ok(Self { directory, fleet })
    }

    /// The root of a host on any other system.
    pub(crate) fn root(&self, host: &str) -> PathBuf {
        self.directory.path().join("hosts").join(host)
    }

    /// The module of a host.
    pub(crate) fn module(&self, host: &str) -> PathBuf {
        self.directory.path().join("modules").join(format!("{host}.nix"))
    }

    /// The names of the hosts.
    pub(crate) fn hosts(&self) -> Result<BTreeSet<String>> {
        let names = fs::read_dir(self.directory.path().join("hosts"))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    /// Every host, each way.
    pub(crate) fn systems(&self) -> Result<Vec<Host>> {
        let hosts = self.hosts()?;
        let mut expressions = Vec::new();
        let mut systems = Vec::new();
        for name in hosts {
            for way in WAYS {
                expressions.push(match way {
                    Way::Emitted => system(&self.module(&name).display().to_string()),
                    Way::Module => system(&services(&format!(
                        "host = \"{name}\"; fleet = {};",
                        self.fleet.display()
                    ))?),
                });
                systems.push((name.clone(), way));
            }
        }
        let built = built(&format!("[ {} ]", expressions.join(" ")))?;
        ensure!(built.len() == systems.len(), "{built:?}");
        let hosts = systems.into_iter().zip(built).map(|((name, way), nixos)| Host {
            usual: self.root(&name),
            name,
            way,
            nixos,
        });
        Ok(hosts.collect())
    }
}

/// The expression of a system with a module.
pub(crate) fn system(module: &str) -> String {
    format!("((stub.nixos {{ modules = [ {module} ]; }}).config.system.build.toplevel)")
}

/// The expression of a module that enables ours, with these settings of `services.genbackup`.
pub(crate) fn services(settings: &str) -> Result<String> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_genbackup"));
    // The package is a link, so what is in it has to be in its name.
    let built = fs::metadata(&program)?.modified()?;
    let stamp = built.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    Ok(format!(
        r#"{{
            imports = [ {module} ];
            services.genbackup = {{
                enable = true;
                package = stub.pkgs.runCommand "genbackup" {{ stamp = "{stamp}"; }} ''
                    mkdir -p "$out/bin"
                    ln -s {program} "$out/bin/genbackup"
                '';
                {settings}
            }};
        }}"#,
        module = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("nix/module.nix")
            .display(),
        program = program.display(),
    ))
}

impl Host {
    /// What NixOS knows of the host in addition to its files.
    pub(crate) fn facts(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.nixos.join("facts.json"))?)?)
    }

    /// The files below a directory of either, by their paths below it; nothing where there is no such directory.
    pub(crate) fn files(root: &Path, directory: &str) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        let top = root.join(directory);
        let mut directories = vec![top.clone()];
        while let Some(directory) = directories.pop() {
            if !directory.exists() {
                continue;
            }
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let name = path.strip_prefix(&top)?.to_str().context("a name is UTF-8")?;
                    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                    files.insert(name.to_owned(), text);
                }
            }
        }
        Ok(files)
    }
}

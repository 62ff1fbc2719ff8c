//! The VM tests of `nix/tests`: there is one of every story, and their Python fits the real test driver, where that is at
//! hand. That they can be evaluated is shown by the flake, whose checks they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::nix::nix;
use crate::command::run;
use crate::tools::tool;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("nix/tests")
}

/// The names of the files of steps in a folder.
fn stories(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(".toml"))
                .map(str::to_owned),
        );
    }
    Ok(names)
}

#[test]
fn every_story_from_steps_is_a_vm_test() -> Result<()> {
    let expression = format!(
        r"import {} {{
            pkgs = {{
                lib = import {}/lib;
                testers.runNixOSTest = test: test.name;
            }};
        }}",
        tests().display(),
        nix()?.stub().display()
    );
    let evaluated =
        run(nix()?
            .command("nix-instantiate")
            .args(["--eval", "--strict", "--json", "--expr", &expression]))?;
    ensure!(evaluated.status.success(), "{}", evaluated.stderr);
    let told: BTreeMap<String, String> = serde_json::from_str(&evaluated.stdout)?;

    let mut expected = stories(&tests().join("../../vmtests/steps"))?;
    ensure!(expected.len() > 3, "only {expected:?}");
    expected.extend(stories(&tests().join("steps"))?);
    // It comes before each of them.
    expected.retain(|name| name != "ready");
    assert_eq!(
        told,
        expected.into_iter().map(|name| (name.clone(), name)).collect()
    );
    Ok(())
}

/// As the real driver does it when it is built: its own definitions, the machines, our text, and what the text is for.
#[test]
#[ignore = "needs a whole nixpkgs, NIXPKGS=DIR"]
fn the_driver_fits_the_types_of_the_real_one() -> Result<()> {
    let nixpkgs = std::env::var_os("NIXPKGS").context("NIXPKGS is not set")?;
    let lib = Path::new(&nixpkgs).join("nixos/lib");
    let mut script = std::fs::read_to_string(lib.join("test-script-prepend.py"))?;
    for machine in ["jak", "kai", "ziz"] {
        writeln!(script, "{machine} = create_fake_qemu_machine()")?;
    }
    script += &std::fs::read_to_string(tests().join("driver.py"))?;
    let told = "tell({\"jak\": jak, \"kai\": kai, \"ziz\": ziz}, \"functions\", \"story\")\n";
    // Twice, the second time with what is no machine.
    for (end, is_right) in [
        (told, true),
        ("tell({\"jak\": log}, \"functions\", \"story\")\n", false),
    ] {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("script.py");
        std::fs::write(&file, format!("{script}\n{end}"))?;
        let checked = run(Command::new(tool("ty")?)
            .args(["check", "--extra-search-path"])
            .arg(lib.join("test-driver/src"))
            .arg(&file))?;
        assert_eq!(checked.status.success(), is_right, "{}", checked.stdout);
        let linted = run(Command::new(tool("ruff")?)
            .args(["check", "--no-cache", "--isolated", "--select=F"])
            .arg(&file))?;
        assert!(linted.status.success(), "{}", linted.stdout);
    }
    Ok(())
}

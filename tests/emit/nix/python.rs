//! The test scripts of `nix/tests`, as the test driver of NixOS gets them: ruff finds no error and would not
//! change their layout. If there is a nixpkgs, they also fit the types of the real driver.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::flake::evaluate;
use crate::command::{Outcome, run};
use crate::tools::tool;

/// The rules, and the names that the driver defines.
const RULES: [&str; 4] = [
    "line-length = 110",
    "target-version = 'py311'",
    "lint.select = ['ANN', 'B', 'C4', 'E', 'F', 'I', 'N', 'PIE', 'PTH', 'RET', 'RUF', 'SIM', 'UP']",
    "builtins = ['jak', 'kai', 'start_all', 'subtest', 'ziz']",
];

/// The script of each test.
fn scripts() -> Result<BTreeMap<String, String>> {
    evaluate(
        r#"lib.mapAttrs (_: test: test.testScript) (
            import (root + "/nix/tests") { inherit lib; inherit (pkgs) testers; package = null; }
        )"#,
    )
}

/// Runs ruff on one script.
fn ruff(arguments: &[&str], script: &str) -> Result<Outcome> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("script.py"), script)?;
    let mut ruff = Command::new(tool("ruff")?);
    ruff.args(arguments).args(["--no-cache", "--isolated"]);
    for rule in RULES {
        ruff.args(["--config", rule]);
    }
    run(ruff.arg(directory.path()))
}

#[test]
fn scripts_of_the_nixos_tests_have_no_error() -> Result<()> {
    let scripts = scripts()?;
    assert_eq!(scripts.keys().collect::<Vec<_>>(), ["changes", "nightly"]);
    for (name, script) in scripts {
        ensure!(script.contains("with subtest("), "{name}: {script}");
        for arguments in [&["check"][..], &["format", "--diff"]] {
            let Outcome {
                status,
                stdout,
                stderr,
            } = ruff(arguments, &script)?;
            assert!(status.success(), "{name}: {stdout}{stderr}");
        }
    }
    Ok(())
}

#[test]
fn an_error_in_a_script_is_found() -> Result<()> {
    let unused = ruff(&["check"], "import os\n")?;
    assert!(
        !unused.status.success() && unused.stdout.contains("F401"),
        "{unused:?}"
    );
    let unknown = ruff(&["check"], "jack.succeed(\"true\")\n")?;
    assert!(
        !unknown.status.success() && unknown.stdout.contains("F821"),
        "{unknown:?}"
    );
    let layout = ruff(&["format", "--diff"], "jak.succeed( \"true\" )\n")?;
    assert!(!layout.status.success(), "{layout:?}");
    Ok(())
}

/// The driver checks the same when a test is built: its own definitions, the machines, and the script.
#[test]
#[ignore = "needs a whole nixpkgs, NIXPKGS=DIR"]
fn scripts_fit_the_types_of_the_real_driver() -> Result<()> {
    let nixpkgs = std::env::var_os("NIXPKGS").context("NIXPKGS is not set")?;
    let lib = Path::new(&nixpkgs).join("nixos/lib");
    let mut before = std::fs::read_to_string(lib.join("test-script-prepend.py"))?;
    for machine in ["jak", "kai", "ziz"] {
        writeln!(before, "{machine} = create_fake_qemu_machine()")?;
    }
    for (name, script) in scripts()? {
        // Once more with a method that machines do not have.
        for (end, is_right) in [("", true), ("jak.succeeds(\"true\")\n", false)] {
            let directory = tempfile::tempdir()?;
            let file = directory.path().join("script.py");
            std::fs::write(&file, format!("{before}\n{script}\n{end}"))?;
            let checked = run(Command::new(tool("ty")?)
                .args(["check", "--extra-search-path"])
                .arg(lib.join("test-driver/src"))
                .arg(&file))?;
            assert_eq!(checked.status.success(), is_right, "{name}: {}", checked.stdout);
        }
    }
    Ok(())
}

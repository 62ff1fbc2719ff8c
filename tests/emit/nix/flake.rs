//! The flake, and the example that is one, are whole: every output is evaluated, with a stub in the place of nixpkgs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::package::{copy_of, root, sources};
use crate::command::{Outcome, run};
use crate::nixpkgs::Nixpkgs;

/// The stub, assembled once.
fn nixpkgs() -> Result<&'static Nixpkgs> {
    static NIXPKGS: OnceLock<Result<Nixpkgs>> = OnceLock::new();
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("flake");
    match NIXPKGS.get_or_init(|| Nixpkgs::new(&place, root())) {
        Ok(nixpkgs) => Ok(nixpkgs),
        Err(error) => bail!("{error:#}"),
    }
}

/// What an expression comes to. In its scope are `lib` and `pkgs` of the stub, and `root`, the path of the checkout.
pub(super) fn evaluate<T: DeserializeOwned>(expression: &str) -> Result<T> {
    let stub = nixpkgs()?.stub();
    let expression = format!(
        "let
            lib = import {stub}/lib;
            pkgs = import {stub}/development.nix {{ inherit lib; system = \"x86_64-linux\"; }};
            root = {root};
        in {expression}",
        stub = stub.display(),
        root = root().display(),
    );
    // The store then has what the expression copies to it.
    let evaluated = run(nixpkgs()?.command("nix-instantiate").args([
        "--eval",
        "--strict",
        "--json",
        "--read-write-mode",
        "--expr",
        &expression,
    ]))?;
    ensure!(evaluated.status.success(), "{}", evaluated.stderr);
    Ok(serde_json::from_str(&evaluated.stdout)?)
}

/// The flake's files, in a separate directory: the working tree also has other files of the developer.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut files = sources()?;
        files.extend(["flake.nix", "nix"].map(str::to_owned));
        copy_of(&files, directory.path())?;
        Ok(Self(directory))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Does something while a text is in the place of another in one of the files.
    fn with<T>(&self, file: &str, from: &str, to: &str, act: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let file = self.path(file);
        let text = std::fs::read_to_string(&file)?;
        ensure!(text.contains(from), "{} has no `{from}`", file.display());
        std::fs::write(&file, text.replacen(from, to, 1))?;
        let done = act(self)?;
        std::fs::write(&file, text)?;
        Ok(done)
    }

    /// `nix flake check` of the flake itself.
    fn check(&self, nixpkgs: &Path) -> Result<Outcome> {
        check(self.0.path(), &[("nixpkgs", nixpkgs)])
    }

    /// The same of the example, with the flake as its input.
    fn check_example(&self, nixpkgs: &Path) -> Result<Outcome> {
        let inputs = [("nixpkgs", nixpkgs), ("genbackup", self.0.path())];
        check(&self.path("nix/examples"), &inputs)
    }
}

fn check(flake: &Path, inputs: &[(&str, &Path)]) -> Result<Outcome> {
    let place = format!("path:{}", flake.display());
    ask(&["flake", "check", "--no-build", &place], inputs)
}

/// Asks Nix about a flake, with other inputs than it names.
fn ask(question: &[&str], inputs: &[(&str, &Path)]) -> Result<Outcome> {
    let mut nix = nix(question)?;
    nix.arg("--no-write-lock-file");
    for (name, path) in inputs {
        nix.args(["--override-input", name]);
        nix.arg(format!("path:{}", path.display()));
    }
    run(&mut nix)
}

/// Nix, with these arguments.
fn nix(arguments: &[&str]) -> Result<Command> {
    let mut nix = nixpkgs()?.command("nix");
    // What a power cut would cost is made anew.
    nix.args(["--offline", "--option", "fsync-metadata", "false"]);
    nix.args(arguments);
    Ok(nix)
}

#[test]
fn the_flake_and_the_example_are_whole() -> Result<()> {
    are_whole(&nixpkgs()?.stub())
}

/// What `cargo xtask nix` does with NIXPKGS. It evaluates the package, the hosts of the example and the tests
/// of machines, and builds none of them.
#[test]
#[ignore = "needs a whole nixpkgs, NIXPKGS=DIR, and Nix 2.18 or later"]
fn the_flake_and_the_example_are_whole_with_a_whole_nixpkgs() -> Result<()> {
    let whole = std::env::var("NIXPKGS").context("NIXPKGS is not set")?;
    // It would be brought to the store by every command.
    let added = run(&mut nix(&["store", "add-path", "--name", "source", &whole])?)?;
    ensure!(added.status.success(), "{}", added.stderr);
    are_whole(Path::new(added.stdout.trim()))
}

fn are_whole(nixpkgs: &Path) -> Result<()> {
    let checkout = Checkout::new()?;
    for checked in [checkout.check(nixpkgs)?, checkout.check_example(nixpkgs)?] {
        assert!(checked.status.success(), "{}", checked.stderr);
    }
    Ok(())
}

/// `nix flake check` of some versions does not look at them.
#[test]
fn the_app_is_the_command_and_the_formatter_exists() -> Result<()> {
    let checkout = Checkout::new()?;
    let outputs = |output: &str| {
        let outputs = format!("path:{}#{output}", checkout.0.path().display());
        let outcome = ask(&["eval", "--json", &outputs], &[("nixpkgs", &nixpkgs()?.stub())])?;
        ensure!(outcome.status.success(), "{}", outcome.stderr);
        Ok(serde_json::from_str::<serde_json::Value>(&outcome.stdout)?)
    };
    let (apps, formatters) = (outputs("apps")?, outputs("formatter")?);
    let program = concat!("-genbackup-", env!("CARGO_PKG_VERSION"), "/bin/genbackup");
    for system in ["x86_64-linux", "aarch64-linux"] {
        let app = &apps[system]["default"];
        assert_eq!(app["type"], "app", "{apps}");
        assert!(
            app["program"].as_str().unwrap_or_default().ends_with(program),
            "{apps}"
        );
        assert!(formatters[system].is_string(), "{formatters}");
    }
    Ok(())
}

#[test]
fn a_broken_output_of_the_flake_is_refused() -> Result<()> {
    let (checkout, stub) = (Checkout::new()?, nixpkgs()?.stub());
    for (file, from, to, expected) in [
        // The package: a source, a package that it asks for, one of its checks.
        (
            "nix/checkout.nix",
            "../askama.toml",
            "../askama.tom",
            "askama.tom",
        ),
        ("nix/package.nix", "  tzdata,\n", "  tzdat,\n  tzdata,\n", "tzdat"),
        ("nix/checkout.nix", "++ [ clippy ]", "++ clippy", "clippy"),
        ("nix/overlay.nix", "final: _: ", "", "final"),
        (
            "nix/outputs.nix",
            "pkgs.shellcheck",
            "pkgs.shelcheck",
            "shelcheck",
        ),
        ("nix/outputs.nix", "[ ./module.nix ]", "./module.nix }", "syntax"),
        (
            "nix/outputs.nix",
            "default = system.genbackup;",
            "default = 1;",
            "default",
        ),
        ("nix/checks.nix", "pkgs.deadnix", "pkgs.deadnixx", "deadnixx"),
        ("nix/tests/lab.nix", "openFirewall", "openFirewal", "openfirewal"),
        ("nix/tests/nightly.nix", "./lab.py", "./lap.py", "lap.py"),
        ("vmtests/fleet.toml", "[hosts.kai]", "[hosts.kia]", "named `kai`"),
        ("nix/module.nix", "environment.etc =", "environment.ect =", "ect"),
        (
            "nix/examples/flake.nix",
            "host \"kai\"",
            "host \"kia\"",
            "named `kia`",
        ),
        ("nix/examples/fleet.toml", "host = \"jak\"", "host = jak", "toml"),
    ] {
        let checked = checkout.with(file, from, to, |broken| broken.check(&stub))?;
        assert!(!checked.status.success(), "{file}: `{to}` is fine");
        let printed = checked.stderr;
        assert!(
            printed.to_lowercase().contains(expected),
            "{file}: `{to}`: no `{expected}`: {printed}"
        );
    }
    Ok(())
}

#[test]
fn a_broken_host_of_the_example_is_refused() -> Result<()> {
    let checkout = Checkout::new()?;
    let (file, kai, kia) = ("nix/examples/flake.nix", "host \"kai\"", "host \"kia\"");
    let stub = nixpkgs()?.stub();
    let checked = checkout.with(file, kai, kia, |broken| broken.check_example(&stub))?;
    assert!(!checked.status.success(), "the fleet has no host kia");
    assert!(checked.stderr.contains("named `kia`"), "{}", checked.stderr);
    Ok(())
}

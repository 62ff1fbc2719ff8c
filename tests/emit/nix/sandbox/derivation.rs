//! A check of the package as its derivation describes it, and the sandbox that Nix would give to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::command::{Outcome, run};
use crate::nix::flake::evaluate;
use crate::nix::package::{cargo, root};

/// What a derivation names is what Nix puts into the sandbox: the context of its attributes.
const EXPRESSION: &str = r#"
let
  genbackup = pkgs.callPackage (root + "/nix/package.nix") { };
  nameOf = drv: lib.removeSuffix ".drv" (builtins.substring 33 (-1) (baseNameOf drv));
  sandbox = derivation: {
    source = "${derivation.src}";
    inputs = map (name: { store = "${pkgs.${name}}"; inherit name; inherit (pkgs.${name}) debian; }) (
      lib.filter (name: (pkgs.${name}.debian or null) != null) (
        map (package: package.name) pkgs.stdenv.initialPath
        ++ map nameOf (lib.attrNames (builtins.getContext (builtins.toJSON derivation.drvAttrs)))
      )
    );
    inherit (derivation) cargoTestFlags env;
    checkFlags = derivation.checkFlags or [ ];
  };
in
{
  package = sandbox genbackup;
  tests = sandbox genbackup.tests.tests;
}
"#;

/// The tests that one derivation runs, and the sandbox that it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    pub(super) source: PathBuf,
    pub(super) inputs: Vec<Input>,
    cargo_test_flags: Vec<String>,
    /// The words of which a test has one in its name; all tests run if there is none.
    #[serde(rename = "checkFlags")]
    pub(super) chosen: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
}

/// A package that a derivation names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Input {
    pub(super) name: String,
    store: PathBuf,
    /// The Debian packages in its place.
    debian: String,
}

/// The package and its checks, evaluated once. Their sources are in the store then.
pub(super) fn checks() -> Result<&'static BTreeMap<String, Check>> {
    static CHECKS: OnceLock<Result<BTreeMap<String, Check>>> = OnceLock::new();
    match CHECKS.get_or_init(|| evaluate(EXPRESSION)) {
        Ok(checks) => Ok(checks),
        Err(error) => bail!("{error:#}"),
    }
}

pub(super) fn check(name: &str) -> Result<Check> {
    let check = checks()?.get(name);
    check.cloned().with_context(|| format!("no check `{name}`"))
}

impl Check {
    /// The test programs.
    pub(super) fn programs(&self) -> Result<Vec<PathBuf>> {
        Ok(Built::new(&self.cargo_test_flags)?.tests)
    }
}

/// What cargo builds for a check.
struct Built {
    /// The test programs.
    tests: Vec<PathBuf>,
    /// The commands that they start.
    commands: Vec<PathBuf>,
}

impl Built {
    /// Cargo has built them for this test program's run already, or builds them now.
    fn new(flags: &[String]) -> Result<Self> {
        let built = run(cargo()?
            .args([
                "test",
                "--no-run",
                "--quiet",
                "--offline",
                "--locked",
                "--message-format=json",
            ])
            .args(flags)
            .current_dir(root()))?;
        ensure!(built.status.success(), "{}", built.stderr);
        let (mut tests, mut commands) = (Vec::new(), Vec::new());
        for line in built.stdout.lines() {
            let message: Value = serde_json::from_str(line)?;
            if let Some(file) = message["executable"].as_str() {
                let is_test = message["profile"]["test"] == true;
                if is_test { &mut tests } else { &mut commands }.push(PathBuf::from(file));
            }
        }
        ensure!(!tests.is_empty(), "{flags:?}: no test program");
        Ok(Self { tests, commands })
    }
}

/// Runs a program in the sandbox of a check. `files` are what it is made of.
pub(super) fn run_in_sandbox(check: &Check, files: &[&Path], command: &[&str]) -> Result<Outcome> {
    let Check {
        source, inputs, env, ..
    } = check;
    ensure!(nix::unistd::geteuid().is_root(), "the sandbox takes root");
    let empty = tempfile::tempdir()?;
    let lines = |lines: Vec<String>| lines.join("\n");
    let path = inputs
        .iter()
        .map(|input| format!("{}/bin", input.store.display()));
    let path: Vec<String> = path.collect();
    let input = |input: &Input| format!("{} {}", input.store.display(), input.debian);
    let mut sandbox = Command::new("unshare");
    sandbox
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--ipc",
            "--uts",
        ])
        .args(["--propagation=private", "bash"])
        .arg(root().join("tests/emit/nix/sandbox.bash"))
        .args(command)
        .env("root", empty.path())
        .env("tree", root())
        .env("source", source)
        .env("scratch", env!("CARGO_TARGET_TMPDIR"))
        .env(
            "files",
            lines(files.iter().map(|file| file.display().to_string()).collect()),
        )
        .env("inputs", lines(inputs.iter().map(input).collect()))
        .env("env_PATH", path.join(":"))
        .envs(env.iter().map(|(name, value)| (format!("env_{name}"), value)));
    run(&mut sandbox)
}

/// Runs the tests of a check, or those that have one of these words in their names; what each program printed.
pub(super) fn run_tests(check: &Check, words: &[&str]) -> Result<Vec<Outcome>> {
    let Built { tests, commands } = Built::new(&check.cargo_test_flags)?;
    let threads = std::env::var("RUST_TEST_THREADS").unwrap_or_else(|_| "2".to_owned());
    let outcomes = tests.iter().map(|program| {
        let mut files: Vec<&Path> = commands.iter().map(PathBuf::as_path).collect();
        files.push(program);
        let name = program.display().to_string();
        let mut command = vec![name.as_str(), "--test-threads", &threads];
        command.extend(check.chosen.iter().map(String::as_str));
        command.extend(words);
        run_in_sandbox(check, &files, &command)
    });
    outcomes.collect()
}

/// The number of tests that passed, where all did and none was skipped.
pub(super) fn passed(outcome: &Outcome) -> Result<usize> {
    let Outcome {
        status,
        stdout,
        stderr,
    } = outcome;
    let printed = || format!("{stdout}\n{stderr}");
    ensure!(status.success(), "{}", printed());
    let result = stdout
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("test result: ok. "));
    let result = result.with_context(printed)?;
    ensure!(result.contains("; 0 failed; 0 ignored;"), "{}", printed());
    let number = result.split(' ').next().unwrap_or_default();
    number.parse().with_context(printed)
}

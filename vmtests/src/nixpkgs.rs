//! Nix with a separate store, and a stub of nixpkgs for it: `nix/stub` on nixpkgs' own `lib`.
//!
//! The tests of the modules read this file as theirs, too: it needs nothing of this crate.

#![expect(
    clippy::disallowed_methods,
    reason = "it starts Nix for tests that have no `process`, and writes what Nix reads"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

/// nix.conf(5): nothing is built that is not on this machine, and nothing while Nix evaluates.
const CONFIGURATION: &str = "\
experimental-features = nix-command flakes
substituters =
flake-registry =
build-users-group =
sandbox = false
allow-import-from-derivation = false
";

const NO_NIX: &str = "Nix is needed: `cargo xtask setup` installs it";

/// A store, and a stub of nixpkgs next to it.
#[derive(Debug)]
pub struct Nixpkgs {
    place: PathBuf,
    workspace: PathBuf,
}

impl Nixpkgs {
    /// Puts the stub into a directory, and leaves the store that is there, or makes one. `workspace` is the root of this
    /// repository.
    ///
    /// # Errors
    /// When the directory cannot be written, there is no Nix, or cargo does not get what
    /// `nix/stub/Cargo.toml` asks for.
    pub fn new(place: &Path, workspace: &Path) -> Result<Self> {
        let nixpkgs = Self {
            place: place.to_path_buf(),
            workspace: workspace.to_path_buf(),
        };
        let stub = nixpkgs.stub();
        if stub.exists() {
            fs::remove_dir_all(&stub)?;
        }
        copy(&workspace.join("nix/stub"), &stub)?;
        copy(&nixpkgs.lib()?, &stub.join("lib"))?;
        nixpkgs.make_store()?;
        Ok(nixpkgs)
    }

    /// Two commands of Nix that both find no store and make one at the same time fail with `creating symlink …: File
    /// exists`. So this makes it first.
    fn make_store(&self) -> Result<()> {
        let made = self.command("nix-store").arg("--init").output().context(NO_NIX)?;
        let error_text = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "{}: {error_text}", self.place.display());
        Ok(())
    }

    /// The stub, with nixpkgs' `lib` in it.
    #[must_use]
    pub fn stub(&self) -> PathBuf {
        self.place.join("stub")
    }

    /// The directory of the store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.place.join("store")
    }

    /// A program of Nix, ready for its arguments.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("NIX_STORE_DIR", self.store())
            .env("NIX_STATE_DIR", self.place.join("var"))
            .env("NIX_LOG_DIR", self.place.join("log"))
            // No configuration of this machine has an effect.
            .env("NIX_CONF_DIR", self.place.join("etc"))
            .env("NIX_USER_CONF_FILES", "")
            .env("NIX_CONFIG", CONFIGURATION)
            .env_remove("NIX_PATH")
            .env_remove("NIX_REMOTE")
            .env("HOME", &self.place)
            .current_dir(&self.place);
        command
    }

    /// Builds what an expression stands for. `stub` is in its scope: `nix/stub/default.nix` as a function.
    ///
    /// # Errors
    /// When there is no Nix.
    pub fn build(&self, expression: &str) -> Result<Output> {
        let expression = format!("let stub = import {}; in {expression}", self.stub().display());
        let mut command = self.command("nix-build");
        command.args(["--no-out-link", "--expr", &expression]);
        command.output().context(NO_NIX)
    }

    /// The same, and it has to succeed. Returns the paths that were built, in the order of the expression.
    ///
    /// # Errors
    /// When it fails; with the message of Nix.
    pub fn built(&self, expression: &str) -> Result<Vec<PathBuf>> {
        let output = self.build(expression)?;
        let error_text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{expression}: {error_text}");
        let paths = String::from_utf8(output.stdout)?;
        Ok(paths.lines().map(PathBuf::from).collect())
    }

    /// The directory with nixpkgs' `lib`.
    fn lib(&self) -> Result<PathBuf> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let metadata = Command::new(cargo)
            .args(["metadata", "--locked", "--format-version=1", "--manifest-path"])
            .arg(self.workspace.join("nix/stub/Cargo.toml"))
            .output()?;
        let error_text = String::from_utf8_lossy(&metadata.stderr);
        ensure!(metadata.status.success(), "{error_text}");
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
        let packages = metadata["packages"].as_array().context("no packages")?;
        let manifest = packages
            .iter()
            .find(|package| package["name"] == "nixdoc")
            .and_then(|package| package["manifest_path"].as_str())
            .context("no package nixdoc")?;
        let lib = Path::new(manifest).with_file_name("src/tests/fixtures");
        ensure!(lib.join("modules.nix").exists(), "no lib in {}", lib.display());
        Ok(lib)
    }
}

/// Copies a directory, without what cargo builds in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            if name != "target" {
                copy(&path, &to.join(name))?;
            }
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

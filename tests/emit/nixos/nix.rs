//! The Nix of this test program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::command::Outcome;
use crate::nixpkgs::Nixpkgs;

/// The versions that the programs of the stub report.
const VERSIONS: &str = r#"{ versions = { restic = "0.18.0"; systemd = "257"; }; }"#;

/// Nix with a store that stays for the next run of the tests.
pub(crate) fn nix() -> Result<&'static Nixpkgs> {
    static NIXPKGS: OnceLock<Result<Nixpkgs>> = OnceLock::new();
    let new = || {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nixos");
        Nixpkgs::new(&place, Path::new(env!("CARGO_MANIFEST_DIR")))
    };
    match NIXPKGS.get_or_init(new) {
        Ok(nixpkgs) => Ok(nixpkgs),
        Err(error) => bail!("{error:#}"),
    }
}

/// Builds what an expression stands for; `stub` is what `nix/stub/default.nix` gives.
pub(crate) fn build(expression: &str) -> Result<Outcome> {
    let output = nix()?.build(&in_scope(expression))?;
    Ok(Outcome {
        status: output.status,
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// The same, where it has to succeed: the paths that were built.
pub(crate) fn built(expression: &str) -> Result<Vec<PathBuf>> {
    nix()?.built(&in_scope(expression))
}

/// The same for one path.
pub(crate) fn built_one(expression: &str) -> Result<PathBuf> {
    built(expression)?.pop().context("nothing was built")
}

fn in_scope(expression: &str) -> String {
    format!("(stub: {expression}) (stub {VERSIONS})")
}

//! `cargo xtask nix`: the checks that are about Nix, alone; and those that take a whole nixpkgs, where there is one.

use anyhow::{Context, ensure};
use vmtests::process::{command, output_of};
use vmtests::progress::timed;

use crate::cargo::{cargo, succeeds};
use crate::setup;

/// Where a whole nixpkgs is.
const NIXPKGS: &str = "NIXPKGS";
/// The modules of the tests that are about Nix.
const MODULES: [&str; 2] = ["nix::", "nixos::"];
/// The first Nix that evaluates a nixpkgs of today.
const OLDEST_NIX: (u32, u32) = (2, 18);

/// Runs them, all of them even when one fails, and prints their times.
///
/// # Errors
/// When one fails.
pub(crate) fn run() -> anyhow::Result<()> {
    timed("tools", setup::run)?;
    let own = timed("our Nix, with stubs", || {
        succeeds(cargo("test").args(["--test=emit", "--"]).args(MODULES))
    });
    let whole = timed("our Nix, with a whole nixpkgs", || {
        let checked = whole()?;
        if !checked {
            println!("{NIXPKGS} is not set: nothing to do");
        }
        Ok(())
    });
    own.and(whole)
}

/// Evaluates everything with the nixpkgs that `NIXPKGS` names; false where it names none.
///
/// # Errors
/// When something is wrong with it, or Nix is too old.
pub(crate) fn whole() -> anyhow::Result<bool> {
    let Some(nixpkgs) = std::env::var_os(NIXPKGS) else {
        return Ok(false);
    };
    let nixpkgs = std::path::absolute(nixpkgs)?;
    let flake = nixpkgs.join("flake.nix");
    ensure!(
        flake.is_file(),
        "{NIXPKGS} is no nixpkgs: {} is missing",
        flake.display()
    );
    let output = output_of(command("nix").arg("--version"))?;
    let version = version(&output).with_context(|| format!("not a version of Nix: {}", output.trim()))?;
    ensure!(
        version >= OLDEST_NIX,
        "a whole nixpkgs takes Nix {}.{} or later, and `nix` is {}.{}\n\nhint: put a newer one first in PATH, or unset {NIXPKGS}",
        OLDEST_NIX.0,
        OLDEST_NIX.1,
        version.0,
        version.1
    );
    let mut test = cargo("test");
    test.env(NIXPKGS, nixpkgs)
        .args(["--test=emit", "--", "--ignored"])
        .args(MODULES);
    succeeds(&mut test)?;
    Ok(true)
}

/// The first two numbers of `nix (Nix) 2.8.0`.
fn version(output: &str) -> Option<(u32, u32)> {
    let mut numbers = output.split_whitespace().last()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("nix (Nix) 2.8.0\n"), Some((2, 8)));
        assert_eq!(version("nix (Nix) 2.26.3\n"), Some((2, 26)));
        assert!(version("nix (Nix) 2.8.0").unwrap() < OLDEST_NIX);
        assert!(version("nix (Nix) 2.18.1").unwrap() >= OLDEST_NIX);
        assert_eq!(version("nix (Nix)"), None);
    }
}

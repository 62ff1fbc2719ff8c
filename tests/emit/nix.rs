//! Everything of Nix: an evaluator and the tools of developers read it, and a build in Nix's sandbox has what
//! it needs. Also the Python of the VM tests.

#![expect(
    clippy::disallowed_methods,
    reason = "programs that read Nix are run on files that the tests make"
)]

mod by_name;
mod defaults;
mod flake;
mod package;
mod python;
mod sandbox;
mod style;

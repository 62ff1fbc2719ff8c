//! What a Nix evaluator reads, and those who write it; what a build in Nix's sandbox finds; and the Python of the VM
//! tests.

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

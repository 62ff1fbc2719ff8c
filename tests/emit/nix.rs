//! What a Nix evaluator reads, and those who write it; and the Python of the VM tests.

#![expect(
    clippy::disallowed_methods,
    reason = "programs that read Nix are run on files that the tests make"
)]

mod by_name;
mod flake;
mod package;
mod python;
mod style;

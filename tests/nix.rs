//! What a Nix evaluator reads, and those who write it; and the Python of its VM tests.

#![expect(
    clippy::disallowed_methods,
    reason = "programs that read Nix are run on files that the tests make"
)]

#[path = "support/command.rs"]
mod command;
#[path = "nix/flake.rs"]
mod flake;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "other tests need more of it, and it is public there"
)]
#[path = "../vmtests/src/nixpkgs.rs"]
mod nixpkgs;
#[path = "nix/package.rs"]
mod package;
#[path = "nix/python.rs"]
mod python;
#[path = "nix/style.rs"]
mod style;
#[path = "nix/tools.rs"]
mod tools;

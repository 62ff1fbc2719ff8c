//! What NixOS makes of a fleet is what any other system gets, up to a list of differences; and what is wrong is said as
//! the command says it. NixOS is a stub here, on nixpkgs' own `lib`, that builds from this machine's programs.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests write the files that Nix reads, and run Nix"
)]

#[path = "support/command.rs"]
mod command;
#[path = "nixos/equal.rs"]
mod equal;
#[path = "nixos/module.rs"]
mod module;
#[path = "nixos/nix.rs"]
mod nix;
#[expect(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../vmtests/src/nixpkgs.rs"]
mod nixpkgs;
#[path = "nixos/same.rs"]
mod same;
#[path = "nixos/system.rs"]
mod system;
#[path = "nix/tools.rs"]
mod tools;
#[path = "nixos/vm_tests.rs"]
mod vm_tests;
#[path = "nixos/whole.rs"]
mod whole;
#[path = "nixos/wrong.rs"]
mod wrong;

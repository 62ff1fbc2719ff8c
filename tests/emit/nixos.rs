//! NixOS makes of a fleet what any other system gets, except for a list of differences. It reports problems
//! with the words of the command. NixOS is a stub here, on nixpkgs' own `lib`, that builds from this
//! machine's programs.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests write the files that Nix reads, and run Nix"
)]

mod command;
mod equal;
mod extended;
mod module;
mod nix;
mod same;
mod system;
mod warned;
mod whole;
mod wrong;

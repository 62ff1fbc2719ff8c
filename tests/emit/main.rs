//! What a fleet file becomes: how it is read, checked and explained, what is emitted from it, and how that is
//! written. Also how other programs read the emitted files. One program, since linking each module by itself
//! takes longer than most of them run.

mod at_a_terminal;
mod book;
mod calendars;
mod coming_from;
#[path = "../support/command.rs"]
mod command;
mod command_line;
#[path = "../support/conversation.rs"]
mod conversation;
#[path = "../support/emitted.rs"]
mod emitted;
#[path = "../support/executable.rs"]
mod executable;
mod expected_output;
mod explain;
mod external_readers;
#[expect(dead_code, reason = "one module reads one night of it")]
#[path = "../support/night.rs"]
mod night;
mod nix;
mod nixos;
#[expect(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../../vmtests/src/nixpkgs.rs"]
mod nixpkgs;
mod problems;
mod properties;
#[path = "../support/pty.rs"]
mod pty;
mod reference;
mod schema;
mod security;
#[path = "../support/snapshot.rs"]
mod snapshot;
#[path = "../support/stage.rs"]
mod stage;
#[path = "../support/tools.rs"]
mod tools;
mod writing;

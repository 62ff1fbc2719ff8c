//! What `genbackup emit` does to the disk, and what it never does.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests change files by hand, as somebody would, and run the program on them"
)]

#[path = "support/command.rs"]
mod command;
#[path = "support/emitted.rs"]
mod emitted;

#[path = "writing/any_manifest.rs"]
mod any_manifest;
#[path = "writing/departed.rs"]
mod departed;
#[path = "writing/foreign.rs"]
mod foreign;
#[path = "writing/formats.rs"]
mod formats;
#[path = "writing/interrupted.rs"]
mod interrupted;
#[path = "writing/manifest.rs"]
mod manifest;
#[path = "writing/places.rs"]
mod places;
#[path = "writing/unwritable.rs"]
mod unwritable;
#[path = "writing/upgraded.rs"]
mod upgraded;

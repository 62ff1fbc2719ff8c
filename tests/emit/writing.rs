//! What `genbackup emit` does to the disk, and what it never does.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests change files by hand, as somebody would, and run the program on them"
)]

mod any_manifest;
mod departed;
mod foreign;
mod formats;
mod interrupted;
mod manifest;
mod places;
mod unwritable;
mod upgraded;

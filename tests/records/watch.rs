//! `genbackup watch`: which notifications it sends, how they are written, and that they arrive.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on records that the tests make"
)]

mod bodies;
mod delivery;
mod mail;
mod pings;
mod server;
mod services;
mod site;
mod states;
mod units;

//! `genbackup watch`: what people are told, how it is written, and that it arrives.

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

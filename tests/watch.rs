//! `genbackup watch`: what people are told, how it is written, and that it arrives.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on records that the tests make"
)]

#[path = "support/command.rs"]
mod command;
#[expect(dead_code, reason = "other tests tell of other nights")]
#[path = "support/night.rs"]
mod night;
#[path = "support/snapshot.rs"]
mod snapshot;

#[path = "watch/bodies.rs"]
mod bodies;
#[path = "watch/delivery.rs"]
mod delivery;
#[path = "watch/mail.rs"]
mod mail;
#[path = "watch/pings.rs"]
mod pings;
#[path = "watch/server.rs"]
mod server;
#[path = "watch/services.rs"]
mod services;
#[path = "watch/site.rs"]
mod site;
#[path = "watch/states.rs"]
mod states;
#[path = "watch/units.rs"]
mod units;

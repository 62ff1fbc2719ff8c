//! What people are told: from a report and the memory of what was said before, to messages. Nothing here asks the
//! clock, the disk or the network.
//!
//! A subject is a host, a phase, the records as a whole, or a unit that failed and left no record. From the moment that
//! one is not well until it is well again, it is told of when its state gets worse than it was told of before, and once
//! more when it is well again. What changes at once is told in one message.

mod body;
pub mod deliver;
mod failure;
mod finding;
mod memory;
mod message;
mod ping;
pub(crate) mod send;
mod services;
mod words;

pub use body::{Form, body};
pub(crate) use failure::OF_SYSTEMD;
pub use failure::{Failure, FailureResult};
pub use finding::{Finding, findings};
pub use memory::{LONGEST_QUEUE, Memory};
pub use message::{Change, Message, Turn};
pub use ping::Ping;
pub use words::{markdown, slack};

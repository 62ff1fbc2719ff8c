//! Notifications: from a report, and the memory of what was reported before, to messages. Nothing here asks
//! the clock, the disk or the network.
//!
//! A subject is a host, a phase, the records as a whole, or a unit that failed and left no record. genbackup
//! reports a subject when its state is worse than in the last message about it. It does so once more when the
//! subject is healthy again. What changes at once goes into one message.

mod body;
pub(crate) mod deliver;
mod failure;
mod finding;
mod memory;
mod message;
mod ping;
pub(crate) mod send;
mod services;
mod words;

pub use body::{Form, body};
pub(crate) use failure::{FailureResult, OF_SYSTEMD};
pub use finding::{Finding, findings};
pub(crate) use memory::LONGEST_QUEUE;
pub use memory::Memory;
pub use message::{Change, Message, Transition};
pub use ping::Ping;
pub use words::{markdown, slack};

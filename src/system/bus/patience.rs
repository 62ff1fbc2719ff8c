//! The time limits of requests to the bus, and how to interrupt them.
//!
//! The timeout of a zbus connection does not apply to calls with flags, so each call has its own limit here.

use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt;

use super::Error;
use crate::model::duration;

/// The time limit of an answer; the same as that of sd-bus.
const ANSWER: Duration = Duration::from_secs(25);
/// The time limit where polkit may ask for a password, or systemd reloads all units.
const CHANGE: Duration = Duration::from_secs(120);
/// The variable by which all programs of systemd take another limit: seconds, or a time span such as `2min`.
const VARIABLE: &str = "SYSTEMD_BUS_TIMEOUT";

/// Interrupts all current and later waits for the bus, from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    sender: Sender<()>,
    /// Keeps the channel open.
    _receiver: Receiver<()>,
}

impl Default for Interrupt {
    fn default() -> Self {
        let (sender, receiver) = async_channel::bounded(1);
        Self {
            sender,
            _receiver: receiver,
        }
    }
}

impl Interrupt {
    /// Interrupts all waits.
    pub(crate) fn now(&self) {
        self.sender.close();
    }
}

/// The time limits of a connection.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    answer: Duration,
    change: Duration,
    interrupt: Interrupt,
}

impl Patience {
    pub(super) fn until(interrupt: Interrupt) -> Self {
        let other = std::env::var(VARIABLE).ok().and_then(|text| span(&text));
        Self {
            answer: other.unwrap_or(ANSWER),
            change: other.unwrap_or(CHANGE),
            interrupt,
        }
    }

    /// Waits for the answer to a question.
    ///
    /// # Errors
    /// Those of the answer, and when there is no answer.
    pub(super) fn for_an_answer<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.wait(self.answer, answer)
    }

    /// Waits for the result of a change, which may need a password or a reload.
    ///
    /// # Errors
    /// Those of the answer, and when there is no answer.
    pub(super) fn for_a_change<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.wait(self.change, answer)
    }

    fn wait<T>(&self, limit: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let interrupted = async {
            self.interrupt.sender.closed().await;
            Err(Error::Interrupted)
        };
        let too_late = async {
            Timer::after(limit).await;
            Err(Error::Away)
        };
        async_io::block_on(interrupted.or(answer).or(too_late))
    }
}

fn span(text: &str) -> Option<Duration> {
    let span = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => duration(text)?,
    };
    // As in systemd, zero means the default.
    (!span.is_zero()).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_systemd_is_understood() {
        for (text, limit) in [
            ("3", Some(Duration::from_secs(3))),
            ("2min", Some(Duration::from_secs(120))),
            ("0", None),
            ("soon", None),
        ] {
            assert_eq!(span(text), limit, "{text}");
        }
    }

    #[test]
    fn a_silent_manager_is_away_and_an_interrupt_ends_waiting() {
        let interrupt = Interrupt::default();
        let mut patience = Patience::until(interrupt.clone());
        patience.answer = Duration::from_millis(1);
        let never = std::future::pending::<Result<(), Error>>;
        assert!(matches!(patience.for_an_answer(never()), Err(Error::Away)));
        interrupt.now();
        assert!(matches!(patience.for_a_change(never()), Err(Error::Interrupted)));
        let at_once = std::future::ready(Ok(()));
        assert!(matches!(patience.for_a_change(at_once), Err(Error::Interrupted)));
    }
}

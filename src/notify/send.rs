//! Delivers queued messages to all recipients at once. A recipient that does not answer does not delay the others.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use jiff::tz::TimeZone;

use crate::model::{Notify, NotifyName, PushMonitor, UnitPath, Watching, WebService};
use crate::notify::deliver::{self, Request, Undelivered, Web, WebAddress};
use crate::notify::{Memory, Message, Ping, body};

pub(crate) struct Sender<'f> {
    pub(crate) watching: &'f Watching,
    /// The socket for email.
    pub(crate) mail: &'f Path,
    pub(crate) web: Web,
    /// The time zone of the storage host, for the times in messages.
    pub(crate) zone: TimeZone,
    /// The time limit of the whole delivery.
    pub(crate) limit: Duration,
}

/// The result of the delivery to one recipient.
#[derive(Debug, Default)]
struct Sent {
    /// The number of messages that leave the queue: delivered, or dropped.
    messages: usize,
    /// True if the ping leaves the queue.
    ping: bool,
    /// Why messages were dropped, and why the others stay in the queue.
    failed: Vec<anyhow::Error>,
}

impl Sender<'_> {
    /// Delivers the queued messages, and removes them from the queues. Returns what was not delivered and why.
    pub(crate) fn send(&self, memory: &mut Memory) -> Vec<String> {
        let deadline = Instant::now() + self.limit;
        let waiting: Vec<_> = self
            .watching
            .notify
            .iter()
            .map(|(name, notify)| (name, notify, memory.waiting_for(name.as_str())))
            .filter(|(_, _, (messages, ping))| !messages.is_empty() || ping.is_some())
            .collect();
        let sent: Vec<(&NotifyName, Sent)> = thread::scope(|scope| {
            let threads: Vec<_> = waiting
                .into_iter()
                .map(|(name, notify, (messages, ping))| {
                    let deliver = move || self.send_to(name, notify, messages, ping, deadline);
                    (name, scope.spawn(deliver))
                })
                .collect();
            threads
                .into_iter()
                .map(|(name, thread)| (name, joined(thread.join())))
                .collect()
        });
        let mut undelivered = Vec::new();
        for (name, sent) in sent {
            memory.delivered(name.as_str(), sent.messages, sent.ping);
            let failed = sent.failed.iter();
            undelivered.extend(failed.map(|why| format!("{name}: {why:#}")));
        }
        undelivered
    }

    /// Sends a ping to all monitors of runs, without a retry.
    pub(crate) fn ping_all(&self, ping: &Ping) -> Vec<String> {
        let mut memory = Memory::default();
        memory.post_ping(self.watching, ping);
        self.send(&mut memory)
    }

    /// Delivers the messages of one recipient in their order.
    fn send_to(
        &self,
        name: &NotifyName,
        notify: &Notify,
        messages: &[Message],
        ping: Option<&Ping>,
        deadline: Instant,
    ) -> Sent {
        let mut sent = Sent::default();
        for message in messages {
            match self.send_message(name, notify, message, deadline) {
                Ok(()) => {}
                // Keeping it would block all later messages.
                Err(Undelivered::Refused(why)) => sent.discard(&message.title(), &why),
                Err(Undelivered::Kept(why)) => {
                    sent.failed.push(why);
                    return sent;
                }
            }
            sent.messages += 1;
        }
        if let (Some(ping), Some(monitor)) = (ping, notify.monitor()) {
            match self.send_ping(name, monitor, ping, deadline) {
                Ok(()) => sent.ping = true,
                Err(Undelivered::Refused(why)) => {
                    sent.discard("the ping", &why);
                    sent.ping = true;
                }
                Err(Undelivered::Kept(why)) => sent.failed.push(why),
            }
        }
        sent
    }

    fn send_message(
        &self,
        name: &NotifyName,
        notify: &Notify,
        message: &Message,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        match notify {
            Notify::Email { to } => Ok(deliver::send_email(self.mail, to, message, &self.zone, deadline)?),
            Notify::Web {
                service: service @ WebService::Messages(messages),
                address_file,
            } => {
                let address = address(name, *service, address_file)?;
                let form = body(message, *messages, &self.zone);
                let request = Request::message(&address, *messages, form, &message.id());
                self.web.deliver(&request, deadline)
            }
            // A monitor that replaced a service of this name: the old messages are dropped.
            Notify::Web {
                service: WebService::Runs(_),
                ..
            } => Ok(()),
        }
    }

    fn send_ping(
        &self,
        name: &NotifyName,
        (monitor, file): (PushMonitor, &UnitPath),
        ping: &Ping,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let address = address(name, WebService::Runs(monitor), file)?;
        self.web
            .deliver(&Request::ping(&address, monitor, ping), deadline)
    }
}

impl Sent {
    fn discard(&mut self, what: &str, why: &anyhow::Error) {
        self.failed.push(anyhow!("{why:#}; `{what}` is dropped"));
    }
}

/// The result of a delivery. If its thread panicked, everything stays in the queue.
fn joined(sent: thread::Result<Sent>) -> Sent {
    sent.unwrap_or_else(|_| Sent {
        failed: vec![anyhow!(
            "delivery panicked: this is a bug in genbackup; see the message above"
        )],
        ..Sent::default()
    })
}

/// The address of a recipient: from a credential in a unit, otherwise from the file itself.
fn address(name: &NotifyName, service: WebService, file: &UnitPath) -> Result<WebAddress> {
    let place = match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(directory) => Path::new(&directory).join(format!("notify-{name}")),
        None => PathBuf::from(file.as_str()),
    };
    WebAddress::read(&place, file.as_str(), service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicked_delivery_is_reported_and_its_messages_still_wait() {
        let sent = joined(thread::spawn(|| panic!("a test's own")).join());
        assert_eq!((sent.messages, sent.ping), (0, false));
        let failures: Vec<String> = sent.failed.iter().map(ToString::to_string).collect();
        assert!(failures.concat().contains("delivery panicked"), "{failures:?}");
    }
}

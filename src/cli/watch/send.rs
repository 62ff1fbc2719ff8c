//! Takes what waits to each address, to all of them at once: one that is down costs the others nothing.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use jiff::tz::TimeZone;

use crate::deliver::{self, Request, Undelivered, Web, WebAddress};
use crate::model::{Notify, NotifyName, PushMonitor, UnitPath, Watching, WebService};
use crate::notify::{Memory, Message, Ping, body};

pub(super) struct Sender<'f> {
    pub(super) watching: &'f Watching,
    /// Where e-mail is handed over.
    pub(super) mail: &'f Path,
    pub(super) web: Web,
    /// In which times are told: the storage host's.
    pub(super) zone: TimeZone,
    /// How long delivery may take: of all that waits, since the addresses do not wait for each other.
    pub(super) limit: Duration,
}

/// What became of what waited for one address.
#[derive(Debug, Default)]
struct Sent {
    /// How many messages wait no more: they have arrived, or never will.
    messages: usize,
    /// The same of the ping.
    ping: bool,
    /// What never will, and why; and why the rest waits on.
    failed: Vec<anyhow::Error>,
}

impl Sender<'_> {
    /// Delivers what waits, and notes what has arrived; for each address where something did not, why.
    pub(super) fn send(&self, memory: &mut Memory) -> Vec<String> {
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

    /// Sends a ping to all who are told of runs, without a second chance.
    pub(super) fn ping_all(&self, ping: &Ping) -> Vec<String> {
        let mut memory = Memory::default();
        memory.post_ping(self.watching, ping);
        self.send(&mut memory)
    }

    /// In the order in which it was said.
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
                // It would keep back all that come after it, for ever.
                Err(Undelivered::Refused(why)) => sent.leave_out(&message.title(), &why),
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
                    sent.leave_out("the ping", &why);
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
            Notify::Email { to } => Ok(deliver::letter(self.mail, to, message, &self.zone, deadline)?),
            Notify::Web {
                service: service @ WebService::Messages(messages),
                address_file,
            } => {
                let address = address(name, *service, address_file)?;
                let form = body(message, *messages, &self.zone);
                let request = Request::message(&address, *messages, form, &message.id());
                self.web.deliver(&request, deadline)
            }
            // A monitor that has taken the place of a service: it has no use for what waited for that.
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
    fn leave_out(&mut self, what: &str, why: &anyhow::Error) {
        self.failed.push(anyhow!("{why:#}; `{what}` is dropped"));
    }
}

/// What a delivery came to, also where it broke off: then all of it waits on.
fn joined(sent: thread::Result<Sent>) -> Sent {
    sent.unwrap_or_else(|_| Sent {
        failed: vec![anyhow!(
            "delivery panicked: this is a bug in genbackup; see the message above"
        )],
        ..Sent::default()
    })
}

/// The address of a notification: as a credential in a unit; by hand, from the file itself.
fn address(name: &NotifyName, service: WebService, file: &UnitPath) -> Result<WebAddress> {
    let place = match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => Path::new(&folder).join(format!("notify-{name}")),
        None => PathBuf::from(file.as_str()),
    };
    WebAddress::read(&place, file.as_str(), service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_that_breaks_off_is_said_and_what_waits_for_it_waits_on() {
        let sent = joined(thread::spawn(|| panic!("a test's own")).join());
        assert_eq!((sent.messages, sent.ping), (0, false));
        let said: Vec<String> = sent.failed.iter().map(ToString::to_string).collect();
        assert!(said.concat().contains("delivery panicked"), "{said:?}");
    }
}

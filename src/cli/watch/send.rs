//! Takes what waits to each address, to all of them at once: one that is down costs the others nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::deliver::{self, Parcel, Web, WebAddress};
use crate::model::{Notify, NotifyName, Watching, WebService};
use crate::notify::{Form, Memory, Message, Ping, body};

/// The bytes of an address's file that are looked at.
const LONGEST: u64 = 64 * 1024;

pub(super) struct Sender<'f> {
    pub(super) watching: &'f Watching,
    /// Where e-mail is handed over.
    pub(super) mail: &'f Path,
    pub(super) web: Web,
    /// How long delivery may take: of all that waits, since the addresses do not wait for each other.
    pub(super) limit: Duration,
}

/// What arrived at one address, and why the rest did not.
struct Sent {
    messages: usize,
    ping: bool,
    failed: Option<anyhow::Error>,
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
                .filter_map(|(name, thread)| Some((name, thread.join().ok()?)))
                .collect()
        });
        let mut undelivered = Vec::new();
        for (name, sent) in sent {
            memory.delivered(name.as_str(), sent.messages, sent.ping);
            if let Some(why) = sent.failed {
                undelivered.push(format!("{name}: {why:#}"));
            }
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
        let mut sent = Sent {
            messages: 0,
            ping: false,
            failed: None,
        };
        for message in messages {
            if let Err(why) = self.send_message(name, notify, message, deadline) {
                sent.failed = Some(why);
                return sent;
            }
            sent.messages += 1;
        }
        if let (Some(ping), Notify::Web { address_file, .. }) = (ping, notify) {
            let parcel = Parcel::plain(ping.suffix(), Vec::new(), ping.text().to_owned());
            match self.send_parcel(name, address_file.as_str(), &parcel, deadline) {
                Ok(()) => sent.ping = true,
                Err(why) => sent.failed = Some(why),
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
    ) -> Result<()> {
        match notify {
            Notify::Email { to } => deliver::letter(self.mail, to, message, deadline),
            Notify::Web {
                service,
                address_file,
            } => {
                let parcel = parcel(message, *service);
                self.send_parcel(name, address_file.as_str(), &parcel, deadline)
            }
        }
    }

    fn send_parcel(&self, name: &NotifyName, file: &str, parcel: &Parcel, deadline: Instant) -> Result<()> {
        let address = address(name, file)?;
        self.web.deliver(&address, parcel, deadline)
    }
}

fn parcel(message: &Message, service: WebService) -> Parcel {
    match body(message, service) {
        Form::Json(text) => Parcel::json(text),
        Form::Text { headers, text } => Parcel::plain("", headers, text),
    }
}

/// The address of a notification: as a credential in a unit; by hand, from the file itself.
fn address(name: &NotifyName, file: &str) -> Result<WebAddress> {
    let place = match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => Path::new(&folder).join(format!("notify-{name}")),
        None => PathBuf::from(file),
    };
    let mut text = String::new();
    // Where it can't be read it is missing, to us.
    drop(File::open(place).and_then(|file| file.take(LONGEST).read_to_string(&mut text)));
    WebAddress::parse(&text).map_err(|why| anyhow::anyhow!("the address file {file} {why}"))
}

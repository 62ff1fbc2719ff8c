//! Recipients of notifications, and the files that genbackup writes for other programs to read.

use std::collections::BTreeMap;

use super::words::words;
use super::{Refusal, UnitPath, checked_string};

checked_string! {
    /// The name of a notification: `a` to `z`, digits and single `-` between them, at most 40 characters.
    /// It is a part of a credential's name (systemd.exec(5)).
    NotifyName, check_name
}

checked_string! {
    /// An email address, or a local user's name: printable ASCII without what separates addresses in a header
    /// (RFC 5322). It has no `-` first, which would be an option to sendmail(8).
    EmailAddress, check_email
}

/// How a fleet is monitored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watching {
    /// The recipients of notifications.
    pub notify: BTreeMap<NotifyName, Notify>,
    /// The file for the node exporter of Prometheus, on the storage host.
    pub metrics: Option<UnitPath>,
    /// The page for people, on the storage host.
    pub report: Option<UnitPath>,
}

words! {
    /// The files that are written for other programs or people. The word is the key of `[monitor]`, and the verb that
    /// writes the file.
    WrittenFile, word {
        /// For the node exporter of Prometheus.
        Metrics = "metrics",
        /// The page for people.
        Report = "report",
    }
}

impl WrittenFile {
    /// What it is.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Metrics => "the backup metrics for Prometheus",
            Self::Report => "the backup report",
        }
    }
}

/// A file that is written for other programs or people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'w> {
    /// The verb that writes it.
    pub verb: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The file.
    pub file: &'w UnitPath,
}

/// How a recipient is notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// Over the web. The address is a secret.
    Web {
        /// The service at the address.
        service: WebService,
        /// The file on the storage host whose first line is the address.
        address_file: UnitPath,
    },
    /// By email, through sendmail(8) of the storage host.
    Email {
        /// The recipients; at least one.
        to: Vec<EmailAddress>,
    },
}

/// The kind of service at a web address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebService {
    /// A service that gets a message about each change.
    Messages(MessageService),
    /// A monitor that gets a sign of each of the fleet's runs, and raises the alarm itself if none comes.
    Runs(PushMonitor),
}

impl WebService {
    /// The form of its address, as the service's documentation has it, with token and recipient.
    #[must_use]
    pub const fn address_form(self) -> &'static str {
        match self {
            Self::Messages(service) => match service {
                MessageService::Webhook => "https://example.net/…",
                MessageService::Discord => "https://discord.com/api/webhooks/…",
                MessageService::Slack => "https://hooks.slack.com/services/…",
                MessageService::Ntfy => "https://ntfy.sh/TOPIC",
                MessageService::Telegram => "https://api.telegram.org/botTOKEN/sendMessage?chat_id=ID",
                MessageService::Gotify => "https://gotify.example.net/message?token=TOKEN",
                MessageService::Pushover => "https://api.pushover.net/1/messages.json?token=TOKEN&user=KEY",
                MessageService::Matrix => {
                    "https://matrix.example.net/_matrix/client/v3/rooms/!ROOM:example.net?access_token=TOKEN"
                }
            },
            Self::Runs(monitor) => match monitor {
                PushMonitor::Healthchecks => "https://hc-ping.com/UUID",
                PushMonitor::UptimeKuma => "https://kuma.example.net/api/push/TOKEN",
            },
        }
    }
}

words! {
    /// A service that gets messages.
    MessageService, word {
        /// Our own JSON format.
        Webhook = "webhook",
        /// A webhook of Discord.
        Discord = "discord",
        /// An incoming webhook of Slack.
        Slack = "slack",
        /// A topic of ntfy.
        Ntfy = "ntfy",
        /// A chat of Telegram, to which a bot writes.
        Telegram = "telegram",
        /// An application of a Gotify server.
        Gotify = "gotify",
        /// A user or a group of Pushover.
        Pushover = "pushover",
        /// A room of Matrix.
        Matrix = "matrix",
    }
}

words! {
    /// A monitor that expects a sign of each run.
    PushMonitor, word {
        /// A check of healthchecks.io, or of a compatible service.
        Healthchecks = "ping",
        /// A push monitor of Uptime Kuma.
        UptimeKuma = "uptime-kuma",
    }
}

impl PushMonitor {
    /// True if it accepts the sign that a run began.
    #[must_use]
    pub(crate) fn takes_starts(self) -> bool {
        match self {
            Self::Healthchecks => true,
            // It knows up and down alone.
            Self::UptimeKuma => false,
        }
    }
}

impl Notify {
    /// The monitor of runs and the file with its address; `None` for other kinds.
    #[must_use]
    pub fn monitor(&self) -> Option<(PushMonitor, &UnitPath)> {
        match self {
            Self::Web {
                service: WebService::Runs(monitor),
                address_file,
            } => Some((*monitor, address_file)),
            Self::Web {
                service: WebService::Messages(_),
                ..
            }
            | Self::Email { .. } => None,
        }
    }
}

impl Watching {
    /// The notifications whose address is a credential, each with its service and its file.
    pub fn addresses(&self) -> impl Iterator<Item = (&NotifyName, WebService, &UnitPath)> {
        self.notify.iter().filter_map(|(name, notify)| match notify {
            Notify::Web {
                service,
                address_file,
            } => Some((name, *service, address_file)),
            Notify::Email { .. } => None,
        })
    }

    /// The same without the service.
    pub fn address_files(&self) -> impl Iterator<Item = (&NotifyName, &UnitPath)> {
        self.addresses().map(|(name, _, file)| (name, file))
    }

    /// The recipients of a message about each change.
    #[must_use]
    pub(crate) fn recipients(&self) -> Vec<&NotifyName> {
        self.named(|notify| notify.monitor().is_none())
    }

    /// The monitors that get a sign of each run.
    #[must_use]
    pub(crate) fn monitors(&self) -> Vec<&NotifyName> {
        self.named(|notify| notify.monitor().is_some())
    }

    fn named(&self, is_one: fn(&Notify) -> bool) -> Vec<&NotifyName> {
        let named = self.notify.iter().filter(|(_, notify)| is_one(notify));
        named.map(|(name, _)| name).collect()
    }

    /// The files that are written for other programs or people.
    pub fn written(&self) -> impl Iterator<Item = Written<'_>> {
        WrittenFile::ALL.into_iter().filter_map(|written| {
            let (verb, what) = (written.word(), written.what());
            let file = self.path_of(written)?;
            Some(Written { verb, what, file })
        })
    }

    fn path_of(&self, written: WrittenFile) -> Option<&UnitPath> {
        match written {
            WrittenFile::Metrics => self.metrics.as_ref(),
            WrittenFile::Report => self.report.as_ref(),
        }
    }

    /// True if units of the storage host start genbackup itself, and not only scripts.
    #[must_use]
    pub(crate) fn starts_the_command(&self) -> bool {
        !self.notify.is_empty() || self.written().next().is_some()
    }

    /// True if there is a recipient of email.
    #[must_use]
    pub(crate) fn sends_mail(&self) -> bool {
        let is_mail = |notify: &Notify| matches!(notify, Notify::Email { .. });
        self.notify.values().any(is_mail)
    }

    /// True if a monitor gets a sign when a run begins.
    #[must_use]
    pub(crate) fn pings_starts(&self) -> bool {
        let monitors = self.notify.values().filter_map(Notify::monitor);
        monitors.into_iter().any(|(monitor, _)| monitor.takes_starts())
    }
}

fn check_name(text: &str) -> Result<(), Refusal> {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.len() <= 40 && text.split('-').all(is_plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not a notification name"),
        "write `a` to `z`, `0` to `9`, and single `-` between them; at most 40 characters",
    ))
}

fn check_email(text: &str) -> Result<(), Refusal> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>(),;:\\\"[]".contains(c);
    let parts: Vec<&str> = text.split('@').collect();
    if text.len() <= 254
        && text.chars().all(is_plain)
        && !text.starts_with('-')
        && parts.len() <= 2
        && parts.iter().all(|part| !part.is_empty())
    {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{text:?} is not an email address"),
        "write one address, such as `admin@example.net`, or a local user, such as `root`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_the_name_of_a_credential() {
        for text in ["a", "on-call", "team2", &"a".repeat(40)] {
            assert!(NotifyName::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in [
            "",
            "-",
            "a-",
            "a--b",
            "A",
            "a_b",
            "a b",
            "ä",
            "a.b",
            "a/b",
            &"a".repeat(41),
        ] {
            assert!(NotifyName::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_of_e_mail_is_one_address_and_no_header() {
        for text in ["root", "admin@example.net", "a.b+c@d.e", "o'neil@x"] {
            assert!(EmailAddress::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in [
            "",
            "-t",
            "a@b@c",
            "a,b",
            "a b",
            "a@b\nBcc: c",
            "<a@b>",
            "@b",
            "a@",
            "ä@b",
        ] {
            assert!(EmailAddress::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}

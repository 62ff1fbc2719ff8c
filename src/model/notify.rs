//! Who is told when something is not well, and where what is known is written for others to read.

use std::collections::BTreeMap;

use super::{Refusal, UnitPath, checked_string};

checked_string! {
    /// The name of a notification: letters from `a` to `z`, digits and single `-` between them, 40 characters at most.
    /// It is a part of a credential's name (systemd.exec(5)).
    NotifyName, check_name
}

checked_string! {
    /// An address of e-mail, or a local user's name: printable ASCII without what separates addresses in a header
    /// (RFC 5322), and no `-` first, which would be an option to sendmail(8).
    EmailAddress, check_email
}

/// How a fleet is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watching {
    /// Who is told of what changes.
    pub notify: BTreeMap<NotifyName, Notify>,
    /// The file that Prometheus' node exporter reads, on the storage host.
    pub metrics: Option<UnitPath>,
    /// The page for people, on the storage host.
    pub report: Option<UnitPath>,
}

/// A file that is written for others to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'w> {
    /// The verb that writes it.
    pub verb: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The file.
    pub file: &'w UnitPath,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// Over the web; the address is a secret.
    Web {
        /// What is spoken there.
        service: WebService,
        /// The file on the storage host whose first line is the address.
        address_file: UnitPath,
    },
    /// By e-mail, through the storage host's sendmail(8).
    Email {
        /// To whom; at least one.
        to: Vec<EmailAddress>,
    },
}

/// What is spoken at a web address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebService {
    /// JSON of our own.
    Webhook,
    /// A web hook of Discord.
    Discord,
    /// An incoming web hook of Slack.
    Slack,
    /// A topic of ntfy.
    Ntfy,
    /// A check of healthchecks.io, or of one that works alike: it is told of each run, and raises the alarm itself.
    Ping,
}

impl Watching {
    /// The notifications whose address is a credential, with its file.
    pub fn address_files(&self) -> impl Iterator<Item = (&NotifyName, &UnitPath)> {
        self.notify.iter().filter_map(|(name, notify)| match notify {
            Notify::Web { address_file, .. } => Some((name, address_file)),
            Notify::Email { .. } => None,
        })
    }

    /// What is written for others to read.
    pub fn written(&self) -> impl Iterator<Item = Written<'_>> {
        [
            (
                "metrics",
                "what is known of the backups for Prometheus",
                &self.metrics,
            ),
            ("report", "a page about the backups", &self.report),
        ]
        .into_iter()
        .filter_map(|(verb, what, file)| {
            let file = file.as_ref()?;
            Some(Written { verb, what, file })
        })
    }

    /// True when the units of the storage host start genbackup itself, and not scripts alone.
    #[must_use]
    pub fn starts_the_command(&self) -> bool {
        !self.notify.is_empty() || self.written().next().is_some()
    }

    /// True when somebody is told by e-mail.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        let is_mail = |notify: &Notify| matches!(notify, Notify::Email { .. });
        self.notify.values().any(is_mail)
    }

    /// True when somebody is told of each run.
    #[must_use]
    pub fn pings(&self) -> bool {
        let is_ping = |notify: &Notify| {
            matches!(
                notify,
                Notify::Web {
                    service: WebService::Ping,
                    ..
                }
            )
        };
        self.notify.values().any(is_ping)
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
        format!("`{text}` is no name of a notification"),
        "use a to z, 0 to 9 and single `-` between them; 40 characters at most",
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
        format!("{text:?} is no address of e-mail"),
        "write one address alone, such as `admin@example.net`, or the name of a local user, such as `root`",
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

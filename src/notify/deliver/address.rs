//! The address of a web service, as the first line of a file has it.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use ureq::http::Uri;

use crate::model::{MessageService, PushMonitor, WebService};

/// The bytes of an address's file that are looked at.
const LONGEST_FILE: u64 = 64 * 1024;
/// The bytes that an address may have; those of the services have some hundred.
const LONGEST: usize = 4096;
/// Where the rooms of a Matrix server are.
const ROOMS: &str = "/_matrix/client/v3/rooms/";
/// Where the push monitors of Uptime Kuma are.
const PUSH: &str = "/api/push/";

/// An address of the web, which is shown to nobody: everyone who has it can write to the channel behind it.
#[derive(Clone)]
pub(crate) struct WebAddress(Uri);

impl WebAddress {
    /// The address of a service in the first line of a file, which errors name as the fleet file does. A file that is not
    /// there is an empty one.
    ///
    /// # Errors
    /// When the file cannot be read, or has no address of this service. The error does not quote the file.
    pub(crate) fn read(place: &Path, name: &str, service: WebService) -> Result<Self> {
        let line = first_line(place).with_context(|| format!("cannot read the address file {name}"))?;
        Self::parse(&line, service).map_err(|why| anyhow!("the address file {name} {why}"))
    }

    /// The address of a service in a line.
    ///
    /// # Errors
    /// When it is none. The error does not quote it.
    pub(crate) fn parse(line: &str, service: WebService) -> Result<Self, String> {
        let line = line.trim();
        if line.is_empty() {
            return Err("is missing or empty: its file system may be locked or not mounted".to_owned());
        }
        let uri: Option<Uri> = (line.len() <= LONGEST).then(|| line.parse().ok()).flatten();
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some();
        let address = uri
            .filter(is_web)
            .map(Self)
            .ok_or("has no web address such as `https://…` in its first line")?;
        if address.is_of(service) {
            return Ok(address);
        }
        Err(match service {
            WebService::Runs(PushMonitor::Healthchecks) => {
                "has an address of Uptime Kuma: set `kind = \"uptime-kuma\"` in the fleet file".to_owned()
            }
            _ => format!(
                "has an address that is not of the form `{}`",
                service.address_form()
            ),
        })
    }

    /// True for what a service's address has at least, so that a wrong one is found before there is something to send.
    fn is_of(&self, service: WebService) -> bool {
        let path = self.0.path();
        let has = |name| self.parameter(name).is_some_and(|value| is_word(&value));
        match service {
            WebService::Messages(service) => match service {
                MessageService::Webhook
                | MessageService::Discord
                | MessageService::Slack
                | MessageService::Ntfy => true,
                MessageService::Telegram => {
                    path.contains("/bot") && path.ends_with("/sendMessage") && has("chat_id")
                }
                MessageService::Gotify => path.ends_with("/message") && has("token"),
                MessageService::Pushover => path.ends_with("/messages.json") && has("token") && has("user"),
                MessageService::Matrix => is_room(path) && has("access_token"),
            },
            WebService::Runs(monitor) => match monitor {
                PushMonitor::Healthchecks => !path.contains(PUSH),
                PushMonitor::UptimeKuma => path.split_once(PUSH).is_some_and(|(_, token)| is_word(token)),
            },
        }
    }

    /// The address with more behind its path, as `/fail`, and with its parameters.
    #[must_use]
    pub(super) fn below(&self, suffix: &str) -> String {
        let text = self.0.to_string();
        if suffix.is_empty() {
            return text;
        }
        let query = self
            .0
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        format!("{}{suffix}{query}", self.path())
    }

    /// The address without its parameters and without a `/` at its end.
    #[must_use]
    pub(super) fn path(&self) -> String {
        let text = self.0.to_string();
        let path = text.split('?').next().unwrap_or_default();
        path.trim_end_matches('/').to_owned()
    }

    /// Its parameters, decoded.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        let query = self.0.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned()
    }

    /// One of its parameters.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut found = self.parameters().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value)
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebAddress(…)")
    }
}

/// What can stand in a header of HTTP.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_graphic())
}

/// True for a room's identifier, with or without what follows it in the address of its messages. An alias, with `#`, is
/// none, and ends an address.
fn is_room(path: &str) -> bool {
    let Some((_, room)) = path.split_once(ROOMS) else {
        return false;
    };
    let (room, rest) = room.split_once('/').unwrap_or((room, ""));
    let is_room = |sign| room.strip_prefix(sign).is_some_and(|name| !name.is_empty());
    (is_room("!") || is_room("%21")) && matches!(rest, "" | "send/m.room.message" | "send/m.room.message/")
}

/// The first line of a file; empty where there is no file.
fn first_line(place: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    match File::open(place).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => drop(read?),
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match std::str::from_utf8(line) {
        Ok(line) => Ok(line.to_owned()),
        Err(_) => bail!("its first line is not valid UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: WebService = WebService::Messages(MessageService::Webhook);

    #[test]
    fn a_suffix_stands_before_the_parameters() {
        for (text, expected) in [
            ("https://a.example/x?y=z\n", "https://a.example/x/fail?y=z"),
            ("  http://a:8080/x/  ", "http://a:8080/x/fail"),
            ("https://a.example", "https://a.example/fail"),
        ] {
            let address = WebAddress::parse(text, WEBHOOK).unwrap();
            assert_eq!(address.below("/fail"), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_quoted() {
        let long = format!("https://a.example/{}", "x".repeat(5000));
        for text in [
            "",
            "\n",
            "secret",
            "ftp://a/secret",
            "https:///secret",
            "https://a b",
            &long,
        ] {
            let why = WebAddress::parse(text, WEBHOOK).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        assert_eq!(
            format!("{:?}", WebAddress::parse("https://a/secret", WEBHOOK).unwrap()),
            "WebAddress(…)"
        );
    }

    #[test]
    fn each_service_has_its_own_form_of_address() {
        use MessageService::{Gotify, Matrix, Pushover, Telegram};
        let messages = WebService::Messages;
        for (service, good, bad) in [
            (
                messages(Telegram),
                &[
                    "https://api.telegram.org/bot1:secret/sendMessage?chat_id=-100123",
                    "http://[::1]:8081/bot1:secret/sendMessage?chat_id=@channel&message_thread_id=5",
                ][..],
                &[
                    "https://api.telegram.org/bot1:secret/sendMessage",
                    "https://api.telegram.org/bot1:secret/sendMessage?chat_id=",
                    "https://api.telegram.org/bot1:secret?chat_id=1",
                ][..],
            ),
            (
                messages(Gotify),
                &["https://a.example/gotify/message?token=secret"],
                &[
                    "https://a.example/?token=secret",
                    "https://a.example/message?secret",
                    "https://a.example/message?token=%0dsecret",
                ],
            ),
            (
                messages(Pushover),
                &["https://api.pushover.net/1/messages.json?token=secret&user=u"],
                &[
                    "https://api.pushover.net/1/messages.json?token=secret",
                    "https://api.pushover.net/1/messages.json?user=secret",
                ],
            ),
            (
                messages(Matrix),
                &[
                    "https://m.example/_matrix/client/v3/rooms/!room:m.example?access_token=secret",
                    "https://m.example/_matrix/client/v3/rooms/%21room/send/m.room.message?access_token=secret",
                ],
                &[
                    "https://m.example/_matrix/client/v3/rooms/#alias:m.example?access_token=secret",
                    "https://m.example/_matrix/client/v3/rooms/!room:m.example",
                    "https://m.example/_matrix/client/v3/rooms/!?access_token=secret",
                    "https://m.example/_matrix/client/v3/rooms/!r/state?access_token=secret",
                ],
            ),
            (
                WebService::Runs(PushMonitor::UptimeKuma),
                &[
                    "https://kuma.example/api/push/secret",
                    "https://kuma.example/api/push/secret?status=up&msg=OK&ping=",
                ],
                &["https://kuma.example/api/push/", "https://hc-ping.com/secret"],
            ),
            (
                WebService::Runs(PushMonitor::Healthchecks),
                &["https://hc-ping.com/secret"],
                &["https://kuma.example/api/push/secret"],
            ),
        ] {
            for text in good {
                assert!(WebAddress::parse(text, service).is_ok(), "{text}");
            }
            for text in bad {
                let why = WebAddress::parse(text, service).unwrap_err();
                assert!(!why.contains("secret"), "{text}: {why}");
            }
        }
    }
}

//! What a service's refusal means: that another attempt may help, or not, and what to do.
//!
//! The words are our own, and nothing of an answer is repeated: who answers may have put the address into it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::Value;
use ureq::http::HeaderMap;

use crate::model::{MessageService, PushMonitor, WebService};
use crate::status::span;

/// How long Pushover wants no request after it has failed (API, "Being friendly to our API").
const PUSHOVER_PAUSE: Duration = Duration::from_secs(5);

/// Why an attempt failed, in words that have no address in them.
pub(super) struct Failed {
    pub(super) why: String,
    pub(super) outlook: Outlook,
}

/// What to expect of another attempt.
pub(super) enum Outlook {
    /// It may arrive, though not before it was waited for so long.
    MayPass(Duration),
    /// It will not, nor will anything else, until somebody does something.
    Stays,
    /// It will not; something else may.
    Refused,
}

/// An answer that is no success; its body is read only where it gives a reason.
pub(super) struct Answer<'a> {
    pub(super) service: WebService,
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a mut dyn FnMut() -> String,
}

impl Answer<'_> {
    pub(super) fn failed(self) -> Failed {
        let status = self.status;
        if (300..400).contains(&status) {
            return stays(format!(
                "it redirects elsewhere ({status}), which is not followed: the address is a secret"
            ));
        }
        let now = Timestamp::now();
        match self.service {
            WebService::Messages(service) => match service {
                MessageService::Webhook
                | MessageService::Discord
                | MessageService::Slack
                | MessageService::Ntfy
                | MessageService::Gotify => of_any(status, asked(self.headers, now)),
                MessageService::Telegram => self.of_telegram(now),
                MessageService::Pushover => self.of_pushover(now),
                MessageService::Matrix => self.of_matrix(now),
            },
            WebService::Runs(PushMonitor::Healthchecks) => of_any(status, asked(self.headers, now)),
            WebService::Runs(PushMonitor::UptimeKuma) => self.of_kuma(now),
        }
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&(self.body)()).unwrap_or_default()
    }

    /// The Bot API answers with `description`, and with `parameters.retry_after` in seconds. A chat that is wrong is a 400
    /// like a message that is wrong.
    fn of_telegram(mut self, now: Timestamp) -> Failed {
        let (status, answer) = (self.status, self.json());
        let description = answer["description"].as_str().unwrap_or_default();
        let is_about_the_message = [
            "message is too long",
            "text is empty",
            "must be non-empty",
            "can't parse",
            "UTF-8",
        ];
        match status {
            400 if is_about_the_message
                .iter()
                .any(|words| description.contains(words)) =>
            {
                refused(status)
            }
            400 | 403 => stays(format!(
                "it answered {status}: check that the chat is right, and that the bot may write to it"
            )),
            401 | 404 => stays(format!(
                "it answered {status}: check that the bot's token is right"
            )),
            _ => {
                let seconds = answer["parameters"]["retry_after"].as_u64();
                let asked = asked(self.headers, now).max(seconds.map(Duration::from_secs));
                of_any(status, asked)
            }
        }
    }

    /// Pushover names what is invalid; 429 means that the month's messages are used up.
    fn of_pushover(mut self, now: Timestamp) -> Failed {
        let status = self.status;
        match status {
            400 => {
                let answer = self.json();
                let is_invalid = |name: &str| answer[name] == "invalid";
                if ["token", "user", "device"].into_iter().any(is_invalid) {
                    return stays(format!(
                        "it answered {status}: check that the token and the user's key are right"
                    ));
                }
                refused(status)
            }
            429 => {
                let reset = self.headers.get("x-limit-app-reset");
                let reset: Option<i64> = reset.and_then(|reset| reset.to_str().ok()?.trim().parse().ok());
                let reset = reset.and_then(|reset| Timestamp::from_second(reset).ok());
                let left = reset.and_then(|reset| Duration::try_from(reset.duration_since(now)).ok());
                of_any(status, asked(self.headers, now).max(left))
            }
            500.. => of_any(status, asked(self.headers, now).max(Some(PUSHOVER_PAUSE))),
            _ => of_any(status, asked(self.headers, now)),
        }
    }

    /// Matrix names an error; servers older than its version 1.10 have the wait in the body alone.
    fn of_matrix(mut self, now: Timestamp) -> Failed {
        let (status, answer) = (self.status, self.json());
        match (status, answer["errcode"].as_str().unwrap_or_default()) {
            (_, "M_TOO_LARGE" | "M_BAD_JSON" | "M_NOT_JSON") => refused(status),
            (400 | 404, _) => stays(format!(
                "it answered {status}: check that the server and the room are right"
            )),
            (401, _) => stays(format!(
                "it answered {status}: check that the access token is right"
            )),
            (403, _) => stays(format!(
                "it answered {status}: check that the account is in the room, and that it may write there"
            )),
            _ => {
                let waits = answer["retry_after_ms"].as_u64();
                let asked = asked(self.headers, now).max(waits.map(Duration::from_millis));
                of_any(status, asked)
            }
        }
    }

    /// Uptime Kuma knows only monitors that are not paused, and answers 404 or 500 for others.
    fn of_kuma(self, now: Timestamp) -> Failed {
        let status = self.status;
        if (self.body)().contains("Monitor not found") {
            return stays(format!(
                "it answered {status}: it does not know this monitor, or the monitor is paused"
            ));
        }
        of_any(status, asked(self.headers, now))
    }
}

/// What a status means where nothing else is known.
fn of_any(status: u16, asked: Option<Duration>) -> Failed {
    match status {
        408 | 425 | 429 | 500.. => for_now(status, asked),
        400 | 413 | 415 | 422 => refused(status),
        _ => stays(format!("it answered {status}: check that the address is right")),
    }
}

/// A status that may be another one soon, or at the time that the server names.
fn for_now(status: u16, asked: Option<Duration>) -> Failed {
    let why = match asked {
        Some(asked) if !asked.is_zero() => {
            let asked = SignedDuration::try_from(asked).unwrap_or(SignedDuration::MAX);
            format!("it answered {status}, and asks to wait for {}", span(asked))
        }
        _ => format!("it answered {status}"),
    };
    Failed {
        why,
        outlook: Outlook::MayPass(asked.unwrap_or_default()),
    }
}

fn refused(status: u16) -> Failed {
    Failed {
        why: format!("it answered {status}: it rejects this message"),
        outlook: Outlook::Refused,
    }
}

fn stays(why: String) -> Failed {
    Failed {
        why,
        outlook: Outlook::Stays,
    }
}

/// How long a server asks to be left alone.
fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let header = headers.get("retry-after").and_then(|value| value.to_str().ok());
    header.and_then(|header| retry_after(header, now))
}

/// The same from a header: seconds, or until a date (RFC 9110, "Retry-After").
fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(header).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_asks_for_seconds_or_until_a_date() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (header, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Tue, 24 Nov 2026 12:00:30 GMT", Some(30)),
            ("Tue, 24 Nov 2026 11:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(header, now), expected, "{header}");
        }
    }
}

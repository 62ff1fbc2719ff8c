//! Over the web: TLS by the system's own roots, no redirects, and an end at the deadline.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use backon::{BlockingRetryable, BlockingSleeper, DefaultBlockingSleeper, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Error};

use super::{Undelivered, WebAddress};
use crate::health::span;

/// The time of one attempt at most.
const ATTEMPT: Duration = Duration::from_secs(15);
/// The wait after the first attempt; each further one is twice as long, and a bit more or less.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What follows the address.
    pub suffix: &'static str,
    /// Headers, with values of plain ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// What it is.
    pub content_type: &'static str,
    /// The text.
    pub text: String,
}

/// A way to the web.
#[derive(Debug, Clone)]
pub struct Web {
    agent: Agent,
}

/// Why an attempt failed, in words that have no address in them.
struct Failed {
    why: String,
    outlook: Outlook,
}

/// What is to be expected of another attempt.
enum Outlook {
    /// It may arrive, though not before it was waited for so long.
    MayPass(Duration),
    /// It will not, nor will anything else, until somebody does something.
    Stays,
    /// It will not; something else may.
    Refused,
}

impl Web {
    /// With the roots that this system trusts, alone.
    #[must_use]
    pub fn new() -> Self {
        let roots = rustls_native_certs::load_native_certs().certs;
        let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // A redirect would take the secret elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Units have no environment to read one from.
            .proxy(None)
            .user_agent(concat!("genbackup/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into() }
    }

    /// Delivers a parcel, and tries again while that may help.
    ///
    /// # Errors
    /// When it has not arrived at the deadline, or never will.
    pub fn deliver(
        &self,
        address: &WebAddress,
        parcel: &Parcel,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let mut attempts = 0_u32;
        let left = || deadline.saturating_duration_since(Instant::now());
        let waits = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .without_max_times()
            .with_total_delay(Some(left()));
        let mut met_with = None;
        let asked = Rc::new(Cell::new(Duration::ZERO));
        let at_least = Rc::clone(&asked);
        let sent = (|| {
            let left = left();
            if left.is_zero() {
                // What an attempt before this one met with says more.
                let why = met_with.take();
                return Err(Failed {
                    why: why.unwrap_or_else(|| "there was no time left for it".to_owned()),
                    outlook: Outlook::Stays,
                });
            }
            attempts += 1;
            let sent = self.attempt(address, parcel, left);
            met_with = sent.as_ref().err().map(|failed| failed.why.clone());
            sent
        })
        .retry(waits)
        .when(|failed: &Failed| match failed.outlook {
            Outlook::MayPass(wait) => {
                asked.set(wait);
                wait < left()
            }
            Outlook::Stays | Outlook::Refused => false,
        })
        .sleep(move |wait: Duration| DefaultBlockingSleeper::default().sleep(wait.max(at_least.get())))
        .call();
        let Err(Failed { why, outlook }) = sent else {
            return Ok(());
        };
        let tried = match attempts {
            ..2 => String::new(),
            attempts => format!("; tried {attempts} times"),
        };
        let why = anyhow!("{why}{tried}");
        Err(match outlook {
            Outlook::Refused => Undelivered::Refused(why),
            Outlook::MayPass(_) | Outlook::Stays => Undelivered::Kept(why),
        })
    }

    fn attempt(&self, address: &WebAddress, parcel: &Parcel, left: Duration) -> Result<(), Failed> {
        let mut request = self
            .agent
            .post(address.below(parcel.suffix))
            .header("content-type", parcel.content_type)
            .config()
            .timeout_global(Some(left.min(ATTEMPT)))
            .build();
        for (name, value) in &parcel.headers {
            request = request.header(*name, value);
        }
        // What it answers is not read: only how.
        let answer = request.send(&parcel.text).map_err(|error| Failed::of(&error))?;
        match answer.status().as_u16() {
            200..300 => Ok(()),
            status @ 300..400 => Err(Failed {
                why: format!("it redirects elsewhere ({status}), where the address is not taken to"),
                outlook: Outlook::Stays,
            }),
            status @ (408 | 425 | 429 | 500..) => Err(Failed::for_now(status, answer.headers())),
            status @ (400 | 413 | 415 | 422) => Err(Failed {
                why: format!("it answers {status}: it does not take this one"),
                outlook: Outlook::Refused,
            }),
            status => Err(Failed {
                why: format!("it answers {status}: is the address right?"),
                outlook: Outlook::Stays,
            }),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl Failed {
    /// In our own words: those of the library may have the address in them.
    fn of(error: &Error) -> Self {
        let why = match error {
            Error::Timeout(_) => "it does not answer in time".to_owned(),
            Error::HostNotFound => "its name is not known".to_owned(),
            Error::ConnectionFailed => "it can't be reached".to_owned(),
            Error::Io(error) => match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                Some(tls) => format!("it is not to be trusted: {tls}"),
                None => format!("it can't be reached: {}", error.kind()),
            },
            Error::Tls(_) | Error::Rustls(_) => "it is not to be trusted: TLS failed".to_owned(),
            _ => "what it answers is no HTTP".to_owned(),
        };
        let outlook = if why.starts_with("it is not to be trusted") {
            Outlook::Stays
        } else {
            Outlook::MayPass(Duration::ZERO)
        };
        Self { why, outlook }
    }

    /// A status that may be another one soon, or when the server says so.
    fn for_now(status: u16, headers: &HeaderMap) -> Self {
        let header = headers.get("retry-after").and_then(|value| value.to_str().ok());
        let asked = header.and_then(|header| asked(header, Timestamp::now()));
        let why = match asked {
            Some(asked) if !asked.is_zero() => {
                let asked = SignedDuration::try_from(asked).unwrap_or(SignedDuration::MAX);
                format!("it answers {status}, and asks for {} of silence", span(asked))
            }
            _ => format!("it answers {status}"),
        };
        Self {
            why,
            outlook: Outlook::MayPass(asked.unwrap_or_default()),
        }
    }
}

/// How long a server asks to be left alone: seconds, or until a date (RFC 9110, «Retry-After»).
fn asked(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(header).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

impl Parcel {
    /// JSON.
    #[must_use]
    pub fn json(text: String) -> Self {
        Self {
            suffix: "",
            headers: Vec::new(),
            content_type: "application/json",
            text,
        }
    }

    /// A plain text.
    #[must_use]
    pub fn plain(suffix: &'static str, headers: Vec<(&'static str, String)>, text: String) -> Self {
        Self {
            suffix,
            headers,
            content_type: "text/plain; charset=utf-8",
            text,
        }
    }
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
            assert_eq!(asked(header, now), expected, "{header}");
        }
    }
}

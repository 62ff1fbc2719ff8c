//! Over the web: TLS by the system's own roots, no redirects, and an end at the deadline.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use backon::{BlockingRetryable, BlockingSleeper, DefaultBlockingSleeper, ExponentialBuilder};
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, Error};

use super::answer::{Answer, Failed, Outlook};
use super::{Request, Undelivered};

/// The time of one attempt at most.
const ATTEMPT: Duration = Duration::from_secs(15);
/// The wait after the first attempt; each further one is twice as long, and a bit more or less.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// A way to the web.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    agent: Agent,
}

/// The bytes of a refusal that are read.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// A client of HTTP with the roots that this system trusts, alone.
pub(crate) fn agent() -> Agent {
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
    config.into()
}

impl Web {
    /// With the roots that this system trusts, alone.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { agent: agent() }
    }

    /// Delivers a request, and tries again while that may help.
    ///
    /// # Errors
    /// When it has not arrived at the deadline, or never will.
    pub(crate) fn deliver(&self, request: &Request, deadline: Instant) -> Result<(), Undelivered> {
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
                // The reason of the previous attempt is more specific.
                let why = met_with.take();
                return Err(Failed {
                    why: why.unwrap_or_else(|| "no time was left to send it".to_owned()),
                    outlook: Outlook::Stays,
                });
            }
            attempts += 1;
            let sent = self.attempt(request, left);
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

    fn attempt(&self, request: &Request, left: Duration) -> Result<(), Failed> {
        let Request {
            method,
            address,
            headers,
            text,
            service,
        } = request;
        let mut asked = http::Request::builder().method(method).uri(address);
        for (name, value) in headers {
            asked = asked.header(*name, value);
        }
        // A `GET` has no body.
        let answer = if *method == http::Method::GET {
            self.answer(asked.body(()), left)?
        } else {
            self.answer(asked.body(text.as_str()), left)?
        };
        let (parts, mut body) = answer.into_parts();
        if parts.status.is_success() {
            // What it answers is not read: only how.
            return Ok(());
        }
        let mut read_body = || {
            let bounded = body.with_config().limit(LONGEST_ANSWER);
            bounded.read_to_string().unwrap_or_default()
        };
        let answer = Answer {
            service: *service,
            status: parts.status.as_u16(),
            headers: &parts.headers,
            body: &mut read_body,
        };
        Err(answer.failed())
    }

    fn answer(
        &self,
        request: http::Result<http::Request<impl AsSendBody>>,
        left: Duration,
    ) -> Result<http::Response<Body>, Failed> {
        let request = request.map_err(|_| Failed {
            why: "the address file holds an invalid address".to_owned(),
            outlook: Outlook::Stays,
        })?;
        let request = self.agent.configure_request(request);
        let request = request.timeout_global(Some(left.min(ATTEMPT))).build();
        self.agent.run(request).map_err(|error| Failed::of(&error))
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
            Error::Timeout(_) => "it did not answer in time".to_owned(),
            Error::HostNotFound => "its host name cannot be resolved".to_owned(),
            Error::ConnectionFailed => "it cannot be reached".to_owned(),
            Error::Io(error) => match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                Some(tls) => format!("TLS failed: {tls}"),
                None => format!("it cannot be reached: {}", error.kind()),
            },
            Error::Tls(_) | Error::Rustls(_) => "TLS failed".to_owned(),
            _ => "its answer is not valid HTTP".to_owned(),
        };
        let outlook = if why.starts_with("TLS failed") {
            Outlook::Stays
        } else {
            Outlook::MayPass(Duration::ZERO)
        };
        Self { why, outlook }
    }
}

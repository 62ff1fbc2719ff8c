//! One request: where it goes, and with what. Servers and proxies write addresses into their logs. So a token
//! leaves the address for a header or the body, where the service takes it there.

use ureq::http::Method;

use super::WebAddress;
use crate::model::{MessageService, PushMonitor, WebService};
use crate::notify::{Form, Ping};

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const FIELDS: &str = "application/x-www-form-urlencoded";
/// What an address may not add to a message: it would make markup of a text.
const MARKUP: [&str; 3] = ["parse_mode", "html", "monospace"];

/// A request. It holds secrets, so it cannot be shown.
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) address: String,
    /// With values of plain ASCII.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Empty where there is none.
    pub(super) text: String,
    /// The service that answers it.
    pub(super) service: WebService,
}

impl Request {
    /// A message to a service, in its form. A recipient who gets the same `id` twice can know that it is the
    /// same message.
    #[must_use]
    pub(crate) fn message(address: &WebAddress, service: MessageService, form: Form, id: &str) -> Self {
        let (mut headers, text) = match form {
            Form::Json(text) => (vec![("content-type", JSON.to_owned())], text),
            Form::Text { mut headers, text } => {
                headers.push(("content-type", PLAIN.to_owned()));
                (headers, text)
            }
            Form::Fields(fields) => {
                let text = with_parameters(address, &fields, &MARKUP);
                (vec![("content-type", FIELDS.to_owned())], text)
            }
        };
        let mut secret = |name, before: &str, parameter| {
            let token = address.parameter(parameter).unwrap_or_default();
            headers.push((name, format!("{before}{token}")));
        };
        let (method, address) = match service {
            MessageService::Webhook
            | MessageService::Discord
            | MessageService::Slack
            | MessageService::Ntfy => (Method::POST, address.below("")),
            MessageService::Telegram | MessageService::Pushover => (Method::POST, address.path()),
            MessageService::Gotify => {
                secret("x-gotify-key", "", "token");
                (Method::POST, address.path())
            }
            MessageService::Matrix => {
                secret("authorization", "Bearer ", "access_token");
                let path = address.path();
                let room = path.strip_suffix("/send/m.room.message").unwrap_or(&path);
                (Method::PUT, format!("{room}/send/m.room.message/{id}"))
            }
        };
        Self {
            method,
            address,
            headers,
            text,
            service: WebService::Messages(service),
        }
    }

    /// A sign of a run to a monitor.
    #[must_use]
    pub(crate) fn ping(address: &WebAddress, monitor: PushMonitor, ping: &Ping) -> Self {
        let service = WebService::Runs(monitor);
        match monitor {
            PushMonitor::Healthchecks => Self {
                method: Method::POST,
                address: address.below(ping.suffix()),
                headers: vec![("content-type", PLAIN.to_owned())],
                text: ping.text().to_owned(),
                service,
            },
            PushMonitor::UptimeKuma => {
                let query = with_parameters(address, &ping.parameters(), &[]);
                Self {
                    method: Method::GET,
                    address: format!("{}?{query}", address.path()),
                    headers: Vec::new(),
                    text: String::new(),
                    service,
                }
            }
        }
    }
}

/// The parameters of an address, and then fields, which take the place of those of the same name.
fn with_parameters(address: &WebAddress, fields: &[(&'static str, String)], without: &[&str]) -> String {
    let is_ours = |name: &str| fields.iter().any(|(ours, _)| *ours == name) || without.contains(&name);
    let own = address.parameters().filter(|(name, _)| !is_ours(name));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(own)
        .extend_pairs(fields)
        .finish()
}

//! A message in the form that a service wants, and no longer than it takes.

use jiff::tz::TimeZone;

use super::message::{Change, Message};
use super::services;
use crate::model::MessageService;
use crate::text::shortened;

/// The bytes of an email's text: for people.
const EMAIL: usize = 64 * 1024;

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json(String),
    /// A plain text with headers of HTTP.
    Text {
        /// Each with its value, which is plain ASCII.
        headers: Vec<(&'static str, String)>,
        /// The text.
        text: String,
    },
    /// The fields of a web form. Those of the address join them: its token, and for whom it is.
    Fields(Vec<(&'static str, String)>),
}

/// A message for a service, with times as in a zone.
#[must_use]
pub fn body(message: &Message, service: MessageService, zone: &TimeZone) -> Form {
    match service {
        MessageService::Webhook => services::webhook(message),
        MessageService::Discord => services::discord(message, zone),
        MessageService::Slack => services::slack(message, zone),
        MessageService::Ntfy => services::ntfy(message, zone),
        MessageService::Telegram => services::telegram(message, zone),
        MessageService::Gotify => services::gotify(message, zone),
        MessageService::Pushover => services::pushover(message, zone),
        MessageService::Matrix => services::matrix(message, zone),
    }
}

/// How long a text may be, and how a service counts.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) most: usize,
    pub(super) measure: fn(&str) -> usize,
}

impl Message {
    /// The text of an email.
    #[must_use]
    pub fn email(&self, zone: &TimeZone) -> String {
        let limit = Limit {
            most: EMAIL,
            measure: str::len,
        };
        self.text(zone, limit, str::to_owned)
    }

    /// The changes, one after the other, as many as fit. The first is there in any case, shortened where it is too long.
    pub(super) fn text(&self, zone: &TimeZone, limit: Limit, escape: fn(&str) -> String) -> String {
        let Limit { most, measure } = limit;
        let all = self.changes.len();
        let mut text = String::new();
        for (place, change) in self.changes.iter().enumerate() {
            let rest = match all - place {
                // Behind a change that is shown in part, there may be none.
                1 if place == 0 => String::new(),
                left => escape(&format!(
                    "… and {} more: run `genbackup status` on {} to see all",
                    if place == 0 { left - 1 } else { left },
                    self.from
                )),
            };
            let fits = |block: &str| measure(&text) + measure(block) + measure(&rest) <= most;
            let block = self.block(change, zone);
            let whole = escape(&block);
            if fits(&whole) {
                text.push_str(&whole);
                continue;
            }
            if place == 0 {
                let mut length = block.chars().count();
                let mut start = whole;
                while !fits(&start) && length > 1 {
                    length -= length.div_ceil(20);
                    start = escape(&shortened(&block, length)) + "\n";
                }
                text = start;
            }
            text.push_str(&rest);
            break;
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// One change, in lines.
    fn block(&self, change: &Change, zone: &TimeZone) -> String {
        let mut block = format!("{}: {}", change.word(), change.subject);
        for line in change.lines(self.time, zone) {
            block.push_str("\n  ");
            block.push_str(&line);
        }
        block.push('\n');
        block
    }
}

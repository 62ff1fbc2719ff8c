//! A message in the form that a service wants, and no longer than it takes.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::message::Message;
use super::words::{markdown, slack};
use crate::health::State;
use crate::model::WebService;
use crate::text::shortened;

/// What one message of Discord may have, in the units of UTF-16 that it counts in.
const DISCORD: usize = 2000;
/// What one block of text of Slack may have, and its header.
const SLACK: usize = 3000;
const SLACK_HEADER: usize = 150;
/// The bytes of a message of ntfy; more, and it becomes an attachment.
const NTFY: usize = 4096;
/// The bytes of an e-mail's text: for people.
const EMAIL: usize = 64 * 1024;
/// The bytes of a web hook's JSON.
const WEBHOOK: usize = 64 * 1024;

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
}

/// A message for a service, with times as in a zone. A ping takes no messages; it would get the plain text.
#[must_use]
pub fn body(message: &Message, service: WebService, zone: &TimeZone) -> Form {
    match service {
        WebService::Webhook => Form::Json(webhook(message).to_string()),
        WebService::Discord => Form::Json(discord(message, zone).to_string()),
        WebService::Slack => Form::Json(of_slack(message, zone).to_string()),
        WebService::Ntfy | WebService::Ping => ntfy(message, zone),
    }
}

impl Message {
    /// The text of an e-mail.
    #[must_use]
    pub fn letter(&self, zone: &TimeZone) -> String {
        self.text(zone, EMAIL, str::len, str::to_owned)
    }

    /// The changes, one after the other, as many as fit.
    fn text(
        &self,
        zone: &TimeZone,
        limit: usize,
        measure: fn(&str) -> usize,
        escape: fn(&str) -> String,
    ) -> String {
        let all = self.changes.len();
        let mut text = String::new();
        for (place, change) in self.changes.iter().enumerate() {
            let mut block = escape(&format!("{}: {}", change.word(), change.subject));
            for line in change.lines(self.time, zone) {
                block.push_str("\n  ");
                block.push_str(&escape(&line));
            }
            block.push('\n');
            let left = all - place;
            let rest = escape(&format!(
                "… and {left} more: `genbackup status` on {} says all",
                self.from
            ));
            if measure(&text) + measure(&block) + measure(&rest) > limit {
                text.push_str(&rest);
                return text;
            }
            text.push_str(&block);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

fn webhook(message: &Message) -> Value {
    let mut changes = message.changes.clone();
    let value = |changes: &[_]| {
        json!({
            "version": 1,
            "title": message.title(),
            "state": message.state(),
            "from": message.from,
            "time": message.time,
            "changes": changes,
            "omitted": message.changes.len() - changes.len(),
        })
    };
    while value(&changes).to_string().len() > WEBHOOK && !changes.is_empty() {
        changes.truncate(changes.len() / 2);
    }
    value(&changes)
}

fn discord(message: &Message, zone: &TimeZone) -> Value {
    let title = format!("**{}**\n", markdown(&message.headline()));
    let text = message.text(zone, DISCORD - utf16(&title), utf16, markdown);
    json!({
        "username": "genbackup",
        "content": title + &text,
        // Nobody is called, whatever the text is; and no address in it is looked up.
        "allowed_mentions": {"parse": []},
        "flags": 4,
    })
}

fn of_slack(message: &Message, zone: &TimeZone) -> Value {
    let title = shortened(&slack(&message.headline()), SLACK_HEADER);
    let plain = |text: String| json!({"type": "plain_text", "text": text, "emoji": false});
    json!({
        "text": title,
        "mrkdwn": false,
        "link_names": false,
        "parse": "none",
        "unfurl_links": false,
        "blocks": [
            {"type": "header", "text": plain(title.clone())},
            {"type": "section", "text": plain(message.text(zone, SLACK, |text| text.chars().count(), slack))},
        ],
    })
}

fn ntfy(message: &Message, zone: &TimeZone) -> Form {
    let (priority, tag) = match message.state() {
        State::Alert => ("urgent", "rotating_light"),
        State::Never | State::Warning => ("high", "warning"),
        State::Ok => ("default", "white_check_mark"),
    };
    Form::Text {
        headers: vec![
            ("Title", message.headline()),
            ("Priority", priority.to_owned()),
            ("Tags", tag.to_owned()),
        ],
        text: message.text(zone, NTFY, str::len, str::to_owned),
    }
}

//! What each service takes: its fields, its limits, and how a text in it stays a text.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::body::{Form, Limit};
use super::message::Message;
use super::words;
use crate::status::State;
use crate::text::shortened;

/// What one message of Discord may have, in the units of UTF-16 that it counts in.
const DISCORD: usize = 2000;
/// What one block of text of Slack may have, and its header.
const SLACK: usize = 3000;
const SLACK_HEADER: usize = 150;
/// The bytes of a message of ntfy; more, and it becomes an attachment.
const NTFY: usize = 4096;
/// What one message of Telegram may have (Bot API, "sendMessage"), counted like Discord's.
const TELEGRAM: usize = 4096;
/// The bytes of a message of Gotify, which sets no limit: for people.
const GOTIFY: usize = 16 * 1024;
/// The characters of a message of Pushover, and of its title.
const PUSHOVER: usize = 1024;
const PUSHOVER_TITLE: usize = 250;
/// The bytes of a message of Matrix, whose events have 65,536 with all that is around it, each `\"` and `\\` as two.
const MATRIX: usize = 24 * 1024;
/// The bytes of a web hook's JSON.
const WEBHOOK: usize = 64 * 1024;

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

fn bytes(most: usize) -> Limit {
    let measure = str::len;
    Limit { most, measure }
}

pub(super) fn webhook(message: &Message) -> Form {
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
    json_of(&value(&changes))
}

pub(super) fn discord(message: &Message, zone: &TimeZone) -> Form {
    let title = format!("**{}**\n", words::markdown(&message.headline()));
    let limit = Limit {
        most: DISCORD - utf16(&title),
        measure: utf16,
    };
    let text = message.text(zone, limit, words::markdown);
    json_of(&json!({
        "username": "genbackup",
        "content": title + &text,
        // Nobody is called, whatever the text is; and no address in it is looked up.
        "allowed_mentions": {"parse": []},
        "flags": 4,
    }))
}

pub(super) fn slack(message: &Message, zone: &TimeZone) -> Form {
    let title = shortened(&words::slack(&message.headline()), SLACK_HEADER);
    let plain = |text: String| json!({"type": "plain_text", "text": text, "emoji": false});
    let limit = Limit {
        most: SLACK,
        measure: characters,
    };
    json_of(&json!({
        "text": title,
        "mrkdwn": false,
        "link_names": false,
        "parse": "none",
        "unfurl_links": false,
        "blocks": [
            {"type": "header", "text": plain(title.clone())},
            {"type": "section", "text": plain(message.text(zone, limit, words::slack))},
        ],
    }))
}

pub(super) fn ntfy(message: &Message, zone: &TimeZone) -> Form {
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
        text: message.text(zone, bytes(NTFY), str::to_owned),
    }
}

/// Without `parse_mode` no character of the text is markup. Telegram would still find names, links and commands in it, but
/// not in what is preformatted.
pub(super) fn telegram(message: &Message, zone: &TimeZone) -> Form {
    let title = message.headline();
    let place = utf16(&title) + 1;
    let limit = Limit {
        most: TELEGRAM - place,
        measure: utf16,
    };
    let text = message.text(zone, limit, str::to_owned);
    let entities = json!([
        {"type": "bold", "offset": 0, "length": place - 1},
        {"type": "pre", "offset": place, "length": utf16(&text)},
    ]);
    Form::Fields(vec![
        ("text", format!("{title}\n{text}")),
        ("entities", entities.to_string()),
        ("link_preview_options", json!({"is_disabled": true}).to_string()),
    ])
}

/// By Gotify's app for Android, 8 and above is loud, 4 to 7 makes a sound, and below that none.
pub(super) fn gotify(message: &Message, zone: &TimeZone) -> Form {
    let priority = match message.state() {
        State::Alert => 8,
        State::Never | State::Warning => 5,
        State::Ok => 3,
    };
    json_of(&json!({
        "title": message.headline(),
        "message": message.text(zone, bytes(GOTIFY), str::to_owned),
        "priority": priority,
        "extras": {"client::display": {"contentType": "text/plain"}},
    }))
}

/// The priority 1 is shown in the hours of silence as well, and -1 makes no sound.
pub(super) fn pushover(message: &Message, zone: &TimeZone) -> Form {
    let priority = match message.state() {
        State::Alert => "1",
        State::Never | State::Warning => "0",
        State::Ok => "-1",
    };
    let limit = Limit {
        most: PUSHOVER,
        measure: characters,
    };
    Form::Fields(vec![
        ("title", shortened(&message.headline(), PUSHOVER_TITLE)),
        ("message", message.text(zone, limit, str::to_owned)),
        ("priority", priority.to_owned()),
        ("timestamp", message.time.as_second().to_string()),
    ])
}

/// `m.text`, since clients do not notify of `m.notice`. Where `m.mentions` is there, and empty, no name in the text is
/// called, and no `@room` (Matrix 1.7, "User and room mentions").
pub(super) fn matrix(message: &Message, zone: &TimeZone) -> Form {
    let title = message.headline();
    let text = message.text(zone, bytes(MATRIX - title.len()), str::to_owned);
    json_of(&json!({
        "msgtype": "m.text",
        "body": format!("{title}\n{text}"),
        "m.mentions": {},
    }))
}

fn json_of(value: &Value) -> Form {
    Form::Json(value.to_string())
}

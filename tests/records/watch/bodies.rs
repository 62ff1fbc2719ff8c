//! The exact body that each service gets, which is in `snapshots/watch`. Texts from a host stay text in it,
//! and are no commands.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use genbackup::model::MessageService;
use genbackup::notify::{Finding, Form, Memory, Message, body};
use genbackup::status::State;
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::snapshot::{Comparison, once};

/// Texts from a host that try to be more than text.
const ODD: &str = "@everyone @here <@1> <!channel> <#2> **bold** _it_ ~x~ `code` ```block``` [a](https://x.example) \
                   \u{1b}[31m\u{202e}\n# head\r\n> quote | \\ & <b> größe";

/// Each service with its name.
fn services() -> impl Iterator<Item = (&'static str, MessageService)> {
    MessageService::ALL
        .into_iter()
        .map(|service| (service.word(), service))
}

/// An hour ahead.
fn zone() -> TimeZone {
    TimeZone::fixed(offset(1))
}

fn message(hosts: usize, why: &str) -> Option<Message> {
    let finding = |subject: String, state| Finding {
        subject,
        state,
        since: "2026-11-20T04:02:00Z".parse().ok(),
        why: Some(why.to_owned()),
        hint: Some("mount it".to_owned()),
        grace: None,
    };
    let mut memory = Memory::default();
    let before = [finding("ziz".to_owned(), State::Alert)];
    let yesterday: Timestamp = "2026-11-21T05:00:00Z".parse().ok()?;
    memory.note("jak", &before, yesterday)?;
    let mut now: Vec<Finding> = (0..hosts)
        .map(|number| finding(format!("host-{number}"), State::Warning))
        .collect();
    now.push(finding("ziz".to_owned(), State::Ok));
    memory.note("jak", &now, yesterday + SignedDuration::from_hours(30))
}

fn shown(form: &Form) -> Result<String> {
    Ok(match form {
        Form::Json(text) => serde_json::to_string_pretty(&serde_json::from_str::<Value>(text)?)?,
        Form::Text { headers, text } => {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            format!("{}\n\n{text}", headers.join("\n"))
        }
        Form::Fields(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}: {value}"));
            fields.collect::<Vec<_>>().join("\n")
        }
    })
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for (story, message) in [
        (
            "plain",
            message(1, "unreachable: kai port 50000: connection refused"),
        ),
        ("odd", message(1, ODD)),
    ] {
        let message = message.unwrap_or_else(|| unreachable!("it changed"));
        for (name, service) in services() {
            let path = Path::new("watch").join(format!("{story}-{name}"));
            comparison.compare(&path, &shown(&body(&message, service, &zone()))?)?;
        }
        comparison.compare(
            &Path::new("watch").join(format!("{story}-email")),
            &message.email(&zone()),
        )?;
    }
    Ok(comparison)
}

static COMPARED: OnceLock<Result<Comparison>> = OnceLock::new();

#[test]
fn each_service_gets_what_is_expected() -> Result<()> {
    let comparison = once(&COMPARED, compare_all)?;
    assert!(comparison.different.is_empty(), "{:#?}", comparison.different);
    Ok(())
}

#[test]
fn no_body_is_left_over() -> Result<()> {
    once(&COMPARED, compare_all)?.has_no_orphan_and_misses_none("watch")
}

/// The parts of a message of Telegram that its two entities are about.
fn telegram(form: &Form) -> Result<(String, String)> {
    let Form::Fields(fields) = form else {
        bail!("no fields: {form:?}");
    };
    let field = |name| {
        let found = fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.as_str()).context(name)
    };
    let text: Vec<u16> = field("text")?.encode_utf16().collect();
    let entities: Value = serde_json::from_str(field("entities")?)?;
    let part = |number: usize, kind: &str| -> Result<String> {
        let entity = &entities[number];
        ensure!(entity["type"] == kind, "{entities}");
        let offset = usize::try_from(entity["offset"].as_u64().context("no offset")?)?;
        let length = usize::try_from(entity["length"].as_u64().context("no length")?)?;
        // Telegram refuses an entity that ends after the text.
        Ok(String::from_utf16(
            text.get(offset..offset + length).context("beyond the text")?,
        )?)
    };
    let (title, pre) = (part(0, "bold")?, part(1, "pre")?);
    ensure!(
        format!("{title}\n{pre}") == field("text")?,
        "all of it is in one of them"
    );
    Ok((title, pre))
}

#[test]
fn nothing_from_a_host_mentions_anybody() -> Result<()> {
    let message = message(1, ODD).unwrap_or_else(|| unreachable!("it changed"));
    for (name, service) in services() {
        let text = shown(&body(&message, service, &zone()))?;
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{name}: {text}"
        );
        match service {
            MessageService::Discord => {
                assert!(!text.contains("@everyone") && !text.contains("<@"), "{text}");
                assert!(!text.contains("](") && !text.contains("***"), "{text}");
            }
            MessageService::Slack => assert!(!text.contains("<!") && !text.contains("<@"), "{text}"),
            MessageService::Telegram => {
                assert!(!text.contains("parse_mode"), "{text}");
                let form = body(&message, service, &zone());
                let (title, pre) = telegram(&form)?;
                assert_eq!(title, "[jak] WARNING: host-0; resolved: ziz");
                assert!(
                    pre.contains("@everyone") && pre.contains("WARNING: host-0"),
                    "{pre}"
                );
            }
            MessageService::Matrix => {
                let content: Value = serde_json::from_str(&text)?;
                assert_eq!(content["m.mentions"], json!({}));
                assert_eq!(content["msgtype"], "m.text");
                assert!(content.get("formatted_body").is_none(), "{text}");
            }
            MessageService::Gotify => assert!(text.contains("\"contentType\": \"text/plain\""), "{text}"),
            MessageService::Pushover => assert!(!text.contains("\nhtml:"), "{text}"),
            MessageService::Webhook | MessageService::Ntfy => {}
        }
    }
    Ok(())
}

#[test]
fn a_change_that_is_too_long_is_shown_in_part() -> Result<()> {
    // Each of its texts is long enough to be shortened, and together they do not fit into a message of Pushover.
    let message = message(1, &"because ".repeat(200)).unwrap_or_else(|| unreachable!("it changed"));
    let text = shown(&body(&message, MessageService::Pushover, &zone()))?;
    assert!(
        text.contains("message: WARNING: host-0\n  because because"),
        "{text}"
    );
    Ok(())
}

#[test]
fn no_body_is_longer_than_its_service_takes() -> Result<()> {
    for hosts in [0, 1, 5, 30, 3000] {
        for why in [
            "short",
            &"_😀".repeat(3000),
            &"<".repeat(9000),
            &"\u{7}".repeat(9000),
        ] {
            let message = message(hosts, why).unwrap_or_else(|| unreachable!("it changed"));
            for (name, service) in services() {
                let form = body(&message, service, &zone());
                let length = match (&form, service) {
                    (Form::Json(text), MessageService::Discord) => {
                        let json: Value = serde_json::from_str(text)?;
                        json["content"]
                            .as_str()
                            .map_or(0, |text| text.encode_utf16().count())
                            * 65_536
                            / 2000
                    }
                    (Form::Json(text), MessageService::Slack) => {
                        let json: Value = serde_json::from_str(text)?;
                        let section = json["blocks"][1]["text"]["text"]
                            .as_str()
                            .map_or(0, |text| text.chars().count());
                        let header = json["blocks"][0]["text"]["text"]
                            .as_str()
                            .map_or(0, |text| text.chars().count());
                        assert!((1..=150).contains(&header), "{header}");
                        section * 65_536 / 3000
                    }
                    (Form::Json(text), MessageService::Gotify) => {
                        let json: Value = serde_json::from_str(text)?;
                        json["message"].as_str().map_or(0, str::len) * 4
                    }
                    (Form::Json(text), _) => text.len(),
                    (Form::Fields(_), MessageService::Telegram) => {
                        let (title, pre) = telegram(&form)?;
                        (title + "\n" + &pre).encode_utf16().count() * 65_536 / 4096
                    }
                    (Form::Fields(fields), _) => {
                        let length = |name| {
                            let field = fields.iter().find(|(field, _)| *field == name);
                            field.map_or(0, |(_, value)| value.chars().count())
                        };
                        assert!((1..=250).contains(&length("title")), "{fields:?}");
                        length("message") * 65_536 / 1024
                    }
                    (Form::Text { headers, text }, _) => {
                        assert!(
                            headers
                                .iter()
                                .all(|(_, value)| value.len() < 500 && value.is_ascii()),
                            "{headers:?}"
                        );
                        text.len() * 65_536 / 4096
                    }
                };
                assert!((1..=65_536).contains(&length), "{name}, {hosts}: {length}");
                if hosts == 3000 {
                    assert!(
                        shown(&form)?.contains("more") || shown(&form)?.contains("omitted"),
                        "{name}"
                    );
                }
            }
        }
    }
    Ok(())
}

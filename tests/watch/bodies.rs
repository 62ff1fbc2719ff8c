//! What each service gets, letter by letter: `snapshots/watch` holds it. What a host said is a text in it, and no
//! command.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;
use genbackup::health::State;
use genbackup::model::WebService;
use genbackup::notify::{Finding, Form, Memory, Message, body};
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::snapshot::{Comparison, once};

const SERVICES: [(&str, WebService); 4] = [
    ("webhook", WebService::Webhook),
    ("discord", WebService::Discord),
    ("slack", WebService::Slack),
    ("ntfy", WebService::Ntfy),
];
/// What a host says that wants to be more than a text.
const ODD: &str = "@everyone @here <@1> <!channel> <#2> **bold** _it_ ~x~ `code` ```block``` [a](https://x.example) \
                   \u{1b}[31m\u{202e}\n# head\r\n> quote | \\ & <b> größe";

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
        for (name, service) in SERVICES {
            let path = Path::new("watch").join(format!("{story}-{name}"));
            comparison.compare(&path, &shown(&body(&message, service, &zone()))?)?;
        }
        comparison.compare(
            &Path::new("watch").join(format!("{story}-letter")),
            &message.letter(&zone()),
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

#[test]
fn nothing_that_a_host_says_calls_anybody() -> Result<()> {
    let message = message(1, ODD).unwrap_or_else(|| unreachable!("it changed"));
    for (name, service) in SERVICES {
        let text = shown(&body(&message, service, &zone()))?;
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{name}: {text}"
        );
        match service {
            WebService::Discord => {
                assert!(!text.contains("@everyone") && !text.contains("<@"), "{text}");
                assert!(!text.contains("](") && !text.contains("***"), "{text}");
            }
            WebService::Slack => assert!(!text.contains("<!") && !text.contains("<@"), "{text}"),
            _ => {}
        }
    }
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
            for (name, service) in SERVICES {
                let form = body(&message, service, &zone());
                let length = match (&form, service) {
                    (Form::Json(text), WebService::Discord) => {
                        let json: Value = serde_json::from_str(text)?;
                        json["content"]
                            .as_str()
                            .map_or(0, |text| text.encode_utf16().count())
                            * 65_536
                            / 2000
                    }
                    (Form::Json(text), WebService::Slack) => {
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
                    (Form::Json(text), _) => text.len(),
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

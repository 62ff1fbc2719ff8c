//! The services with a token and a recipient: what is on the wire, and what each refusal causes.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use genbackup::model::{MessageService, PushMonitor, WebService};
use serde_json::{Value, json};

use super::server::{Answer, Request, Server, json as answers, status};
use super::site::{Site, at, night};

const TELEGRAM: &str = "bot1:correct-horse/sendMessage?chat_id=-100123&message_thread_id=5&parse_mode=HTML";
const GOTIFY: &str = "message?token=correct-horse";
const PUSHOVER: &str = "1/messages.json?token=correct-horse&user=correct-horse-user&html=1&sound=siren";
const MATRIX: &str = "_matrix/client/v3/rooms/!room:m.example?access_token=correct-horse";

/// A night on which a host fails, and a service is notified of it: the output of `watch`.
fn notified(kind: &str, path: &str, answers: &[Answer]) -> Result<(Site, Server, String)> {
    let server = Server::start(answers)?;
    let site = Site::of_kind(kind, &server.address(path))?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let output = site.watch(&at(20, 5))?;
    Ok((site, server, output.stderr))
}

fn first(server: &Server) -> Result<Request> {
    server.requests().first().cloned().context("no request")
}

/// A field of a web form, still encoded.
fn field<'r>(request: &'r Request, name: &str) -> Vec<&'r str> {
    let fields = request.body.split('&').filter_map(|field| field.split_once('='));
    fields
        .filter(|(field, _)| *field == name)
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn telegram_gets_a_form_with_the_chat_and_without_markup() -> Result<()> {
    let (_, server, output) = notified("telegram", TELEGRAM, &[status(200)])?;
    assert_eq!(output, "");
    let request = first(&server)?;
    assert_eq!(request.line, "POST /bot1:correct-horse/sendMessage HTTP/1.1");
    assert!(
        request
            .headers
            .contains("content-type: application/x-www-form-urlencoded")
    );
    assert_eq!(field(&request, "chat_id"), ["-100123"]);
    assert_eq!(field(&request, "message_thread_id"), ["5"]);
    assert_eq!(field(&request, "parse_mode"), [""; 0]);
    assert!(
        field(&request, "text")[0].starts_with("%5Bjak%5D+NEVER%3A+kai"),
        "{request:?}"
    );
    Ok(())
}

#[test]
fn gotify_gets_its_token_in_a_header() -> Result<()> {
    let (_, server, output) = notified("gotify", GOTIFY, &[status(200)])?;
    assert_eq!(output, "");
    let request = first(&server)?;
    assert_eq!(request.line, "POST /message HTTP/1.1");
    assert!(
        request.headers.contains("x-gotify-key: correct-horse\n"),
        "{request:?}"
    );
    let body: Value = serde_json::from_str(&request.body)?;
    assert_eq!(body["title"], "[jak] NEVER: kai");
    assert_eq!(body["priority"], 5);
    Ok(())
}

#[test]
fn pushover_gets_token_and_user_in_the_body_and_no_html() -> Result<()> {
    let (_, server, output) = notified("pushover", PUSHOVER, &[status(200)])?;
    assert_eq!(output, "");
    let request = first(&server)?;
    assert_eq!(request.line, "POST /1/messages.json HTTP/1.1");
    assert_eq!(field(&request, "token"), ["correct-horse"]);
    assert_eq!(field(&request, "user"), ["correct-horse-user"]);
    assert_eq!(field(&request, "sound"), ["siren"]);
    assert_eq!(field(&request, "html"), [""; 0]);
    assert_eq!(field(&request, "title"), ["%5Bjak%5D+NEVER%3A+kai"]);
    Ok(())
}

#[test]
fn matrix_gets_the_same_transaction_each_time_that_a_message_is_tried() -> Result<()> {
    let answers = [status(500), status(502), status(404), status(200)];
    let (site, server, output) = notified("matrix", MATRIX, &answers)?;
    assert!(
        output.contains("it answered 404: check that the server and the room are right"),
        "{output}"
    );
    assert_eq!(site.watched(&at(20, 7))?, "");
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    let request = first(&server)?;
    assert!(requests.iter().all(|other| *other == request), "{requests:?}");
    let line = "PUT /_matrix/client/v3/rooms/!room:m.example/send/m.room.message/genbackup-jak-1795150800000000000 HTTP/1.1";
    assert_eq!(request.line, line);
    assert!(
        request.headers.contains("authorization: Bearer correct-horse\n"),
        "{request:?}"
    );
    // Another message has another one.
    site.night(&night(21, &[]))?;
    site.watched(&at(21, 5))?;
    assert_ne!(
        server.requests().last().map(|request| request.line.clone()),
        Some(request.line)
    );
    Ok(())
}

/// What happens to a message: it is dropped, or it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    LeftOut,
    Waits,
}

/// What happens to a message that is refused with this answer, and which words are printed. It is not sent
/// again in vain.
fn fate(kind: &str, path: &str, answer: &Answer, words: &str) -> Result<Fate> {
    let (site, server, output) = notified(kind, path, &[answer.clone(), status(200)])?;
    ensure!(output.contains(words), "{answer:?}: {output}");
    ensure!(server.requests().len() == 1, "{answer:?}");
    ensure!(site.watched(&at(20, 6))?.is_empty(), "{answer:?}");
    Ok(match server.requests().len() {
        1 => Fate::LeftOut,
        _ => Fate::Waits,
    })
}

#[test]
fn telegram_refuses_a_message_or_a_chat() -> Result<()> {
    let refused = |code: u16, words: &str| {
        let body = json!({"ok": false, "error_code": code, "description": words});
        answers(code, &body)
    };
    for (answer, expected, words) in [
        (
            refused(400, "Bad Request: chat not found"),
            Fate::Waits,
            "the chat is right",
        ),
        (
            refused(400, "Bad Request: message is too long"),
            Fate::LeftOut,
            "rejects this message",
        ),
        (
            refused(403, "Forbidden: bot was kicked"),
            Fate::Waits,
            "the bot may write to it",
        ),
        (
            refused(401, "Unauthorized"),
            Fate::Waits,
            "the bot's token is right",
        ),
        (status(400), Fate::Waits, "the chat is right"),
    ] {
        assert_eq!(fate("telegram", TELEGRAM, &answer, words)?, expected, "{words}");
    }
    Ok(())
}

#[test]
fn gotify_refuses_a_message_or_a_token() -> Result<()> {
    for (number, expected, words) in [
        (401, Fate::Waits, "401: check that the address is right"),
        (400, Fate::LeftOut, "rejects this message"),
    ] {
        assert_eq!(
            fate("gotify", GOTIFY, &status(number), words)?,
            expected,
            "{number}"
        );
    }
    Ok(())
}

#[test]
fn pushover_refuses_a_message_or_a_recipient() -> Result<()> {
    for (name, expected, words) in [
        ("token", Fate::Waits, "the token and the user's key are right"),
        ("user", Fate::Waits, "the token and the user's key are right"),
        ("message", Fate::LeftOut, "rejects this message"),
    ] {
        let answer = answers(400, &json!({name: "invalid", "errors": ["x"], "status": 0}));
        assert_eq!(fate("pushover", PUSHOVER, &answer, words)?, expected, "{name}");
    }
    Ok(())
}

#[test]
fn matrix_refuses_a_message_or_an_account() -> Result<()> {
    for (number, errcode, expected, words) in [
        (403, "M_FORBIDDEN", Fate::Waits, "the account is in the room"),
        (401, "M_UNKNOWN_TOKEN", Fate::Waits, "the access token is right"),
        (
            400,
            "M_INVALID_PARAM",
            Fate::Waits,
            "the server and the room are right",
        ),
        (413, "M_TOO_LARGE", Fate::LeftOut, "rejects this message"),
    ] {
        let answer = answers(number, &json!({"errcode": errcode, "error": "x"}));
        assert_eq!(fate("matrix", MATRIX, &answer, words)?, expected, "{errcode}");
    }
    Ok(())
}

#[test]
fn a_wait_requested_in_the_body_is_respected() -> Result<()> {
    for (kind, path, body) in [
        (
            "telegram",
            TELEGRAM,
            json!({"ok": false, "parameters": {"retry_after": 1}}),
        ),
        (
            "matrix",
            MATRIX,
            json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1000}),
        ),
    ] {
        let start = Instant::now();
        let (_, server, output) = notified(kind, path, &[answers(429, &body), status(200)])?;
        assert_eq!(output, "", "{kind}");
        assert!(
            start.elapsed() >= Duration::from_secs(1),
            "{kind}: {:?}",
            start.elapsed()
        );
        assert_eq!(server.requests().len(), 2);
    }
    // Beyond the deadline of the tests, 3 seconds, nobody is asked in vain.
    let used_up = Answer::Status(429, "X-Limit-App-Reset: 4102444800\r\n".to_owned());
    for (kind, path, answer) in [
        (
            "telegram",
            TELEGRAM,
            answers(429, &json!({"parameters": {"retry_after": 3600}})),
        ),
        (
            "matrix",
            MATRIX,
            answers(429, &json!({"retry_after_ms": 3_600_000})),
        ),
        ("pushover", PUSHOVER, used_up),
        ("pushover", PUSHOVER, status(500)),
    ] {
        let (site, server, output) = notified(kind, path, &[answer, status(200)])?;
        assert!(output.contains("and asks to wait for "), "{kind}: {output}");
        assert_eq!(server.requests().len(), 1, "{kind}");
        assert_eq!(site.watched(&at(20, 6))?, "");
        assert_eq!(server.requests().len(), 2, "{kind}");
    }
    Ok(())
}

#[test]
fn a_token_is_seen_nowhere_but_on_the_wire() -> Result<()> {
    let echo = json!({"description": "correct-horse", "errcode": "correct-horse", "msg": "correct-horse"});
    for (kind, path) in [
        ("telegram", TELEGRAM),
        ("gotify", GOTIFY),
        ("pushover", PUSHOVER),
        ("matrix", MATRIX),
        ("uptime-kuma", "api/push/correct-horse"),
    ] {
        for answer in [400, 403, 404, 429, 500]
            .map(|number| answers(number, &echo))
            .iter()
            .chain(&[
                Answer::Close,
                Answer::Status(302, "Location: http://127.0.0.1/correct-horse\r\n".to_owned()),
                Answer::Status(200, "X: correct-horse\r\nbroken\r\n".to_owned()),
            ])
        {
            let (site, server, output) = notified(kind, path, std::slice::from_ref(answer))?;
            assert!(
                output.contains("not delivered: team: "),
                "{kind}, {answer:?}: {output}"
            );
            assert!(!output.contains("correct-horse"), "{output}");
            let memory = fs::read_to_string(site.path("state/memory.json"))?;
            assert!(!memory.contains("correct-horse"), "{memory}");
            let request = format!("{:?}", first(&server)?);
            assert!(request.contains("correct-horse"), "{kind}: {request}");
        }
        // An address that lacks the form of the service is neither used nor printed.
        let server = Server::good()?;
        let site = Site::of_kind(kind, &server.address("correct-horse"))?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        assert!(
            output
                .stderr
                .contains("/etc/genbackup/address has an address that is not of the form `https://"),
            "{output:?}"
        );
        assert!(!output.stderr.contains("correct-horse"), "{output:?}");
        assert_eq!(server.requests(), []);
    }
    Ok(())
}

#[test]
fn a_refusal_that_floods_costs_no_more_than_the_deadline() -> Result<()> {
    let flood = Answer::Body(400, String::new(), "x".repeat(8 * 1024 * 1024));
    let start = Instant::now();
    let (_, _, output) = notified("telegram", TELEGRAM, &[flood])?;
    assert!(output.contains("the chat is right"), "{output}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn the_book_names_each_kind_and_the_addresses_with_a_token() -> Result<()> {
    let chapter = "/docs/src/how-to/notifications.md";
    let chapter = fs::read_to_string(format!("{}{chapter}", env!("CARGO_MANIFEST_DIR")))?;
    let words = MessageService::ALL.map(MessageService::word).into_iter();
    for word in words.chain(PushMonitor::ALL.map(PushMonitor::word)) {
        assert!(chapter.contains(&format!("`{word}`")), "{word}");
    }
    for service in MessageService::ALL {
        let form = WebService::Messages(service).address_form();
        assert!(
            !form.contains("TOKEN") || chapter.contains(&format!("| `{form}` |")),
            "{form}"
        );
    }
    Ok(())
}

//! Each message arrives once, or is reported as not delivered. No output shows an address.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::server::{Answer, SECRET, Server, status};
use super::site::{Site, at, night, table};

fn titles(server: &Server) -> Result<Vec<String>> {
    let title = |body: &str| -> Result<String> {
        let body: Value = serde_json::from_str(body)?;
        Ok(body["title"].as_str().context("no title")?.to_owned())
    };
    server
        .requests()
        .iter()
        .map(|request| title(&request.body))
        .collect()
}

#[test]
fn a_host_that_goes_down_is_notified_once_and_its_return_once() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    assert_eq!(site.watched(&at(20, 5))?, "");
    site.night(&night(21, &[("kai", "unreachable")]))?;
    assert_eq!(site.watched(&at(21, 5))?, "WARNING: kai\n");
    assert_eq!(site.watched(&at(21, 6))?, "");
    // Another reason is no news; that it is an alert is.
    site.night(&night(22, &[("kai", "failed")]))?;
    assert_eq!(site.watched(&at(22, 5))?, "ALERT: kai\n");
    site.night(&night(23, &[("kai", "busy")]))?;
    assert_eq!(site.watched(&at(23, 5))?, "");
    site.night(&night(24, &[]))?;
    assert_eq!(site.watched(&at(24, 5))?, "resolved: kai\n");
    assert_eq!(site.watched(&at(24, 6))?, "");
    assert_eq!(titles(&server)?, ["WARNING: kai", "ALERT: kai", "resolved: kai"]);
    Ok(())
}

#[test]
fn what_cannot_be_delivered_is_kept_and_delivered_later_in_its_order() -> Result<()> {
    // A port on which nobody listens, at an address that no other test uses: it could get the same port.
    let free = TcpListener::bind(("127.0.0.2", 0))?.local_addr()?;
    let site = Site::of_kind("webhook", &format!("http://{free}/{SECRET}"))?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    for (day, ended) in [(21, &[("kai", "failed")][..]), (22, &[])] {
        site.night(&night(day, ended))?;
        let output = site.watch(&at(day, 5))?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            output
                .stderr
                .starts_with("error: not delivered: team: it cannot be reached"),
            "{output:?}"
        );
    }
    let server = Server::good()?;
    site.credential("team", &server.secret_address())?;
    assert_eq!(site.watched(&at(22, 6))?, "");
    assert_eq!(titles(&server)?, ["WARNING: kai", "resolved: kai"]);
    site.watched(&at(22, 7))?;
    assert_eq!(server.requests().len(), 2);
    Ok(())
}

#[test]
fn an_address_that_is_down_costs_the_others_nothing() -> Result<()> {
    let server = Server::good()?;
    let hanging = Server::start(&[Answer::Hang])?;
    let site = Site::new(
        &[
            table("bad", "webhook"),
            table("good", "webhook"),
            table("gone", "slack"),
        ]
        .concat(),
    )?;
    site.credential("bad", &hanging.secret_address())?;
    site.credential("good", &server.secret_address())?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let output = site.watch(&at(20, 5))?;
    assert_eq!(output.status.code(), Some(1));
    for part in [
        "bad: it did not answer in time",
        "gone: the address file /etc/genbackup/address is missing or empty",
    ] {
        assert!(output.stderr.contains(part), "{output:?}");
    }
    assert!(!output.stderr.contains("good:"), "{output:?}");
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

#[test]
fn what_may_pass_is_tried_again_within_the_deadline() -> Result<()> {
    for first in [status(500), status(503), status(429), Answer::Close] {
        let server = Server::start(&[first.clone(), status(200)])?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        assert!(output.status.success(), "{first:?}: {}", output.stderr);
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{first:?}");
        assert_eq!(requests.first(), requests.last(), "the same again");
    }
    Ok(())
}

#[test]
fn what_will_not_pass_is_not_tried_again() -> Result<()> {
    for (number, words) in [
        (404, "it answered 404: check that the address is right"),
        (403, "it answered 403"),
    ] {
        let server = Server::start(&[status(number)])?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        assert!(output.stderr.contains(words), "{output:?}");
        assert_eq!(server.requests().len(), 1, "{number}");
    }
    Ok(())
}

/// Two messages wait, and then there is an answer to each attempt.
fn two_wait(answers: &[Answer]) -> Result<(Site, Server)> {
    let site = Site::of_kind("webhook", "")?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    for (day, ended) in [(21, &[("kai", "failed")][..]), (22, &[])] {
        site.night(&night(day, ended))?;
        assert_eq!(site.watch(&at(day, 5))?.status.code(), Some(1));
    }
    let server = Server::start(answers)?;
    site.credential("team", &server.secret_address())?;
    Ok((site, server))
}

#[test]
fn a_refused_message_is_dropped_and_delays_no_other() -> Result<()> {
    for number in [400, 413, 415, 422] {
        let (site, server) = two_wait(&[status(number), status(204)])?;
        let output = site.watch(&at(22, 6))?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let words = format!("team: it answered {number}: it rejects this message; `WARNING: kai` is dropped");
        assert!(output.stderr.contains(&words), "{output:?}");
        assert_eq!(titles(&server)?, ["WARNING: kai", "resolved: kai"]);
        assert_eq!(site.watched(&at(22, 7))?, "", "nothing waits any more");
        assert_eq!(server.requests().len(), 2);
    }
    Ok(())
}

#[test]
fn a_wrong_address_delays_all_messages() -> Result<()> {
    for number in [401, 403, 404, 410] {
        let (site, server) = two_wait(&[status(number), status(204)])?;
        let output = site.watch(&at(22, 6))?;
        assert!(output.stderr.contains("the address is right"), "{output:?}");
        assert_eq!(titles(&server)?, ["WARNING: kai"]);
        assert_eq!(site.watched(&at(22, 7))?, "");
        assert_eq!(
            titles(&server)?,
            ["WARNING: kai", "WARNING: kai", "resolved: kai"]
        );
    }
    Ok(())
}

#[test]
fn a_requested_wait_is_respected() -> Result<()> {
    // Within the deadline, it is waited for.
    let silence = |header: &str| Answer::Status(429, format!("Retry-After: {header}\r\n"));
    let (site, server) = two_wait(&[silence("1"), status(204)])?;
    let start = Instant::now();
    assert_eq!(site.watched(&at(22, 6))?, "");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), 3);
    // Beyond it, what waits is kept, and nobody is asked in vain.
    for header in ["7200", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        let (site, server) = two_wait(&[silence(header), status(204)])?;
        let output = site.watch(&at(22, 6))?;
        assert!(
            output
                .stderr
                .contains("team: it answered 429, and asks to wait for "),
            "{output:?}"
        );
        assert_eq!(server.requests().len(), 1);
        assert_eq!(site.watched(&at(22, 7))?, "");
        assert_eq!(server.requests().len(), 3);
    }
    Ok(())
}

#[test]
fn an_unreadable_address_file_is_not_reported_as_empty() -> Result<()> {
    let site = Site::of_kind("webhook", "")?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let file = site.path("credentials/notify-team");
    fs::write(&file, b"https://\xff\xfe/\n")?;
    let output = site.watch(&at(20, 5))?;
    let words = "cannot read the address file /etc/genbackup/address: its first line is not valid UTF-8";
    assert!(output.stderr.contains(words), "{output:?}");
    fs::remove_file(&file)?;
    fs::create_dir(&file)?;
    let output = site.watch(&at(20, 6))?;
    let words = "cannot read the address file /etc/genbackup/address: Is a directory";
    assert!(output.stderr.contains(words), "{output:?}");
    Ok(())
}

#[test]
fn a_redirect_is_not_followed_since_it_would_take_the_secret_elsewhere() -> Result<()> {
    let elsewhere = Server::good()?;
    for number in [301, 302, 307, 308] {
        let location = format!("Location: {}\r\n", elsewhere.secret_address());
        let server = Server::start(&[Answer::Status(number, location)])?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        assert!(output.stderr.contains("it redirects elsewhere"), "{output:?}");
    }
    assert_eq!(elsewhere.requests(), []);
    Ok(())
}

#[test]
fn a_server_that_hangs_drips_or_floods_costs_no_more_than_the_deadline() -> Result<()> {
    for (answer, arrives) in [(Answer::Hang, false), (Answer::Drip, false), (Answer::Huge, true)] {
        let server = Server::start(std::slice::from_ref(&answer))?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let start = Instant::now();
        let output = site.watch(&at(20, 5))?;
        // The deadline of the tests is 3 seconds; the rest is for a busy machine.
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{answer:?}: {:?}",
            start.elapsed()
        );
        assert_eq!(output.status.success(), arrives, "{answer:?}: {}", output.stderr);
    }
    Ok(())
}

#[test]
fn an_address_is_seen_nowhere_but_on_the_wire() -> Result<()> {
    let answers = [
        Answer::Close,
        status(500),
        status(404),
        Answer::Status(302, format!("Location: http://127.0.0.1/{SECRET}\r\n")),
        Answer::Status(200, format!("X: {SECRET}\r\nbroken\r\n")),
        status(204),
    ];
    for answer in answers {
        let server = Server::start(&[answer])?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        for text in [
            &output.stdout,
            &output.stderr,
            &fs::read_to_string(site.path("state/memory.json"))?,
            &server
                .requests()
                .iter()
                .map(|request| request.body.as_str())
                .collect::<String>(),
        ] {
            assert!(!text.contains("correct-horse"), "{text}");
        }
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.line.contains(SECRET))
        );
    }
    for address in ["not-an-address-correct-horse", "ftp://correct-horse/", "https://"] {
        let site = Site::of_kind("webhook", address)?;
        site.night(&night(20, &[("kai", "failed")]))?;
        let output = site.watch(&at(20, 5))?;
        assert!(output.stderr.contains("has no web address"), "{output:?}");
        assert!(!output.stderr.contains("correct-horse"), "{output:?}");
    }
    Ok(())
}

#[test]
fn a_certificate_of_nobody_is_not_trusted_and_one_that_the_system_trusts_is() -> Result<()> {
    let (server, root) = super::server::tls::start()?;
    let directory = tempfile::tempdir()?;
    let trusted = directory.path().join("roots.pem");
    fs::write(&trusted, root)?;
    let site = Site::of_kind("webhook", &server)?;
    site.night(&night(20, &[("kai", "failed")]))?;
    let output = site.watch(&at(20, 5))?;
    assert!(output.stderr.contains("TLS failed"), "{output:?}");
    let output = crate::command::run(site.command(&at(20, 6), &[]).env("SSL_CERT_FILE", &trusted))?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[test]
fn a_damaged_memory_is_reported_and_causes_no_flood() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(
        20,
        &[("kai", "failed"), ("ziz", "failed"), ("jak", "partial")],
    ))?;
    assert_eq!(site.watched(&at(20, 5))?, "NEVER: kai, ziz; WARNING: jak\n");
    let memory = site.path("state/memory.json");
    let whole = fs::read_to_string(&memory)?;
    for damaged in [
        "",
        "{",
        "[]",
        &whole.replace("\"subjects\": {", "\"subjects\": 1, \"more\": {"),
        &whole[..whole.len() / 2],
    ] {
        let before = server.requests().len();
        fs::write(&memory, damaged)?;
        let output = site.watch(&at(20, 6))?;
        assert!(output.stderr.contains("is damaged"), "{damaged}: {output:?}");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(server.requests().len(), before + 1, "one message for all");
        assert_eq!(site.watched(&at(20, 7))?, "");
    }
    Ok(())
}

#[test]
fn what_waits_survives_another_version_of_genbackup() -> Result<()> {
    let (site, server) = two_wait(&[status(204)])?;
    let memory = site.path("state/memory.json");
    let whole: Value = serde_json::from_str(&fs::read_to_string(&memory)?)?;
    assert_eq!(whole["version"], 1);
    // A newer one knows more, of all there is; this one writes what it knows.
    let newer = whole
        .to_string()
        .replace("\"version\":1", "\"version\":7,\"a-new-key\":{}")
        .replace("\"first\":", "\"why\":\"x\",\"first\":");
    assert_ne!(newer, whole.to_string());
    fs::write(&memory, newer)?;
    let output = site.watch(&at(22, 6))?;
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stderr.contains("note: a newer genbackup wrote "),
        "{output:?}"
    );
    assert_eq!(titles(&server)?, ["WARNING: kai", "resolved: kai"]);
    assert_eq!(site.watched(&at(22, 7))?, "");
    // An older one knew less.
    let (site, server) = two_wait(&[status(204)])?;
    let memory = site.path("state/memory.json");
    let mut whole: Value = serde_json::from_str(&fs::read_to_string(&memory)?)?;
    let keys = whole.as_object_mut().context("no object")?;
    for key in ["version", "failures", "pinged", "pings"] {
        keys.remove(key).context(key)?;
    }
    fs::write(&memory, whole.to_string())?;
    assert_eq!(site.watched(&at(22, 6))?, "");
    assert_eq!(titles(&server)?, ["WARNING: kai", "resolved: kai"]);
    Ok(())
}

#[test]
fn where_nothing_can_be_remembered_nothing_is_sent() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[("kai", "failed")]))?;
    // Where nobody may write, not even root.
    fs::remove_dir(site.path("state"))?;
    std::os::unix::fs::symlink("/proc", site.path("state"))?;
    let output = site.watch(&at(20, 5))?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("cannot write"), "{output:?}");
    assert_eq!(server.requests(), []);
    Ok(())
}

#[test]
fn a_fleet_without_recipients_gets_a_hint() -> Result<()> {
    let output = Site::new("")?.watch(&at(20, 5))?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stderr.contains("hint: add a table `[notify.NAME]`"),
        "{output:?}"
    );
    Ok(())
}

#[test]
fn an_address_that_was_down_for_long_gets_the_newest_messages() -> Result<()> {
    let site = Site::of_kind("webhook", "")?;
    let mut last = String::new();
    for round in 0_u8..44 {
        let ended: &[(&str, &str)] = if round % 2 == 0 { &[("kai", "failed")] } else { &[] };
        // Four runs a day.
        let mut night = crate::night::Night::at(&at(1 + round / 4, round % 4 * 6), &super::site::HOSTS);
        for host in super::site::HOSTS {
            let status = ended
                .iter()
                .find(|(name, _)| *name == host)
                .map_or("ok", |(_, status)| status);
            night = night.host(host, status);
        }
        site.night(&night.maintained())?;
        last = site.watch(&at(1 + round / 4, round % 4 * 6 + 1))?.stderr;
    }
    assert!(last.contains("more than 20 messages wait for `team`"), "{last}");
    let server = Server::good()?;
    site.credential("team", &server.secret_address())?;
    assert!(site.watch(&at(11, 20))?.status.success());
    let titles = titles(&server)?;
    assert_eq!(titles.len(), 20, "{titles:?}");
    assert_eq!(titles.last().map(String::as_str), Some("resolved: kai"));
    Ok(())
}

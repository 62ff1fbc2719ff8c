//! Monitors that are pinged for each run: that it began, and how it ended.

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::server::{SECRET, Server, json, status};
use super::site::{Site, at, night};
use crate::command::run;
use crate::night::Night;

fn lines(server: &Server) -> Vec<(String, String)> {
    let short = |line: &str| {
        line.replace(SECRET, "X")
            .replace("POST ", "")
            .replace("GET ", "")
            .replace(" HTTP/1.1", "")
    };
    server
        .requests()
        .into_iter()
        .map(|request| (short(&request.line), request.body))
        .collect()
}

fn paths(server: &Server) -> Vec<String> {
    lines(server).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn each_run_is_pinged_once_when_it_begins_and_once_when_it_is_over() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    let started = run(&mut site.command(&at(20, 4), &["--event", "start"]))?;
    assert!(started.status.success(), "{started:?}");
    site.night(&night(20, &[]))?;
    for hour in 5..8 {
        site.watched(&at(20, hour))?;
    }
    assert_eq!(paths(&server), ["/X/start", "/X"]);
    site.night(&night(21, &[("kai", "failed")]))?;
    for hour in 5..8 {
        site.watched(&at(21, hour))?;
    }
    let pings = lines(&server);
    assert_eq!(pings.len(), 3, "{pings:?}");
    let (path, text) = &pings[2];
    assert_eq!(path, "/X/fail");
    assert!(text.contains("kai: failed kai is not well"), "{text}");
    Ok(())
}

#[test]
fn a_run_in_progress_sends_no_ping_and_a_broken_one_fails() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    let broken = Night::at(&at(20, 4), &["jak", "kai", "ziz"]).host("jak", "ok");
    site.night(&broken)?;
    site.watched(&at(20, 5))?;
    assert_eq!(server.requests(), [], "it may still be in progress");
    site.watched(&at(21, 3))?;
    assert_eq!(paths(&server), ["/X/fail"]);
    Ok(())
}

#[test]
fn the_newest_ping_takes_the_place_of_one_that_waits_and_a_late_start_is_not_sent() -> Result<()> {
    let down = Server::start(&[status(404)])?;
    let site = Site::of_kind("ping", &down.secret_address())?;
    let started = run(&mut site.command(&at(20, 4), &["--event", "start"]))?;
    assert_eq!(started.status.code(), Some(1));
    for (day, ended) in [(20, &[("kai", "failed")][..]), (21, &[])] {
        site.night(&night(day, ended))?;
        assert_eq!(site.watch(&at(day, 5))?.status.code(), Some(1));
    }
    let server = Server::good()?;
    site.credential("team", &server.secret_address())?;
    site.watched(&at(21, 6))?;
    assert_eq!(paths(&server), ["/X"]);
    Ok(())
}

const WEEKLY: &str = "[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n";

/// A night of the hosts of `[schedule]`, in a fleet in which `kai` has its own schedule.
fn together(day: u8) -> Night {
    Night::good(&at(day, 4), &["jak", "ziz"])
}

fn kai(day: u8, hour: u8, status: &str) -> Night {
    Night::at(&at(day, hour), &["kai"])
        .of_chosen()
        .host("kai", status)
        .maintained()
}

#[test]
fn a_run_of_hosts_that_were_named_is_no_sign_of_the_fleet_s() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    site.add(WEEKLY)?;
    site.night(&together(20))?;
    site.watched(&at(20, 5))?;
    assert_eq!(paths(&server), ["/X"]);
    // Whether it succeeded or not: a monitor that expects one ping a night gets none at another time.
    for (hour, status) in [(12, "ok"), (14, "failed")] {
        site.night(&kai(20, hour, status))?;
        site.watched(&at(20, hour + 1))?;
    }
    assert_eq!(paths(&server), ["/X"]);
    // The next night reports it.
    site.night(&together(21))?;
    site.watched(&at(21, 5))?;
    let pings = lines(&server);
    let (path, text) = pings.last().context("no ping")?;
    assert_eq!(path, "/X/fail");
    assert_eq!(text, "kai: WARNING failed: kai is not well");
    site.night(&kai(21, 12, "ok"))?;
    site.night(&together(22))?;
    site.watched(&at(22, 5))?;
    assert_eq!(paths(&server), ["/X", "/X/fail", "/X"]);
    Ok(())
}

#[test]
fn a_weekly_host_that_is_not_due_is_no_failure() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    site.add(WEEKLY)?;
    site.night(&together(20))?;
    site.watched(&at(20, 5))?;
    assert_eq!(paths(&server), ["/X"]);
    Ok(())
}

#[test]
fn a_laptop_that_may_be_away_and_is_fails_no_night() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    let fleet = std::fs::read_to_string(site.path("fleet.toml"))?;
    let laptop = fleet.replace("[hosts.kai]\n", "[hosts.kai]\nmay-be-absent = \"14d\"\n");
    assert_ne!(laptop, fleet);
    std::fs::write(site.path("fleet.toml"), laptop)?;
    for (day, ended) in [
        (19, &[][..]),
        (20, &[("kai", "unreachable")]),
        (21, &[("kai", "unreachable"), ("ziz", "failed")]),
        (22, &[("kai", "failed")]),
    ] {
        site.night(&night(day, ended))?;
        site.watched(&at(day, 5))?;
    }
    assert_eq!(paths(&server), ["/X", "/X", "/X/fail", "/X/fail"]);
    let texts: Vec<String> = lines(&server).into_iter().map(|(_, text)| text).collect();
    assert!(texts[2].contains("ziz") && !texts[2].contains("kai"), "{texts:?}");
    Ok(())
}

#[test]
fn an_ad_hoc_record_is_no_finished_run() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    site.night(&Night::ad_hoc(&at(20, 6), "offsite", "failed"))?;
    site.watched(&at(20, 7))?;
    assert_eq!(paths(&server), ["/X"]);
    Ok(())
}

/// A fleet with a push monitor of Uptime Kuma, whose address is as Kuma shows it.
fn kuma(server: &Server) -> Result<Site> {
    let address = server.address("api/push/correct-horse?status=up&msg=OK&ping=");
    Site::of_kind("uptime-kuma", &address)
}

#[test]
fn uptime_kuma_is_asked_with_status_and_msg_and_hears_of_no_start() -> Result<()> {
    let server = Server::start(&[json(200, &json!({"ok": true}))])?;
    let site = kuma(&server)?;
    let started = run(&mut site.command(&at(20, 4), &["--event", "start"]))?;
    assert!(started.status.success(), "{started:?}");
    assert_eq!(server.requests(), [], "it knows up and down alone");
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    site.watched(&at(20, 6))?;
    site.night(&night(21, &[("kai", "failed"), ("ziz", "unreachable")]))?;
    site.watched(&at(21, 5))?;
    let lines: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    let [up, down] = lines.as_slice() else {
        bail!("{lines:?}");
    };
    assert!(
        up.starts_with("GET /api/push/correct-horse?status=up&msg=genbackup+OK%3A+3+hosts+"),
        "{up}"
    );
    assert_eq!(
        down,
        "GET /api/push/correct-horse?status=down&msg=kai%3A+failed+kai+is+not+well%3B+ziz%3A+unreachable+ziz+is+not+well\
         &ping=300000 HTTP/1.1"
    );
    Ok(())
}

#[test]
fn a_run_of_named_hosts_is_no_sign_of_the_fleet_s_for_uptime_kuma_either() -> Result<()> {
    let server = Server::good()?;
    let site = kuma(&server)?;
    site.add(WEEKLY)?;
    site.night(&together(20))?;
    site.watched(&at(20, 5))?;
    site.night(&kai(20, 12, "ok"))?;
    site.watched(&at(20, 13))?;
    assert_eq!(server.requests().len(), 1);
    Ok(())
}

#[test]
fn a_night_with_many_messages_has_a_short_address() -> Result<()> {
    let server = Server::good()?;
    let site = kuma(&server)?;
    let mut night = Night::at(&at(20, 4), &["jak", "kai", "ziz"]);
    for host in ["jak", "kai", "ziz"] {
        night = night.host_that(
            host,
            json!({"status": "failed", "why": "😀&status=up#".repeat(90)}),
        );
    }
    site.night(&night.maintained())?;
    site.watched(&at(20, 5))?;
    let requests = server.requests();
    let line = &requests.first().context("no ping")?.line;
    assert!(
        line.len() < 8000 && line.ends_with("&ping=300000 HTTP/1.1"),
        "{line}"
    );
    assert_eq!(
        line.matches("status=").count(),
        1,
        "a text from a host is no parameter: {line}"
    );
    Ok(())
}

#[test]
fn an_unknown_uptime_kuma_monitor_is_reported_and_not_retried() -> Result<()> {
    for number in [404, 500] {
        let unknown = json!({"ok": false, "msg": "Monitor not found or not active."});
        let server = Server::start(&[json(number, &unknown)])?;
        let site = kuma(&server)?;
        site.night(&night(20, &[]))?;
        let output = site.watch(&at(20, 5))?;
        let words = format!("it answered {number}: it does not know this monitor, or the monitor is paused");
        assert!(output.stderr.contains(&words), "{output:?}");
        assert_eq!(server.requests().len(), 1);
    }
    Ok(())
}

#[test]
fn an_address_of_the_other_monitor_is_reported_with_its_kind() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.address("api/push/correct-horse"))?;
    site.night(&night(20, &[]))?;
    let output = site.watch(&at(20, 5))?;
    assert!(output.stderr.contains("`kind = \"uptime-kuma\"`"), "{output:?}");
    assert!(!output.stderr.contains("correct-horse"), "{output:?}");
    assert_eq!(server.requests(), []);
    Ok(())
}

#[test]
fn what_waits_for_a_notification_of_another_kind_is_forgotten() -> Result<()> {
    for (before, after, path) in [
        ("ping", "webhook", SECRET),
        ("webhook", "uptime-kuma", "api/push/correct-horse"),
    ] {
        let down = Server::start(&[status(404)])?;
        let site = Site::of_kind(before, &down.secret_address())?;
        site.night(&night(20, &[("kai", "failed")]))?;
        assert_eq!(site.watch(&at(20, 5))?.status.code(), Some(1));
        let fleet = std::fs::read_to_string(site.path("fleet.toml"))?;
        let (old, new) = (format!("kind = \"{before}\""), format!("kind = \"{after}\""));
        std::fs::write(site.path("fleet.toml"), fleet.replace(&old, &new))?;
        let server = Server::good()?;
        site.credential("team", &server.address(path))?;
        site.watched(&at(20, 6))?;
        assert_eq!(server.requests(), [], "{before}, {after}");
        let memory: serde_json::Value =
            serde_json::from_slice(&std::fs::read(site.path("state/memory.json"))?)?;
        assert_eq!(
            (&memory["waiting"], &memory["pings"]),
            (&json!({}), &json!({})),
            "{before}"
        );
    }
    Ok(())
}

#[test]
fn uptime_kuma_gets_no_time_that_it_refuses() -> Result<()> {
    let server = Server::good()?;
    let site = kuma(&server)?;
    let night = Night::at(&at(20, 4), &["jak", "kai", "ziz"])
        .host("jak", "ok")
        .host("kai", "ok");
    // Longer than a day.
    site.night(&night.later_at(&at(21, 6)).host("ziz", "ok").maintained())?;
    site.watched(&at(21, 7))?;
    let requests = server.requests();
    let line = &requests.first().context("no ping")?.line;
    assert!(line.ends_with("&ping= HTTP/1.1"), "{line}");
    Ok(())
}

#[test]
fn a_ping_that_an_older_genbackup_kept_is_delivered() -> Result<()> {
    let server = Server::good()?;
    let site = kuma(&server)?;
    let kept = json!({"version": 1, "pings": {"team": {"event": "failure", "text": "kai: failed"}}});
    std::fs::write(site.path("state/memory.json"), kept.to_string())?;
    site.watch(&at(20, 5))?;
    let requests = server.requests();
    let line = &requests.first().context("no ping")?.line;
    assert_eq!(
        line,
        "GET /api/push/correct-horse?status=down&msg=kai%3A+failed&ping= HTTP/1.1"
    );
    Ok(())
}

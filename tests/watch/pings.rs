//! Who is told of each run: that it began, and how it ended.

use anyhow::Result;

use crate::command::run;
use crate::server::{SECRET, Server, status};
use crate::site::{Site, at, night};

fn lines(server: &Server) -> Vec<(String, String)> {
    let short = |line: &str| {
        line.replace(SECRET, "X")
            .replace("POST ", "")
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
    let told = lines(&server);
    assert_eq!(told.len(), 3, "{told:?}");
    let (path, text) = &told[2];
    assert_eq!(path, "/X/fail");
    assert!(text.contains("kai: failed kai is not well"), "{text}");
    Ok(())
}

#[test]
fn a_run_at_work_is_not_pinged_and_one_that_broke_off_is_a_failure() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    let broken = crate::night::Night::at(&at(20, 4), &["jak", "kai", "ziz"]).host("jak", "ok");
    site.night(&broken)?;
    site.watched(&at(20, 5))?;
    assert_eq!(server.requests(), [], "it may be at work still");
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

#[test]
fn what_is_noted_beside_the_runs_is_no_run_that_ended() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    site.night(&crate::night::Night::beside(&at(20, 6), "offsite", "failed"))?;
    site.watched(&at(20, 7))?;
    assert_eq!(paths(&server), ["/X"]);
    Ok(())
}

//! A failed unit is reported if no record explains the failure. systemd's `OnFailure=` starts us for it.

use anyhow::Result;
use serde_json::{Value, json};

use super::server::Server;
use super::site::{HOSTS, Site, at, night, table};
use crate::command::{Outcome, run};
use crate::night::Night;

fn failed(site: &Site, now: &str, unit: &str, result: &str, status: &str) -> Result<Outcome> {
    run(site
        .command(now, &["--event", unit])
        .env("MONITOR_SERVICE_RESULT", result)
        .env("MONITOR_EXIT_STATUS", status))
}

fn last_why(server: &Server) -> Result<String> {
    let requests = server.requests();
    let body: Value = serde_json::from_str(requests.last().map_or("null", |request| &request.body))?;
    Ok(body["changes"][0]["why"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_missing_credential_is_reported_with_its_files() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    let output = failed(&site, &at(21, 4), "genbackup", "exit-code", "243")?;
    assert_eq!(output.stdout, "ALERT: unit genbackup.service\n", "{output:?}");
    let why = last_why(&server)?;
    for part in [
        "exit status 243",
        "/mnt/storage/nsa/keys/restic.txt",
        "/etc/genbackup/ssh_ed25519",
        "locked",
    ] {
        assert!(why.contains(part), "no `{part}` in {why}");
    }
    assert_eq!(site.watched(&at(21, 4))?, "", "it is not reported again");
    site.night(&Night::good(&at(21, 6), &HOSTS))?;
    assert_eq!(site.watched(&at(21, 7))?, "resolved: unit genbackup.service\n");
    assert_eq!(site.watched(&at(21, 8))?, "");
    Ok(())
}

#[test]
fn a_run_of_chosen_hosts_is_reported_by_its_own_unit() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    // As `genbackup-notify@%N.service` hands it over.
    let output = failed(
        &site,
        &at(21, 4),
        "genbackup-run@db.example.net_web-1",
        "exit-code",
        "243",
    )?;
    let unit = "genbackup-run@db.example.net_web-1.service";
    assert_eq!(output.stdout, format!("ALERT: unit {unit}\n"), "{output:?}");
    let why = last_why(&server)?;
    assert!(
        why.contains("/etc/genbackup/ssh_ed25519"),
        "it has the key as well: {why}"
    );
    site.night(&Night::good(&at(21, 6), &HOSTS))?;
    assert_eq!(site.watched(&at(21, 7))?, format!("resolved: unit {unit}\n"));
    Ok(())
}

#[test]
fn facts_in_the_record_are_reported_once() -> Result<()> {
    // Also where forget has written a line after the clock was looked at.
    for now in ["2026-11-20T04:03:30Z", "2026-11-20T04:02:59Z"] {
        let server = Server::good()?;
        let site = Site::of_kind("webhook", &server.secret_address())?;
        let why = "the password file /mnt/storage/nsa/keys/restic.txt is missing or empty";
        let mut night = Night::at(&at(20, 4), &HOSTS);
        for host in HOSTS {
            night = night.host_that(host, json!({"status": "failed", "why": why}));
        }
        site.night(&night)?;
        let output = failed(&site, now, "genbackup", "exit-code", "1")?;
        assert_eq!(output.stdout, "NEVER: jak, kai, ziz\n", "{output:?}");
        assert!(last_why(&server)?.contains(why));
    }
    Ok(())
}

#[test]
fn a_failure_without_a_record_is_reported() -> Result<()> {
    for (result, status, words) in [
        (
            "exit-code",
            "1",
            "failed (exit status 1), and no record shows the reason",
        ),
        ("exit-code", "203", "failed before it started (exit status 203)"),
        ("oom-kill", "KILL", "failed (oom-kill, KILL)"),
        ("timeout", "TERM", "failed (timeout, TERM)"),
    ] {
        for unit in ["genbackup", "genbackup-maintain"] {
            let server = Server::good()?;
            let site = Site::of_kind("webhook", &server.secret_address())?;
            site.night(&night(20, &[]))?;
            let output = failed(&site, "2026-11-20T04:06:00Z", unit, result, status)?;
            assert_eq!(
                output.stdout,
                format!("ALERT: unit {unit}.service\n"),
                "{output:?}"
            );
            assert!(last_why(&server)?.contains(words), "{}", last_why(&server)?);
        }
    }
    Ok(())
}

#[test]
fn a_host_that_failed_does_not_explain_why_forget_and_prune_did() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    let mut night = Night::at(&at(21, 4), &HOSTS);
    for (host, status) in [("jak", "ok"), ("kai", "unreachable"), ("ziz", "ok")] {
        night = night.host(host, status);
    }
    site.night(&night)?;
    assert_eq!(site.watched("2026-11-21T04:04:00Z")?, "WARNING: kai\n");
    let output = failed(
        &site,
        "2026-11-21T04:05:00Z",
        "genbackup-maintain",
        "exit-code",
        "1",
    )?;
    assert_eq!(
        output.stdout, "ALERT: unit genbackup-maintain.service\n",
        "{output:?}"
    );
    Ok(())
}

#[test]
fn forget_that_failed_explains_why_its_unit_did() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    let hosts = HOSTS.iter().fold(Night::at(&at(20, 4), &HOSTS), |night, host| {
        night.host(host, "ok")
    });
    site.night(&hosts.phase("forget", "failed").ends())?;
    let output = failed(
        &site,
        "2026-11-20T04:06:00Z",
        "genbackup-maintain",
        "exit-code",
        "1",
    )?;
    assert!(output.stdout.contains("phase forget"), "{output:?}");
    assert!(!output.stdout.contains("unit"), "{output:?}");
    Ok(())
}

#[test]
fn a_failure_noted_by_a_clock_that_was_ahead_ends_with_the_next_good_run() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    failed(&site, "2035-01-01T00:00:00Z", "genbackup", "timeout", "TERM")?;
    // Everything is late by that clock; with the right one, only the failure is left.
    site.watched(&at(20, 6))?;
    site.night(&night(21, &[]))?;
    assert_eq!(site.watched(&at(21, 5))?, "resolved: unit genbackup.service\n");
    Ok(())
}

#[test]
fn a_failure_that_no_record_explains_is_a_ping_of_failure() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("ping", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.watched(&at(20, 5))?;
    failed(&site, &at(21, 4), "genbackup", "exit-code", "243")?;
    site.watched(&at(21, 5))?;
    let ends: Vec<bool> = server
        .requests()
        .iter()
        .map(|request| request.line.contains("/fail"))
        .collect();
    assert_eq!(ends, [false, true]);
    Ok(())
}

#[test]
fn a_run_of_named_hosts_that_never_began_is_reported_by_its_unit() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.add("[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n")?;
    site.night(&Night::good(&at(20, 2), &HOSTS))?;
    site.watched(&at(20, 5))?;
    let output = failed(&site, &at(20, 12), "genbackup-run@kai", "exit-code", "243")?;
    assert_eq!(
        output.stdout, "ALERT: unit genbackup-run@kai.service\n",
        "{output:?}"
    );
    let why = last_why(&server)?;
    assert!(why.contains("/etc/genbackup/ssh_ed25519"), "{why}");
    // The others' night is no sign that it has done its work.
    site.night(&Night::good(&at(20, 16), &["jak", "ziz"]))?;
    assert_eq!(site.watched(&at(20, 17))?, "");
    let own = Night::at(&at(20, 18), &["kai"]).of_chosen();
    site.night(&own.host("kai", "ok").maintained())?;
    assert_eq!(
        site.watched(&at(20, 19))?,
        "resolved: unit genbackup-run@kai.service\n"
    );
    Ok(())
}

#[test]
fn a_weekly_run_is_no_sign_that_the_fleet_s_has_done_its_work() -> Result<()> {
    let server = Server::good()?;
    let site = Site::of_kind("webhook", &server.secret_address())?;
    site.add("[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n")?;
    site.night(&Night::good(&at(20, 2), &HOSTS))?;
    site.watched(&at(20, 5))?;
    let output = failed(&site, &at(20, 12), "genbackup", "timeout", "TERM")?;
    assert_eq!(output.stdout, "ALERT: unit genbackup.service\n", "{output:?}");
    let own = Night::at(&at(20, 13), &["kai"]).of_chosen();
    site.night(&own.host("kai", "ok").maintained())?;
    assert_eq!(site.watched(&at(20, 14))?, "");
    site.night(&Night::good(&at(20, 15), &["jak", "ziz"]))?;
    assert_eq!(site.watched(&at(20, 16))?, "resolved: unit genbackup.service\n");
    Ok(())
}

#[test]
fn an_offsite_copy_is_no_sign_that_forget_and_prune_work_again() -> Result<()> {
    let server = Server::good()?;
    let offsite = "[monitor.offsite]\nwarn-after = \"26h\"\nalert-after = \"3d\"\n";
    let site = Site::new(&format!("{}\n{offsite}", table("team", "webhook")))?;
    site.credential("team", &server.secret_address())?;
    site.night(&night(20, &[]))?;
    site.night(&Night::ad_hoc(&at(20, 5), "offsite", "ok"))?;
    failed(&site, &at(20, 6), "genbackup-maintain", "oom-kill", "KILL")?;
    site.night(&Night::ad_hoc(&at(20, 7), "offsite", "ok"))?;
    assert_eq!(site.watched(&at(20, 8))?, "");
    site.night(&Night::good(&at(20, 9), &HOSTS))?;
    assert_eq!(
        site.watched(&at(20, 10))?,
        "resolved: unit genbackup-maintain.service\n"
    );
    Ok(())
}

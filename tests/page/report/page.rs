//! The content of the page, as a browser reads it.

use std::io::ErrorKind;
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use genbackup::runs::record::{CopyFigures, Phase, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::browser::show;
use super::{eventful, html, records, report_of};
use crate::night::{HOSTS, Night, add_ad_hoc};

#[test]
fn a_row_has_its_own_thresholds_where_they_are_not_those_of_all() -> Result<()> {
    let nights = [Night::good("2026-11-23T04:00:00Z", &["jak", "ziz"])];
    let directory = records(&nights)?;
    let page = report_of("a-weekly-host", directory.path(), "2026-11-23T12:00:00Z", &[])?;
    show(&page.stdout, |shown| {
        let usual = shown.texts("header .quiet")?.concat();
        assert!(
            usual.contains("a warning after 1d 1h and an alert after 1d 6h"),
            "{usual}"
        );
        let own: Vec<String> = shown
            .ask("[...document.querySelectorAll('#hosts tbody tr, #phases tbody tr')].filter(row => row.textContent.includes('warning after')).map(row => row.cells[0].textContent + ': ' + row.cells[2].lastElementChild.textContent)")?;
        assert_eq!(
            own,
            [
                "kai: warning after 7d 1h, alert after 8d 5h",
                "www.example.net: warning after 3h, alert after 12h"
            ]
        );
        Ok(())
    })
}

#[test]
fn copies_and_what_they_are_worth_are_shown_with_their_evidence() -> Result<()> {
    let directory = records(&[Night::good("2026-11-23T04:00:00Z", &["box"])])?;
    let figures = CopyFigures {
        tampering: Some("refused".to_owned()),
        ..CopyFigures::default()
    };
    let time = "2026-11-23T05:00:00Z";
    add_ad_hoc(
        directory.path(),
        time,
        Phase::Offsite,
        Some("cloud"),
        Status::Ok,
        figures,
    )?;
    let page = report_of("a-copy-elsewhere", directory.path(), "2026-11-23T12:00:00Z", &[])?;
    show(&page.stdout, |shown| {
        let copies = shown.texts("#copies tbody tr")?;
        assert_eq!(copies.len(), 1, "{copies:?}");
        assert!(copies[0].starts_with("copy cloud ✓ OK"), "{copies:?}");
        assert_eq!(
            shown.rows("#rule tbody tr")?,
            [
                "3 copies|yes|the files on the hosts, the repository on box, cloud (6h 59m ago)",
                "2 media|yes|the file system of the repository; cloud",
                "1 elsewhere|yes|cloud (6h 59m ago)",
                "1 immutable|yes|cloud: refused 6h 59m ago",
                "0 errors|no|no check of the repository is expected",
            ]
        );
        Ok(())
    })
}

#[test]
fn verdicts_marks_and_the_last_run_are_shown() -> Result<()> {
    show(&eventful()?, |shown| {
        let summary = shown.texts("#summary")?;
        assert_eq!(summary.len(), 1);
        assert!(summary.concat().starts_with("✕ ALERT "), "{summary:?}");
        let verdicts = shown.texts("#hosts tbody th, #hosts tbody .state")?;
        assert_eq!(verdicts, ["kai", "✕ ALERT", "ziz", "✕ ALERT", "jak", "✓ OK"]);
        let phases = shown.texts("#phases tbody th, #phases tbody .state")?;
        assert_eq!(phases, ["forget", "✕ ALERT", "prune", "✕ ALERT"]);
        let notices = shown.texts("#notices li")?;
        assert!(
            notices
                .concat()
                .contains("the repository's file system is 91% full"),
            "{notices:?}"
        );

        let versions = shown.texts("#host-ziz .versions li")?;
        assert_eq!(
            versions,
            [
                "2026-11-12 04:00: restic 0.16.5 -> 0.18.0 on ziz",
                "2026-11-20 04:00: systemd 252 -> 257"
            ]
        );
        let marks: Vec<String> = shown
            .ask("[...document.querySelectorAll('#host-ziz figure')].map(figure => [...figure.querySelectorAll('svg .version + text')].map(text => text.textContent.trim()).join(' '))")?;
        assert_eq!(marks, ["1 2", "1 2"]);
        let rings: Vec<usize> = shown
            .ask("[...document.querySelectorAll('#host-ziz figure')].map(figure => figure.querySelectorAll('circle').length)")?;
        assert_eq!(rings, [1, 1]);

        let anomalies = shown.rows("#stands-out tbody tr")?;
        assert_eq!(
            anomalies,
            [
                "2026-11-12 04:00|ziz|it took 8m, usually 1m",
                "2026-11-12 04:00|ziz|83.8 GiB of new data, usually 8.6 MiB"
            ]
        );
        let rows = shown.rows("#host-ziz tbody tr")?;
        assert_eq!(rows.len(), 23);
        assert_eq!(
            rows.get(11).context("no such row")?,
            "2026-11-12 04:00|ok|8m|83.8 GiB|2000||version 1, anomaly"
        );
        assert_eq!(
            rows.first().context("no first row")?,
            "2026-11-23 04:00|unreachable|||||"
        );

        let log = shown.texts("#last-run li > strong, #last-run li > .state")?;
        assert_eq!(
            log,
            [
                "jak",
                "ok",
                "kai",
                "partial",
                "ziz",
                "unreachable",
                "forget",
                "failed",
                "prune",
                "failed"
            ]
        );
        let lacks = shown.texts("#last-run li li")?;
        assert_eq!(lacks, ["missing: /srv/films", "unreadable: /etc/shadow"]);
        Ok(())
    })
}

#[test]
fn a_night_that_stands_out_is_seen_among_the_nights_of_a_year() -> Result<()> {
    let first: Timestamp = "2026-07-01T04:00:00Z".parse()?;
    let nights = (0..140).map(|number| {
        let start = first + SignedDuration::from_hours(24) * number;
        let (status, files) = match number {
            40 => ("ok", 0),
            60 => ("failed", 2000),
            _ => ("ok", 2000),
        };
        let summary = json!({"host": "ziz", "message": {"data_added": 1000, "total_files_processed": files,
            "total_bytes_processed": 1_000_000 * files}});
        let night = Night::at(&start.to_string(), &HOSTS)
            .host("jak", "ok")
            .host("kai", "ok");
        let night = night.host_that("ziz", json!({"status": status, "seconds": 60}));
        let night = if status == "ok" {
            night.event("restic", summary)
        } else {
            night
        };
        night.maintained()
    });
    let nights: Vec<Night> = nights.collect();
    let page = html(records(&nights)?.path(), "2026-11-17T12:00:00Z")?;
    show(&page, |shown| {
        let rows = shown.rows("#host-ziz tbody tr")?;
        for (place, row) in [
            (0, "2026-11-17 04:00|ok|1m|1000 B|2000|1.9 GiB|"),
            (29, "2026-10-19 04:00|ok|1m|1000 B|2000|1.9 GiB|"),
        ] {
            assert_eq!(rows.get(place).map(String::as_str), Some(row));
        }
        for row in [
            "2026-08-10 04:00|ok|1m|1000 B|0|0 B|anomaly",
            "2026-08-30 04:00|failed|||||",
        ] {
            assert!(rows.iter().any(|shown| shown == row), "no {row} in {rows:#?}");
        }
        // The ring is where the line comes down to the axis.
        let rings: Vec<bool> = shown
            .ask("(() => { const size = [...document.querySelectorAll('#host-ziz figure')].at(-1); \
                const low = Math.max(...size.querySelector('polyline').getAttribute('points').trim().split(' ').map(at => Number(at.split(',')[1]))); \
                return [...size.querySelectorAll('circle')].map(ring => Math.abs(Number(ring.getAttribute('cy')) - low) < 2) })()")?;
        assert_eq!(rings, [true]);
        Ok(())
    })
}

#[test]
fn nothing_is_asked_for_and_nothing_is_complained_about() -> Result<()> {
    show(&eventful()?, |shown| {
        let seen = shown.seen()?;
        assert_eq!(seen.requests, [shown.address()]);
        assert_eq!(seen.console, [""; 0]);
        Ok(())
    })
}

#[test]
fn what_would_ask_for_something_or_run_is_refused_by_the_page_itself() -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    server.set_nonblocking(true)?;
    let address = format!("http://{}", server.local_addr()?);
    let bait = format!(
        "<img src=\"{address}/a.png\"><script src=\"{address}/a.js\"></script><script>document.title = 'owned'</script>\
         <link rel=\"stylesheet\" href=\"{address}/a.css\"><p style=\"color: red\">bait</p></main>"
    );
    let page = eventful()?.replacen("</main>", &bait, 1);
    show(&page, |shown| {
        let seen = shown.seen()?;
        let title: String = shown.ask("document.title")?;
        assert_eq!(title, "ALERT: backups on jak");
        let asked = server.accept().map_err(|error| error.kind());
        assert_eq!(asked.err(), Some(ErrorKind::WouldBlock));
        let refused = |what: &str| seen.console.iter().any(|line| line.contains(what));
        for directive in ["img-src", "script-src", "style-src"] {
            assert!(refused(directive), "{directive}: {:#?}", seen.console);
        }
        Ok(())
    })
}

#[test]
fn texts_from_hosts_stay_text() -> Result<()> {
    let odd = "</title></style></svg><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">\
               \"'><b onclick='x'>\u{202e}txt.exe\u{0}{{ 7 * 7 }}&lt;&#x27;";
    let end = json!({"status": odd, "why": odd, "restic-version": format!("restic {odd}"), "missing": [odd], "empty": [odd],
        "unmounted": [odd], "unreadable": [odd]});
    let versions = json!({"systemd": odd, odd: odd});
    let night = |start: &str| Night::with_versions(start, &HOSTS, &versions);
    let first = night("2026-11-22T04:00:00Z").host("jak", "ok").host("kai", "ok");
    let last = Night::at("2026-11-23T04:00:00Z", &HOSTS)
        .host_that("jak", end.clone())
        .host_that(
            "kai",
            json!({"status": "partial", "why": odd, "missing": [odd], "restic-version": odd}),
        )
        .host_that(odd, end)
        .warns(odd)
        .event("forget-finished", json!({"status": odd, "why": odd}))
        .event("prune-finished", json!({"status": "failed", "why": odd}))
        .ends();
    let page = html(records(&[first.ends(), last])?.path(), "2026-11-23T12:00:00Z")?;
    ensure!(!page.contains('\u{202e}') && !page.contains('\0'));
    show(&page, |shown| {
        let title: String = shown.ask("document.title")?;
        assert_eq!(title, "ALERT: backups on jak");
        let count: Vec<usize> = shown
            .ask("['script', 'img', 'b', 'iframe', '[onclick]', '[onerror]', '[style]'].map(what => document.querySelectorAll(what).length)")?;
        assert_eq!(count, [0; 7]);
        let text: String = shown.ask("document.body.innerText")?;
        assert!(
            text.contains("<script>document.title = 'owned'</script>"),
            "{text}"
        );
        assert!(
            text.contains("\\u{202e}txt.exe\\u{0}{{ 7 * 7 }}&lt;&#x27;"),
            "{text}"
        );
        let seen = shown.seen()?;
        assert_eq!(seen.requests, [shown.address()]);
        assert_eq!(seen.console, [""; 0]);
        Ok(())
    })
}

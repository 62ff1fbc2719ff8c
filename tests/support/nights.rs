//! Nights that more than one test uses.

use serde_json::{Value, json};

use crate::night::{HOSTS, Night};

/// A night on which each part ends in another way.
pub(crate) fn much_is_wrong(night: Night) -> Night {
    night
        .host("jak", "ok")
        .host_that("kai", json!({"status": "partial", "why": "missing: /srv/films; unreadable: /etc/shadow and 3 more",
            "missing": ["/srv/films"], "missing-count": 1, "unreadable": ["/etc/shadow"], "unreadable-count": 1}))
        .host_that("ziz", json!({"status": "unreachable", "why": "ssh: connect to host ziz.example.ts.net port 50000: \
            Connection timed out"}))
        .warns("the repository's file system is 91% full")
        .phase("forget", "failed")
        .phase("prune", "failed")
        .ends()
}

/// No host is backed up, as when run-backups lacks its credentials.
pub(crate) fn called_off(night: Night) -> Night {
    let why = "the password file /mnt/storage/nsa/keys/restic.txt is missing or empty: its file system may be locked or \
               not mounted";
    let end = |host: &str| json!({"host": host, "status": "failed", "why": why});
    let night = HOSTS
        .iter()
        .fold(night, |night, host| night.event("host-finished", end(host)));
    night.phase("forget", "failed").phase("prune", "failed").ends()
}

/// A night on which a host sends what no host should.
pub(crate) fn odd(night: Night) -> Night {
    let odd = "\u{1b}]0;all is well\u{7}\u{1b}[2J\u{1b}[31mok\r\n\u{0}\u{202e}\u{7f}\u{85}|ok=1";
    let end =
        json!({"status": "failed", "why": odd, "restic-version": format!("restic {odd}"), "seconds": -7.5});
    let night = night.host("jak", "ok").host("kai", "ok").host_that("ziz", end);
    night
        .maintained()
        .event("host-finished", json!({"host": odd, "status": odd}))
}

/// After the upgrade everything is read once more.
pub(crate) fn upgrade() -> Vec<Night> {
    let night = |day: u32, systemd: &str, restic: &str, seconds: f64, added: u64| {
        let versions = json!({"genbackup": "0.1.0", "systemd": format!("systemd {systemd}")});
        let night = Night::with_versions(&format!("2026-11-{day:02}T04:00:00Z"), &HOSTS, &versions);
        let end: Value = json!({"status": "ok", "seconds": seconds, "restic-version": format!("restic {restic} compiled \
            with go1.24.4 on linux/amd64")});
        let summary = json!({"host": "ziz", "message": {"data_added": added, "total_files_processed": 2000}});
        let night = night.host("jak", "ok").host("kai", "ok");
        night.host_that("ziz", end).event("restic", summary).maintained()
    };
    let mut nights: Vec<Night> = (1..12)
        .map(|day| night(day, "252", "0.16.5", 60.0, 9_000_000))
        .collect();
    nights.push(night(12, "252", "0.18.0", 480.0, 90_000_000_000));
    nights.extend((13..20).map(|day| night(day, "252", "0.18.0", 90.0, 9_000_000)));
    nights.extend((20..24).map(|day| night(day, "257", "0.18.0", 95.0, 10_000_000)));
    nights
}

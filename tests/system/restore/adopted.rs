//! `adopt`: what it shows is what forget then does, and nothing is forgotten before.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Storage, UID};
use crate::command::run;
use crate::pty::terminal;

/// How the fleet's forget is started.
const FORGET: [&str; 6] = [
    "forget",
    "--tag=genbackup",
    "--group-by=host",
    "--quiet",
    "--keep-daily=2",
    "--keep-monthly=2",
];

/// Snapshots of a host of the fleet and of a foreign host, each of some days and with its own tags; and two
/// of genbackup.
fn after_days_of_plain_restic(days: u8) -> Result<Storage> {
    let storage = Storage::with_repository()?;
    let fleet = fs::read_to_string(storage.path("fleet.toml"))?;
    fs::write(
        storage.path("fleet.toml"),
        fleet.replace("7 daily", "2 daily, 2 monthly"),
    )?;
    fs::write(storage.path("data/file"), "x")?;
    for day in 10..10 + days {
        storage.backup("jak", &format!("2026-09-{day} 04:00:00"), "daily")?;
        storage.backup("old.lan", &format!("2026-09-{day} 16:00:00"), "other,daily")?;
    }
    storage.backup("jak", "2026-10-01 04:00:00", "genbackup")?;
    storage.backup("jak", "2026-10-02 04:00:00", "genbackup")?;
    Ok(storage)
}

/// Host and time of each snapshot: what stays the same when it is adopted.
fn snapshots(storage: &Storage) -> Result<BTreeSet<String>> {
    let all: Value = serde_json::from_str(&storage.restic(&["snapshots", "--json"])?)?;
    let all = all.as_array().context("no list")?.iter();
    Ok(all
        .map(|snapshot| {
            let time = snapshot["time"].as_str().unwrap_or_default();
            format!(
                "{} {}",
                snapshot["hostname"].as_str().unwrap_or_default(),
                &time[..16]
            )
        })
        .collect())
}

/// Host and time of what forget would remove, as `adopt` lists it.
fn shown(printed: &str) -> BTreeSet<String> {
    let mut host = "";
    let mut shown = BTreeSet::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["of", "the", _, _, "that", name, "then", ..] => host = name,
            [id, date, time, ..] if id.len() == 8 && date.starts_with("2026-") => {
                shown.insert(format!("{host} {date}T{time}"));
            }
            _ => {}
        }
    }
    shown
}

/// Whether the restic that is installed can give snapshots another host.
fn can_rename(storage: &Storage) -> Result<bool> {
    let version = storage.restic(&["version"])?;
    let minor = version.split('.').nth(1).context("no version")?;
    Ok(minor.parse::<u32>()? >= 17)
}

#[test]
fn forget_removes_what_adopt_has_shown_and_nothing_before() -> Result<()> {
    let storage = after_days_of_plain_restic(6)?;
    let before = snapshots(&storage)?;
    storage.restic(&FORGET)?;
    assert_eq!(
        snapshots(&storage)?,
        before,
        "forget leaves alone what no run made"
    );

    let dry = storage.prints(&["adopt", "--dry-run"])?;
    assert!(
        dry.starts_with(
            "12 snapshots to adopt:\n\n\
             HOST     SNAPSHOTS  OLDEST            NEWEST            PATHS\n\
             jak      6          2026-09-10 04:00  2026-09-15 04:00  /mnt/data\n\
             old.lan  6          2026-09-10 16:00  2026-09-15 16:00  /mnt/data\n"
        ) && dry.ends_with("\nnothing was changed\n"),
        "{dry}"
    );
    assert!(
        dry.contains("of the 8 snapshots that jak then has, `2 daily, 2 monthly` removes 5:\n"),
        "{dry}"
    );
    assert!(
        dry.contains("not in the fleet file: old.lan.") && dry.contains("`genbackup release jak`"),
        "{dry}"
    );
    assert_eq!(snapshots(&storage)?, before);
    storage.restic(&FORGET)?;
    assert_eq!(snapshots(&storage)?, before, "a dry run adopts nothing");

    let printed = storage.prints(&["adopt", "--yes"])?;
    assert_eq!(shown(&printed), shown(&dry));
    assert!(printed.ends_with("\n12 snapshots adopted\n"), "{printed}");
    assert_eq!(snapshots(&storage)?, before);
    storage.restic(&FORGET)?;
    let removed: BTreeSet<String> = before.difference(&snapshots(&storage)?).cloned().collect();
    assert_eq!(removed, shown(&printed));
    assert!(removed.len() > 7, "{removed:?}");

    let again = storage.prints(&["adopt"])?;
    assert!(again.starts_with("nothing to adopt"), "{again}");
    // A file of root's in the repository is one that user restic cannot remove.
    let roots = run(std::process::Command::new("find")
        .arg(storage.path("restic"))
        .args(["!", "-uid", &UID.to_string()]))?;
    assert_eq!(roots.stdout, "");
    Ok(())
}

#[test]
fn one_host_or_one_snapshot_alone_is_adopted() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    let tagged = || -> Result<(usize, usize)> {
        let all: Value =
            serde_json::from_str(&storage.restic(&["snapshots", "--json", "--tag=genbackup"])?)?;
        let all = all.as_array().context("no list")?;
        let of_jak = all
            .iter()
            .filter(|snapshot| snapshot["hostname"] == "jak")
            .count();
        Ok((of_jak, all.len() - of_jak))
    };
    let first = storage.backup("jak", "2025-01-01 04:00:00", "daily")?;
    let printed = storage.prints(&["adopt", "--snapshot", &first, "--yes"])?;
    assert!(
        printed.contains("of the 3 snapshots that jak then has"),
        "{printed}"
    );
    assert_eq!(tagged()?, (3, 0));
    storage.prints(&["adopt", "--host", "old.lan", "--yes"])?;
    assert_eq!(tagged()?, (3, 3));
    for (arguments, hint) in [
        (["--host", "old.la"], "did you mean `old.lan`?"),
        (["--host", "old.lan=jka"], "name a host of the fleet: jak"),
        (["--host", "=jak"], "write `--host OTHER`"),
        (["--snapshot", "zz"], "run `genbackup snapshots` to list them"),
    ] {
        let outcome = storage.outcome(&[&["adopt", "--yes"], &arguments[..]].concat())?;
        assert!(
            outcome.status.code() == Some(1) && outcome.stderr.contains(hint),
            "{arguments:?}: {outcome:?}"
        );
    }
    assert_eq!(tagged()?, (3, 3));
    Ok(())
}

#[test]
fn a_host_gets_its_new_name_where_restic_can() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    let before = snapshots(&storage)?;
    let rename = ["adopt", "--host", "old.lan=jak", "--yes"];
    if !can_rename(&storage)? {
        let outcome = storage.outcome(&rename)?;
        assert!(
            outcome.stderr.contains(
                "cannot change the host of snapshots; restic 0.17 can\n\nhint: use `--host old.lan` to keep"
            ),
            "{outcome:?}"
        );
        assert_eq!(snapshots(&storage)?, before);
        return Ok(());
    }
    // The first half of an earlier call: one is renamed, and has no tag.
    let old: Value = serde_json::from_str(&storage.restic(&["snapshots", "--json", "--host=old.lan"])?)?;
    let ids: Vec<&str> = old
        .as_array()
        .context("no list")?
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    storage.restic(&[&["rewrite", "--forget", "--new-host=jak"], &ids[..1]].concat())?;
    let printed = storage.prints(&rename)?;
    assert!(printed.starts_with("3 snapshots to adopt:"), "{printed}");
    assert!(
        printed.contains("old.lan as jak  2 ") && printed.contains("of the 5 snapshots that jak then has"),
        "{printed}"
    );
    let of_old = snapshots(&storage)?
        .into_iter()
        .filter(|one| one.starts_with("old.lan"));
    assert_eq!(of_old.count(), 0);
    let renamed = snapshots(&storage)?;
    storage.restic(&FORGET)?;
    let removed: BTreeSet<String> = renamed.difference(&snapshots(&storage)?).cloned().collect();
    assert_eq!(removed, shown(&printed));
    Ok(())
}

#[test]
fn what_was_interrupted_is_done_by_the_next_call() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    // Interrupted after two snapshots: it has removed its lock, as restic does.
    storage.stand_in(
        "[[ \" $* \" == *' tag '* ]] || exec /usr/bin/restic \"$@\"\n\
         /usr/bin/restic \"${@:1:11}\" || exit; exit 130",
    )?;
    let outcome = run(storage.with_stand_in().args(["adopt", "--yes"]))?;
    assert_eq!(outcome.status.code(), Some(130), "{outcome:?}");
    assert!(
        outcome.stderr.contains("not all snapshots were adopted")
            && outcome
                .stderr
                .contains("hint: run the command again to adopt the rest"),
        "{outcome:?}"
    );
    let printed = storage.prints(&["adopt", "--yes"])?;
    assert!(printed.starts_with("4 snapshots to adopt:"), "{printed}");
    let printed = storage.prints(&["adopt"])?;
    assert!(printed.starts_with("nothing to adopt"), "{printed}");
    Ok(())
}

/// restic reports success even if it cannot load a snapshot that it should change.
#[test]
fn a_snapshot_that_restic_skips_is_no_success() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    storage.stand_in("[[ \" $* \" == *' tag '* ]] || exec /usr/bin/restic \"$@\"")?;
    let outcome = run(storage.with_stand_in().args(["adopt", "--yes"]))?;
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("error: 6 snapshots were not adopted, such as "),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_repository_that_is_locked_is_adopted_later() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    storage.stand_in(
        "[[ \" $* \" == *' tag '* ]] || exec /usr/bin/restic \"$@\"\n\
         echo 'Fatal: unable to create lock in backend: repository is already locked by PID 7 on jak' >&2; exit 11",
    )?;
    let outcome = run(storage.with_stand_in().args(["adopt", "--yes"]))?;
    assert_eq!(outcome.status.code(), Some(11), "{outcome:?}");
    assert!(
        outcome.stderr.ends_with(
            "hint: a backup, forget or prune is running: run the command again when it has ended\n"
        ),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn nothing_is_adopted_without_confirmation() -> Result<()> {
    let storage = after_days_of_plain_restic(3)?;
    let ids = || storage.restic(&["snapshots", "--json", "--tag=daily"]);
    let before = ids()?;
    let mut alone = storage.genbackup();
    let outcome = run(alone.arg("adopt").stdin(Stdio::null()))?;
    assert!(
        outcome.status.code() == Some(1)
            && outcome
                .stderr
                .contains("hint: add `--yes` to take the snapshots over without asking"),
        "{outcome:?}"
    );
    let (code, printed) = answered(&storage, "n\r")?;
    assert!(
        code == Some(1) && printed.contains("nothing was changed"),
        "{printed:?}"
    );
    assert_eq!(ids()?, before);
    let (code, printed) = answered(&storage, "y\r")?;
    assert!(
        code == Some(0) && printed.contains("6 snapshots adopted"),
        "{printed:?}"
    );
    Ok(())
}

/// Exit status and output of `adopt` on a terminal on which its question gets this answer.
fn answered(storage: &Storage, answer: &str) -> Result<(Option<i32>, String)> {
    let (mut master, slave) = terminal(200)?;
    let mut command = storage.genbackup();
    command
        .arg("adopt")
        .env("TERM", "xterm")
        .stdin(Stdio::from(slave.try_clone()?))
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(Stdio::from(slave));
    let mut child = command.spawn()?;
    drop(command);
    let (mut printed, mut chunk, mut is_answered) = (String::new(), [0; 4096], false);
    // A terminal that nobody else has open is an error to read (EIO), and the end.
    while let Ok(length @ 1..) = master.read(&mut chunk) {
        printed.push_str(&String::from_utf8_lossy(&chunk[..length]));
        if !is_answered && printed.contains("take them over?") {
            master.write_all(answer.as_bytes())?;
            is_answered = true;
        }
    }
    ensure!(is_answered, "{printed:?}");
    Ok((child.wait()?.code(), printed))
}

#[test]
fn snapshots_by_rustic_are_named_with_the_danger() -> Result<()> {
    let storage = Storage::new()?;
    for file in ["config", "keys/key", "snapshots/0123456789abcdef"] {
        let path = storage.path("restic").join(file);
        fs::create_dir_all(path.parent().context("no parent")?)?;
        fs::write(path, "")?;
    }
    storage.stand_in(
        r#"case " $* " in
        *" snapshots "*) echo '[{"time":"2026-11-20T04:00:00Z","hostname":"ziz","paths":["/srv"],"id":"0123456789abcdef",
            "program_version":"rustic v0.9.4"}]' ;;
        *" forget "*) echo '[{"keep":[],"remove":null}]' ;;
        *" version "*) echo "restic 0.18.0 compiled with go1.24.4 on linux/amd64" ;;
        esac"#,
    )?;
    let outcome = run(storage.with_stand_in().args(["adopt", "--dry-run"]))?;
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(
        outcome.stdout.contains(
            "note: 1 snapshot was made by rustic, the newest on ziz on 2026-11-20 04:00. rustic takes no lock"
        ),
        "{outcome:?}"
    );
    Ok(())
}

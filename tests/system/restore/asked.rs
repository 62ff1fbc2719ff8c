//! Which snapshot is taken, and which are listed.

use anyhow::Result;
use serde_json::Value;

use super::Storage;
use crate::command::run;

#[test]
fn the_newest_snapshot_of_the_host_that_is_not_later_is_taken() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/file"), "x")?;
    let old = storage.backup("ziz", "2026-11-18 04:00:00", "genbackup")?;
    let morning = storage.backup("ziz", "2026-11-20 04:00:12", "genbackup")?;
    let afternoon = storage.backup("ziz", "2026-11-20 16:00:00", "genbackup")?;
    // Not another host's.
    storage.backup("kai", "2026-11-20 17:00:00", "genbackup")?;
    for (arguments, expected) in [
        (&[][..], &afternoon),
        (&["--at", "2026-11-20"], &afternoon),
        (&["--at", "2026-11-20 16:00"], &afternoon),
        (&["--at", "2026-11-20 15:59"], &morning),
        // As the list shows it, without the seconds.
        (&["--at", "2026-11-20 04:00"], &morning),
        (&["--at", "2026-11-20 04:00:11"], &old),
        (&["--at", "2026-11-19"], &old),
        (&["--snapshot", &old[..6]], &old),
    ] {
        let mut words = vec!["restore", "ziz", "/mnt/data", "--to", "/mnt/back", "--dry-run"];
        words.extend(arguments);
        let printed = storage.prints(&words)?;
        assert!(
            printed.starts_with(&format!("snapshot {expected} of ziz, 2026-11-")),
            "{arguments:?}: {printed}"
        );
    }
    let too_early = storage.outcome(&["restore", "ziz", "/", "--to", "/mnt/back", "--at", "2026-11-17"])?;
    assert_eq!(too_early.status.code(), Some(1));
    assert!(
        too_early.stderr.contains("no snapshot of that time or earlier")
            && too_early
                .stderr
                .contains(&format!("its oldest snapshot is {old} of ziz, 2026-11-18 04:00")),
        "{too_early:?}"
    );
    let of_kai = storage.outcome(&["restore", "kai", "/", "--to", "/mnt/back", "--snapshot", &old])?;
    assert!(of_kai.stderr.contains("kai has no snapshot"), "{of_kai:?}");
    assert!(!storage.path("back").exists(), "a dry run writes nothing");
    Ok(())
}

/// In Berlin, the clock shows half past two twice on that night.
#[test]
fn a_time_that_the_list_shows_is_the_snapshot_of_that_line() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/file"), "x")?;
    // restic takes times in its own zone, which is UTC here.
    let ids = [
        "2026-10-24 00:30:00",
        "2026-10-25 00:30:00",
        "2026-10-25 01:30:00",
    ]
    .map(|time| storage.backup("ziz", time, "genbackup"));
    let [before, first, second] = ids;
    let (before, first, second) = (before?, first?, second?);
    let in_berlin = |arguments: &[&str]| -> Result<String> {
        let outcome = run(storage.genbackup().args(arguments).env("TZ", "Europe/Berlin"))?;
        assert!(outcome.status.success(), "{arguments:?}: {outcome:?}");
        Ok(outcome.stdout)
    };
    assert_eq!(
        in_berlin(&["snapshots"])?,
        format!(
            "HOST  TIME                     ID        MARK  PATHS\n\
             ziz   2026-10-24 02:30         {before}  -     /mnt/data\n\
             ziz   2026-10-25 02:30 +02:00  {first}  -     /mnt/data\n\
             ziz   2026-10-25 02:30 +01:00  {second}  -     /mnt/data\n\
             \n\
             - its host is not in the fleet file\n"
        )
    );
    for (at, expected) in [
        ("2026-10-24 02:30", &before),
        ("2026-10-25 02:30 +02:00", &first),
        ("2026-10-25 02:30 +01:00", &second),
        ("2026-10-25 02:30", &second),
        ("2026-10-25 02:29", &first),
    ] {
        let printed = in_berlin(&[
            "restore",
            "ziz",
            "/",
            "--to",
            "/mnt/back",
            "--dry-run",
            "--at",
            at,
        ])?;
        assert!(
            printed.starts_with(&format!("snapshot {expected} of ziz, ")),
            "{at}: {printed}"
        );
    }
    let since = in_berlin(&["snapshots", "--since", "2026-10-25 02:30"])?;
    assert!(since.contains(&first) && since.contains(&second), "{since}");
    Ok(())
}

#[test]
fn snapshots_are_listed_by_host_and_time() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/file"), "x")?;
    for (host, time) in [
        ("ziz", "2026-11-18 04:00:00"),
        ("kai", "2026-11-19 04:00:00"),
        ("ziz", "2026-11-20 04:00:00"),
    ] {
        storage.backup(host, time, "genbackup")?;
    }
    let times = |arguments: &[&str]| -> Result<Vec<String>> {
        let printed = storage.prints(&[&["snapshots"], arguments].concat())?;
        let words = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let rows = printed.lines().skip(1).take_while(|line| !line.is_empty());
        Ok(rows.map(words).collect())
    };
    assert_eq!(
        times(&[])?,
        ["kai 2026-11-19", "ziz 2026-11-18", "ziz 2026-11-20"]
    );
    assert_eq!(times(&["--host", "ziz"])?, ["ziz 2026-11-18", "ziz 2026-11-20"]);
    assert_eq!(
        times(&["--since", "2026-11-19"])?,
        ["kai 2026-11-19", "ziz 2026-11-20"]
    );
    assert_eq!(
        times(&["--until", "2026-11-19"])?,
        ["kai 2026-11-19", "ziz 2026-11-18"]
    );
    assert_eq!(
        storage.prints(&["snapshots", "--until", "2026-11-01"])?,
        "no snapshots\n"
    );
    let misspelled = storage.outcome(&["snapshots", "--host", "zis"])?;
    assert!(
        misspelled.stderr.contains("hint: did you mean `ziz`?"),
        "{misspelled:?}"
    );

    // As restic itself prints it.
    let ours: Value = serde_json::from_str(&storage.prints(&["snapshots", "--json"])?)?;
    let theirs: Value = serde_json::from_str(&storage.restic(&["snapshots", "--json"])?)?;
    assert_eq!(ours, theirs);
    Ok(())
}

//! Snapshots that no run of the fleet made: they are listed, marked and restored like any other.

use anyhow::{Context, Result};

use super::Storage;

#[test]
fn snapshots_that_no_run_made_are_marked() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/file"), "x")?;
    let own = storage.backup("jak", "2026-11-20 04:00:00", "genbackup")?;
    let by_hand = storage.backup("jak", "2026-11-20 05:00:00", "by-hand")?;
    let before = storage.backup("jak.lan", "2024-11-20 05:00:00", "daily")?;
    let left = storage.backup("kai", "2026-11-19 04:00:00", "genbackup")?;
    let printed = storage.prints(&["snapshots"])?;
    let (rows, legend) = printed.split_once("\n\n").context("no legend")?;
    // Since 0.17, restic reports the size of a snapshot, in columns that older ones lack.
    let words = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mark = words.iter().find(|word| ["*", "-", "MARK"].contains(word));
        [
            words[0],
            words[if words[0] == "HOST" { 2 } else { 3 }],
            mark.unwrap_or(&""),
        ]
        .map(str::to_owned)
    };
    let rows: Vec<[String; 3]> = rows.lines().map(words).collect();
    assert_eq!(
        rows,
        [
            ["HOST", "ID", "MARK"],
            ["jak", &own, ""],
            ["jak", &by_hand, "*"],
            ["jak.lan", &before, "*"],
            ["kai", &left, "-"],
        ]
    );
    assert_eq!(
        legend,
        "* no run of genbackup made it; forget never removes it unless `genbackup adopt` takes it over\n\
         - its host is not in the fleet file\n"
    );
    // Where there is nothing to be marked, there is no column.
    let printed = storage.prints(&["snapshots", "--until", "2026-11-20 04:30", "--host", "jak"])?;
    assert!(
        printed.contains(&own) && printed.lines().count() == 2 && !printed.contains("MARK"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn restore_takes_the_newest_and_names_who_made_it() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/file"), "x")?;
    let old = storage.backup("jak.lan", "2024-11-20 05:00:00", "daily")?;
    let own = storage.backup("jak", "2026-11-20 04:00:00", "genbackup")?;
    let by_hand = storage.backup("jak", "2026-11-20 05:00:00", "by-hand")?;
    let restored = |host: &str, more: &[&str]| {
        let to = format!("/mnt/back-{host}-{}", more.concat());
        storage.outcome(&[&["restore", host, "/mnt/data/file", "--to", &to], more].concat())
    };
    let outcome = restored("jak", &[])?;
    assert!(
        outcome.stdout.starts_with(&format!(
            "snapshot {by_hand} of jak, 2026-11-20 05:00, which no run of genbackup made\n"
        )),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains(&format!(
            "the newest earlier snapshot that a run of genbackup made is {own} of jak, 2026-11-20 04:00; `--snapshot {own}`"
        )),
        "{outcome:?}"
    );
    for (host, more, first) in [
        (
            "jak",
            &["--snapshot", &own][..],
            format!("snapshot {own} of jak, 2026-11-20 04:00\n"),
        ),
        (
            "jak",
            &["--at", "2026-11-20 04:30"],
            format!("snapshot {own} of jak, 2026-11-20 04:00\n"),
        ),
        // Of a host that no fleet knows.
        (
            "jak.lan",
            &[],
            format!("snapshot {old} of jak.lan, 2024-11-20 05:00, which no run of genbackup made\n"),
        ),
    ] {
        let outcome = restored(host, more)?;
        assert!(
            outcome.status.success() && outcome.stdout.starts_with(&first),
            "{outcome:?}"
        );
        assert!(!outcome.stderr.contains("note:"), "{outcome:?}");
    }
    assert_eq!(std::fs::read(storage.path("back-jak.lan-/mnt/data/file"))?, b"x");
    let misspelled = restored("jak.la", &[])?;
    assert!(
        misspelled.stderr.contains("did you mean `jak.lan`?"),
        "{misspelled:?}"
    );
    Ok(())
}

#[test]
fn a_missing_path_is_found_in_a_foreign_snapshot() -> Result<()> {
    let storage = Storage::with_repository()?;
    std::fs::write(storage.path("data/letter"), "x")?;
    let before = storage.backup("jak", "2024-11-20 05:00:00", "daily")?;
    std::fs::remove_file(storage.path("data/letter"))?;
    storage.backup("jak", "2026-11-20 04:00:00", "genbackup")?;
    let outcome = storage.outcome(&["restore", "jak", "/mnt/data/letter", "--to", "/mnt/back"])?;
    assert!(
        outcome.stderr.contains(&format!(
            "hint: {before} of jak, 2024-11-20 05:00 has it: `--snapshot {before}`"
        )),
        "{outcome:?}"
    );
    Ok(())
}

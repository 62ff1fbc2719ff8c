//! Which hosts forget leaves alone.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::storage::{Storage, event, sorted};

#[test]
fn partial_nights_never_push_out_the_last_complete_one() -> Result<()> {
    let storage = Storage::new("3 last", "")?;
    let complete = storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    for day in 2..=4 {
        storage.night("jak", &format!("2026-11-0{day} 04:00:00"), "partial")?;
    }
    let newest = storage.night("jak", "2026-11-05 04:00:00", "partial")?;
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "ok", "{forget}");
    let why = format!("its newest snapshot {newest} is partial: missing: /data/photos");
    assert_eq!(forget["held"], json!({"jak": why}));
    assert_eq!((&forget["kept"], &forget["removed"]), (&json!(5), &json!(0)));
    assert!(
        storage.snapshots()?.contains(&complete),
        "the last complete snapshot is gone"
    );

    // A complete one follows: the keep policy applies again.
    storage.night("jak", "2026-11-06 04:00:00", "ok")?;
    let forget = storage.forget()?;
    assert_eq!(forget.get("held"), None, "{forget}");
    assert_eq!((&forget["kept"], &forget["removed"]), (&json!(3), &json!(3)));
    Ok(())
}

#[test]
fn a_partial_one_of_the_same_day_does_not_replace_a_complete_one() -> Result<()> {
    let storage = Storage::new("7 daily", "")?;
    let ids = [
        storage.night("jak", "2026-11-01 04:00:00", "ok")?,
        storage.night("jak", "2026-11-01 05:00:00", "partial")?,
    ];
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "ok", "{forget}");
    assert_eq!(storage.snapshots()?, sorted(&ids.iter().collect::<Vec<_>>()));
    Ok(())
}

#[test]
fn a_held_host_stays_and_the_others_are_thinned_out() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    let hold =
        json!({"host": "gone, or \"away\"", "hold": {"since": "2026-11-01T00:00:00Z", "why": "copied now"}});
    let name = "gone%2C%20or%20%22away%22.json";
    fs::write(storage.path("holds").join(name), hold.to_string())?;
    let mut expected = Vec::new();
    for day in [1, 2] {
        let night =
            |host: &str| storage.night(host, &format!("2026-11-0{day} 0{}:00:00", host.len() % 7), "ok");
        expected.push(night("gone, or \"away\"")?);
        let last = [night("jak")?, night("b, --host=c")?];
        if day == 2 {
            expected.extend(last);
        }
    }
    let forget = storage.forget()?;
    assert_eq!(
        forget["held"],
        json!({"gone, or \"away\"": "held by hand: copied now"})
    );
    assert_eq!(
        (&forget["kept"], &forget["removed"]),
        (&json!(4), &json!(2)),
        "{forget}"
    );
    assert_eq!(storage.snapshots()?, sorted(&expected.iter().collect::<Vec<_>>()));
    Ok(())
}

#[test]
fn a_snapshot_without_a_record_holds_its_host() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    for day in [1, 2] {
        storage.night("jak", &format!("2026-11-0{day} 04:00:00"), "ok")?;
    }
    fs::remove_file(storage.path("state/runs/20261102T040000Z.jsonl"))?;
    let forget = storage.forget()?;
    let why = forget["held"]["jak"].as_str().unwrap_or_default();
    assert!(
        why.starts_with("no record shows whether its newest snapshot"),
        "{forget}"
    );
    assert_eq!(storage.snapshots()?.len(), 2);
    Ok(())
}

#[test]
fn a_snapshot_without_a_host_name_is_never_forgotten() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    // restic puts the machine's own name in the place of an empty one, so its list is made up.
    let list =
        |id: char| json!({"id": id.to_string().repeat(64), "time": "2026-11-01T04:00:00Z", "hostname": ""});
    let list = Value::from(vec![list('a'), list('b')]);
    storage.restic_does(&format!("[[ $* != *snapshots* ]] || {{ echo '{list}'; exit; }}"))?;
    let forget = storage.forget()?;
    assert_eq!(forget["held"], json!({"": "its snapshots have no host name"}));
    assert_eq!(storage.calls()?, ["version", "snapshots", "prune"]);
    Ok(())
}

/// Takes away what the decision needs.
type Break = fn(&Storage) -> Result<()>;

#[test]
fn nothing_is_forgotten_where_the_decision_cannot_be_made() -> Result<()> {
    let break_it: [(&str, Break); 3] = [
        ("cannot read the holds in /", |storage| {
            Ok(fs::remove_dir(storage.path("holds"))?)
        }),
        ("ziz.json: ", |storage| {
            Ok(fs::write(storage.path("holds/ziz.json"), "{")?)
        }),
        ("cannot read the list of snapshots", |storage| {
            storage.restic_does("[[ $* != *snapshots* ]] || { echo '[{}]'; exit; }")
        }),
    ];
    let storage = Storage::new("1 last", "")?;
    for day in [1, 2] {
        storage.night("jak", &format!("2026-11-0{day} 04:00:00"), "ok")?;
    }
    for (expected, break_it) in break_it {
        let broken = Storage::new("1 last", "")?;
        break_it(&broken)?;
        let (ended, events) = broken.maintain()?;
        assert_eq!(ended.status.code(), Some(1), "{expected}");
        let forget = event(&events, "forget-finished")?;
        assert_eq!(forget["status"], "failed", "{forget}");
        let why = forget["why"].as_str().unwrap_or_default();
        assert!(why.contains(expected) && !why.contains('\n'), "{expected}: {why}");
        assert!(!broken.calls()?.iter().any(|call| call == "forget"), "{expected}");
        assert_eq!(
            event(&events, "prune-finished")?["why"],
            "skipped, because forget failed"
        );
    }
    // With nothing broken, it is forgotten.
    assert_eq!(storage.forget()?["removed"], 1);
    Ok(())
}

#[test]
fn a_clock_that_is_wrong_stops_forget() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    let future = storage.night("jak", "2126-11-01 04:00:00", "ok")?;
    fs::remove_file(storage.path("state/runs/21261101T040000Z.jsonl"))?;
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "failed");
    let why = forget["why"].as_str().unwrap_or_default();
    assert!(
        why.contains(&format!(
            "the snapshot {future} of jak is from the future (2126-11-01T04:00:00Z)"
        )),
        "{why}"
    );
    assert!(why.ends_with(&format!("`restic forget {future}`")), "{why}");
    Ok(())
}

#[test]
fn restic_starts_once_for_each_step() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    assert_eq!(storage.forget()?["status"], "ok");
    // `version` derives no key.
    assert_eq!(storage.calls()?, ["version", "snapshots", "forget", "prune"]);
    Ok(())
}

#[test]
fn a_host_with_its_own_keep_policy_is_thinned_out_by_that() -> Result<()> {
    let storage = Storage::new("1 last", "keep = \"2 last\"\n")?;
    let mut expected = Vec::new();
    for day in 1..=3 {
        let jak = storage.night("jak", &format!("2026-11-0{day} 04:00:00"), "ok")?;
        let gone = storage.night("gone", &format!("2026-11-0{day} 05:00:00"), "ok")?;
        expected.extend(
            (day > 1)
                .then_some(jak)
                .into_iter()
                .chain((day == 3).then_some(gone)),
        );
    }
    let forget = storage.forget()?;
    assert_eq!(
        (&forget["kept"], &forget["removed"]),
        (&json!(3), &json!(3)),
        "{forget}"
    );
    assert_eq!(storage.snapshots()?, sorted(&expected.iter().collect::<Vec<_>>()));
    assert_eq!(
        storage.calls()?,
        ["version", "snapshots", "forget", "forget", "prune"]
    );
    Ok(())
}

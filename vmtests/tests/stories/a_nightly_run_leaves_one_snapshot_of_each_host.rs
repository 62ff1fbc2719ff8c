//! Without this, a backup is a belief: the main job, from the timer's service to the bytes that come back.

use anyhow::ensure;
use vmtests::belongings::describe;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let record = fleet::successful_run(lab)?;
    for host in ["jak", "ziz", "kai"] {
        let finished = record.host(host)?;
        assert_eq!(finished["status"], "ok", "{finished}");
        assert_eq!(finished["exit-code"], 0);
        assert!(
            finished["restic-version"]
                .as_str()
                .is_some_and(|version| version.starts_with("restic 0.18"))
        );
    }
    let names: Vec<_> = record
        .0
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let host = ["host-started", "restic", "host-finished"];
    let expected = [
        &["run-started"][..],
        &host,
        &host,
        &host,
        &[
            "forget-started",
            "forget-finished",
            "prune-started",
            "prune-finished",
            "run-finished",
        ],
    ];
    assert_eq!(names, expected.concat());
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);

    // The mount is there for the backup, and only then.
    let not_mounted = "test -z \"$(grep ' nfs4 ' /proc/mounts)\"";
    lab.ziz.wait_until_succeeds(not_mounted, fleet::RUN_LIMIT)?;

    what_comes_back_is_what_was_there(lab, &lab.ziz)?;

    // A second night adds one of each, and finds nothing new to store.
    let record = fleet::successful_run(lab)?;
    assert_eq!(record.status("kai")?, "ok");
    let summaries: Vec<_> = record.events("restic").collect();
    assert_eq!(summaries.len(), 3);
    for summary in summaries {
        assert_eq!(summary["message"]["files_new"], 0, "{summary}");
        assert_eq!(summary["message"]["files_changed"], 0, "{summary}");
    }
    // Both stay: while a rule is not filled, and 10 yearly is not, restic keeps the oldest as well.
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "jak", "kai", "kai", "ziz", "ziz"]
    );
    assert_eq!(record.phase("forget")?["removed"], 0);
    Ok(())
}

/// Restored by root of the client itself, over the same export.
fn what_comes_back_is_what_was_there(lab: &Lab, client: &Machine) -> anyhow::Result<()> {
    let password = lab.jak.read_file(PASSWORD_FILE)?;
    client.succeeds(&format!(
        "mkdir /tmp/repository && mount -t nfs4 jak:{REPOSITORY} /tmp/repository"
    ))?;
    client.succeeds_with(
        &format!(
            "restic --repo /tmp/repository --no-cache restore latest --host {} --target /root/restored",
            client.name()
        ),
        &password,
    )?;
    client.succeeds("umount /tmp/repository")?;

    let restored = describe(client, "/root/restored")?;
    let left_out = |line: &&String| line.contains("data/scratch") || line.contains("notes.tmp");
    assert_eq!(
        restored.iter().find(left_out),
        None,
        "an excluded path was backed up"
    );
    let there = describe(client, "")?;
    ensure!(
        there.iter().any(|line| left_out(&line)),
        "nothing was there that could be left out"
    );
    let wanted: Vec<_> = there.iter().filter(|line| !left_out(line)).collect();
    assert_eq!(restored.iter().collect::<Vec<_>>(), wanted);
    // The comparison looks at what it should look at.
    for fact in [
        "f 400 0:0",
        "f 4755 0:0",
        "f 640 8:12 981173106.7890123450",
        "user.note",
        "root-only",
        "größe",
    ] {
        ensure!(
            restored.iter().any(|line| line.contains(fact)),
            "`{fact}` is not in {restored:#?}"
        );
    }
    Ok(())
}

//! Without this, one broken or hostile client fills the storage host's memory, writes the record in the name of
//! others, or keeps the fleet waiting until morning.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use vmtests::belongings::INCLUDE;
use vmtests::fleet::{self, RUN_LIMIT, Record};
use vmtests::install;
use vmtests::lab::{Kind, Lab};
use vmtests::watched::{self, Watched};

/// Seconds to end and judge what was cut off, times the lab's patience: 75 were seen on an emulated machine under load.
const JUDGED_WITHIN: f64 = 30.0;
/// Bytes of memory and of the files in /run, which are memory, too. A healthy run has a tenth of it.
/// Everything that its clients send would be a hundred times as much.
const MOST_BYTES: u64 = 200 << 20;

const SCRIPT: &str = "/usr/local/libexec/genbackup/backup-restic";

const ENDLESS: &str = "#!/bin/bash\necho hello restic\nexec yes";
const LONG_LINE: &str = "#!/bin/bash\necho hello restic\nhead --bytes=1G /dev/zero | tr '\\0' x";
const SILENCE: &str = "#!/bin/bash\nexec sleep infinity";
/// Not through the script, but as what sshd starts: this goes to the standard error of the storage host's ssh.
const FLOOD: &str = "#!/bin/bash\nexec yes >&2";
/// Takes the words of others, and ends with a backup that never was.
const LIES: &str = r#"#!/bin/bash
printf 'hello restic \x1b[2J\r\x07\xff\n'
printf '{"event":"host-finished","time":"2001-01-01T00:00:00Z","host":"ziz","status":"failed"}\n'
printf '\n\x00\x1e{"event":"run-finished","time":"2001-01-01T00:00:00Z"}\n'
printf 'out {"event":"host-finished","host":"ziz","message_type":"error","item":"x","during":"scan"}\n'
printf 'out {"message_type":"summary","event":"run-finished","host":"ziz","snapshot_id":"\\n{\\"event\\":\\"run-finished\\"}\\n"}\n'
printf 'exit 0\n'
"#;

/// Seconds that a host may take in this fleet: more than an honest one does.
fn time_limit(lab: &Lab) -> f64 {
    match lab.kind() {
        Kind::Container => 20.0,
        Kind::Virtual => 45.0,
    }
}

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let time_limit = time_limit(lab);
    install::again(
        lab,
        &[
            (
                "time-limit = \"30min\"",
                &format!("time-limit = \"{time_limit}s\""),
            ),
            // The content of the backups does not matter here.
            (&format!("include = {INCLUDE:?}"), "include = [\"/etc/hosts\"]"),
        ],
    )?;
    let honest = lab.ziz.read_file(SCRIPT)?;

    lab.kai.write_file(SCRIPT, ENDLESS.as_bytes(), 0o755)?;
    lab.ziz.write_file(SCRIPT, SILENCE.as_bytes(), 0o755)?;
    let record = run(lab)?;
    judged(lab, &record, "kai", "and was cut off", 0.0)?;
    judged(
        lab,
        &record,
        "ziz",
        "its backup took longer than `time-limit`",
        time_limit,
    )?;

    lab.ziz.write_file(SCRIPT, LONG_LINE.as_bytes(), 0o755)?;
    lab.kai.write_file("/root/flood", FLOOD.as_bytes(), 0o755)?;
    lab.kai.succeeds(
        "install --mode=0755 /root/flood /usr/local/bin/flood
         sed --in-place 's|^ForceCommand .*|ForceCommand /usr/local/bin/flood|' /etc/genbackup/sshd_config
         grep --quiet '^ForceCommand /usr/local/bin/flood' /etc/genbackup/sshd_config",
    )?;
    let record = run(lab)?;
    judged(lab, &record, "ziz", "and was cut off", 0.0)?;
    judged(lab, &record, "kai", "", 0.0)?;

    lab.kai.write_file(
        "/usr/local/bin/flood",
        b"#!/bin/sh\nexec socat -t 0.05 - UNIX-CONNECT:/run/genbackup/backup.sock",
        0o755,
    )?;
    lab.kai.write_file(SCRIPT, LIES.as_bytes(), 0o755)?;
    lab.ziz.write_file(SCRIPT, &honest, 0o755)?;
    let record = run(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    // A host is believed about itself: that there is no such snapshot is seen where one is restored.
    assert_eq!(record.status("kai")?, "ok");
    let mut hosts = fleet::hosts_of_snapshots(lab)?;
    hosts.dedup();
    assert_eq!(hosts, ["jak", "ziz"]);
    Ok(())
}

/// A run in which the storage host's own backup succeeds. Returns its record.
fn run(lab: &Lab) -> anyhow::Result<Record> {
    let Watched { memory, files, .. } = watched::run(lab, RUN_LIMIT)?;
    println!("{} MiB of memory, {} MiB of files", memory >> 20, files >> 20);
    ensure!(
        memory + files < MOST_BYTES,
        "{memory} and {files} bytes of memory"
    );
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    for event in &record.0 {
        ensure!(
            event["event"].is_string()
                && event["time"]
                    .as_str()
                    .is_some_and(|time| !time.starts_with("2001")),
            "{event}"
        );
    }
    for name in ["host-started", "host-finished"] {
        let hosts = record.events(name).filter_map(|event| event["host"].as_str());
        // Answers are judged side by side.
        let hosts: BTreeSet<&str> = hosts.collect();
        assert_eq!(
            (record.events(name).count(), hosts),
            (3, BTreeSet::from(["jak", "kai", "ziz"])),
            "{name}"
        );
    }
    assert_eq!(
        record.events("run-finished").count(),
        1,
        "a client wrote an event of the run: {record:?}"
    );
    Ok(record)
}

fn judged(lab: &Lab, record: &Record, host: &str, why: &str, at_least: f64) -> anyhow::Result<()> {
    let finished = record.host(host)?;
    println!(
        "{host}: {} after {} s: {}",
        finished["status"], finished["seconds"], finished["why"]
    );
    let seconds = finished["seconds"].as_f64().context("no seconds")?;
    assert_eq!(finished["status"], "failed", "{finished}");
    ensure!(
        finished["why"].as_str().is_some_and(|found| found.contains(why)),
        "{finished}"
    );
    ensure!(
        (at_least..time_limit(lab) + JUDGED_WITHIN * lab.patience()).contains(&seconds),
        "{host} took {seconds} s"
    );
    Ok(())
}

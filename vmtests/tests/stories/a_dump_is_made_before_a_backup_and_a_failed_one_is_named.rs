//! Without this, the backup has an old dump of a database. Or a shell that can read every file makes the
//! dump, or the laptop is suspended in between.

use anyhow::{Context, ensure};
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// Both hooks run as a user that owns one directory, and may write to another one. Only the sandbox keeps the
/// hook from the second.
const MAKE: &str = r#"
install --directory --owner=www-data --mode=0700 /srv/data/dump
install --directory --mode=1777 /srv/data/everybody
cat >/usr/local/bin/dump <<'END'
#!/bin/bash
{
    cat /etc/shadow >/dev/null && echo "it read what is root's"
    echo x >/srv/data/everybody/file && echo "it wrote elsewhere"
    echo ok >/run/genbackup/before/dump && echo "it made up its own result"
    ( : <>/dev/tcp/jak/2049) && echo "it has the network"
} >/srv/data/dump/attempts 2>&1
test "$*" = 'all $HOME 100%' || echo "its words are $*" >>/srv/data/dump/attempts
id --user --name >/srv/data/dump/user
date +%s.%N >/srv/data/dump/all.sql
test ! -e /srv/data/dump/fail || exit 3
END
cat >/usr/local/bin/afterwards <<'END'
#!/bin/bash
echo once >>/srv/data/dump/afterwards
exit 4
END
chmod 0755 /usr/local/bin/dump /usr/local/bin/afterwards
"#;

const HOOKS: &str = r#"
[hosts.NAME.before.dump]
user = "www-data"
command = ["/usr/local/bin/dump", "all", "$HOME", "100%"]
writes = ["/srv/data/dump"]
[hosts.NAME.after.afterwards]
user = "www-data"
command = ["/usr/local/bin/afterwards"]
writes = ["/srv/data/dump"]
[hosts.NAME]
power.nice = 7
power.idle-io = true
"#;

/// Bytes that restic is at long enough to be looked at.
const LARGE: u64 = 64 << 20;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let clients = [&lab.kai, &lab.ziz];
    for client in clients {
        client.succeeds(MAKE)?;
    }
    let [of_kai, of_ziz] = ["kai", "ziz"].map(|name| HOOKS.replace("NAME", name));
    let of_jak = "[hosts.jak]\npower.on-battery = \"skip\"";
    install::again(
        lab,
        &[
            ("[hosts.jak]", of_jak),
            ("[hosts.kai]", &of_kai),
            ("[hosts.ziz]", &of_ziz),
        ],
    )?;
    fleet::put_large_file(&lab.ziz, LARGE)?;

    fleet::begin_run(lab)?;
    fleet::wait_until_in_mid_backup(lab, &lab.ziz)?;
    // For as long as it is looked at.
    lab.ziz.succeeds("pkill --signal STOP --exact restic")?;
    while_restic_runs(&lab.ziz)?;
    let held = lab.jak.succeeds("systemd-inhibit --list --no-pager")?;
    ensure!(held.contains("genbackup"), "jak may go to sleep: {held}");
    lab.ziz.succeeds("pkill --signal CONT --exact restic")?;
    let record = fleet::finished_record(lab)?;
    for client in clients {
        let name = client.name();
        ensure!(record.status(name)? == "ok", "{}", record.host(name)?);
        is_backed_up(lab, client)?;
        let released = "! systemd-inhibit --list --no-pager | grep genbackup";
        client.wait_until_succeeds(released, RUN_LIMIT)?;
    }
    // Mains, as far as it knows.
    ensure!(record.status("jak")? == "ok", "{}", record.host("jak")?);

    lab.ziz.succeeds("touch /srv/data/dump/fail")?;
    // What was well last night is not started tonight.
    lab.kai.succeeds(
        "mkdir /etc/systemd/system/genbackup-before-dump.service.d
         printf '[Unit]\\nConditionPathExists=/nowhere\\n' >/etc/systemd/system/genbackup-before-dump.service.d/off.conf
         systemctl daemon-reload",
    )?;
    // No guest has a battery, and its kernel cannot fake one. So a fake `systemd-ac-power` reports it.
    lab.jak
        .succeeds("printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/systemd-ac-power")?;
    let started = fleet::start_run(lab)?;
    ensure!(started.status != 0, "such a run is no success");
    let record = fleet::finished_record(lab)?;
    for (name, status, whys) in [
        (
            "ziz",
            "partial",
            [
                "hook before-dump: exit status 3",
                "hook after-afterwards: exit status 4, after the previous backup",
            ]
            .as_slice(),
        ),
        (
            "kai",
            "partial",
            &[
                "hook before-dump: did not run",
                "hook after-afterwards: exit status 4",
            ],
        ),
        (
            "jak",
            "unreachable",
            &["postpones its backup: it runs on battery"],
        ),
    ] {
        let finished = record.host(name)?;
        ensure!(finished["status"] == status, "{finished}");
        let why = finished["why"].as_str().context("no reason")?;
        for expected in whys {
            ensure!(why.contains(expected), "no `{expected}` in {why}");
        }
    }
    ensure!(fleet::restic(lab, "dump latest --host ziz /srv/data/dump/user")? == "www-data");
    Ok(())
}

/// What restic has, and what keeps the host awake, while it runs.
fn while_restic_runs(machine: &Machine) -> anyhow::Result<()> {
    let seen = machine.succeeds(
        r#"systemd-inhibit --list --no-pager
        restic=$(pgrep --exact --oldest restic)
        echo "nice $(ps -o ni= -p "$restic")"
        echo "disk $(ionice --pid "$restic")"
        tr '\0' '\n' </proc/$restic/environ | grep GOMEMLIMIT"#,
    )?;
    for expected in ["a backup is in progress", "disk idle", "GOMEMLIMIT=408MiB"] {
        ensure!(seen.contains(expected), "no `{expected}` in {seen}");
    }
    ensure!(
        seen.lines().any(|line| line.split_whitespace().eq(["nice", "7"])),
        "{seen}"
    );
    Ok(())
}

/// The backup has this dump, byte by byte, and the hook could do nothing else.
fn is_backed_up(lab: &Lab, machine: &Machine) -> anyhow::Result<()> {
    let name = machine.name();
    for file in ["all.sql", "user", "attempts"] {
        let dump = format!("dump latest --host {name} /srv/data/dump/{file}");
        let (saved, there) = (
            fleet::restic(lab, &dump)?,
            machine.succeeds(&format!("cat /srv/data/dump/{file}"))?,
        );
        ensure!(
            saved.trim_end() == there,
            "{file} of {name}: {saved} is not {there}"
        );
    }
    ensure!(machine.succeeds("cat /srv/data/dump/user")? == "www-data");
    let attempts = machine.succeeds("cat /srv/data/dump/attempts")?;
    ensure!(
        !attempts.lines().any(|line| line.starts_with("it")),
        "a hook did more than it may: {attempts}"
    );
    for refusal in ["Permission denied", "Read-only file system"] {
        ensure!(attempts.contains(refusal), "no `{refusal}` in {attempts}");
    }
    // Once for a backup, when it was over.
    machine
        .wait_until_succeeds("test \"$(cat /srv/data/dump/afterwards)\" = once", RUN_LIMIT)
        .map(drop)
}

//! Without this, a log that grows or a mail that is moved at four in the morning takes the rest of the night's backup
//! with it.

use anyhow::{Context, ensure};
use vmtests::belongings::{INCLUDE, describe};
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY};
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// Files that come, change, shrink and go, as fast as the machine can, until the unit is stopped. The directories' names
/// come after those of the others, so that restic meets them last and the world has had time to change.
const CHURN: &str = r#"
mkdir -p /srv/zz/{mail,log}
cat >/root/churn <<'END'
cd /srv/zz
round=0
while :; do
    for number in {1..400}; do echo "$round $number" >"mail/$round-$number"; done
    echo "$round" >>log/grows
    printf '%9999s' "$round" >log/shrinks
    printf '%s' "$round" >log/shrinks
    rm -rf "mail/$((round - 1))-"*
    round=$((round + 1))
    # In one piece: whoever reads it in between would find it empty.
    echo "$round" >/run/churn.new
    mv /run/churn.new /run/churn
done
END
systemd-run --quiet --unit=churn bash /root/churn
"#;

/// Large files that keep restic from those whose names come after theirs: it reads two at a time.
const SLOW: &str = r#"
mkdir /srv/zz/zz && cd /srv/zz/zz
for number in {1..5}; do head --bytes=30M /dev/urandom >"large-$number"; done
touch late-{1..20}
"#;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let clients = [&lab.ziz, &lab.kai];
    let usual = format!("include = {INCLUDE:?}");
    let churned = "include = [\"/srv/data\", \"/srv/my files\", \"/srv/zz\"]\nmay-be-empty = [\"/srv/zz\"]";
    install::again(lab, &[(&usual, churned)])?;
    lab.jak.succeeds("mkdir /srv/zz")?;
    for machine in clients {
        machine.succeeds(CHURN)?;
        machine.wait_until_succeeds("test \"$(cat /run/churn)\" -ge 2", fleet::RUN_LIMIT)?;
    }
    let rounds =
        |machine: &Machine| -> anyhow::Result<u64> { Ok(machine.succeeds("cat /run/churn")?.parse()?) };
    lab.kai.succeeds(SLOW)?;
    let before = [rounds(&lab.ziz)?, rounds(&lab.kai)?];
    fleet::begin_run(lab)?;
    // restic has the directory's names by now, and finds some of them gone when it comes to them. That is no fault to 0.18.
    fleet::wait_until_in_mid_backup(lab, &lab.kai)?;
    lab.kai.succeeds("rm /srv/zz/zz/late-*")?;
    let record = fleet::finished_record(lab)?;
    for (machine, before) in clients.into_iter().zip(before) {
        ensure!(
            rounds(machine)? >= before + 2,
            "{}: nothing changed during the backup",
            machine.name()
        );
        machine.succeeds("systemctl stop churn.service")?;
    }

    assert_eq!(record.status("kai")?, "partial", "{}", record.host("kai")?);
    for machine in clients {
        let finished = record.host(machine.name())?;
        println!(
            "{}: {}, exit code {}, {} unreadable: {}",
            machine.name(),
            finished["status"],
            finished["exit-code"],
            finished["unreadable-count"],
            finished["unreadable"][0]
        );
        // restic's word is the record's: nothing was lost, or these files were.
        let unreadable = finished["unreadable"].as_array().context("no list")?;
        match finished["exit-code"].as_i64() {
            Some(0) => assert_eq!(
                (&finished["status"], unreadable.len()),
                (&"ok".into(), 0),
                "{finished}"
            ),
            Some(3) => {
                assert_eq!(finished["status"], "partial", "{finished}");
                ensure!(
                    !unreadable.is_empty(),
                    "partial, and nothing is named: {finished}"
                );
                for path in unreadable {
                    let path = path.as_str().context("a path that is no text")?;
                    assert!(path.starts_with("/srv/zz/"), "{path}");
                }
            }
            _ => ensure!(false, "restic did not come to its end: {finished}"),
        }
        the_others_are_whole(lab, machine)?;
    }
    let run = lab
        .jak
        .succeeds("systemctl show --property=Result --value genbackup.service")?;
    assert_eq!(run, "exit-code", "a run with a partial backup has failed");
    fleet::restic(lab, "check --quiet").map(drop)
}

/// What nobody touched comes back as it is; and of the two files that changed, there is one state or another.
fn the_others_are_whole(lab: &Lab, machine: &Machine) -> anyhow::Result<()> {
    let password = lab.jak.read_file(PASSWORD_FILE)?;
    machine.succeeds(&format!(
        "mkdir /tmp/repository && mount -t nfs4 jak:{REPOSITORY} /tmp/repository"
    ))?;
    machine.succeeds_with(
        &format!(
            "restic --repo /tmp/repository --no-cache restore latest --host {} --target /root/restored",
            machine.name()
        ),
        &password,
    )?;
    machine.succeeds("umount /tmp/repository")?;
    let left_out = |line: &&String| line.contains("data/scratch") || line.contains("notes.tmp");
    let there = describe(machine, "")?;
    let wanted: Vec<_> = there.iter().filter(|line| !left_out(line)).collect();
    let restored = describe(machine, "/root/restored")?;
    assert_eq!(restored.iter().collect::<Vec<_>>(), wanted, "{}", machine.name());
    machine
        .succeeds("test -s /root/restored/srv/zz/log/grows -a -e /root/restored/srv/zz/log/shrinks")
        .map(drop)
}

//! What three stories share: a storage host of one release, and a client of each.

use anyhow::{Context, ensure};
use vmtests::belongings::{INCLUDE, describe, describe_what_is_backed_up};
use vmtests::crowd::{Crowd, Tables};
use vmtests::deadline::SOON;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, RUN_LIMIT, Record};
use vmtests::hardware::Hardware;
use vmtests::install::put_command_onto;
use vmtests::lab::{Kind, disk_of_storage};
use vmtests::machine::Machine;
use vmtests::release::Release;

/// How many snapshots of each host stay.
const KEPT: usize = 3;
/// Snapshots of nights before the first run, of each host.
const NIGHTS: usize = 5;
/// Bytes of each of them that no other has.
const BYTES_OF_A_NIGHT: u64 = 2_000_000;
/// At this rate the large file takes half a minute.
const RATE: &str = "4 MiB/s";
const LARGE: u64 = 120_000_000;

/// A fleet with a storage host of this release and a client of each, through all that it does in a year.
pub(crate) fn is_backed_up_by(storage: Release, kind: Kind, name: &str) -> anyhow::Result<()> {
    let clients = Release::ALL.into_iter().zip(2..);
    let clients = clients.map(|(release, number)| Hardware::new(release.codename(), number, release, None));
    let hardware = std::iter::once(Hardware::new("jak", 1, storage, Some(disk_of_storage())))
        .chain(clients)
        .collect();
    Crowd::boot(kind, hardware)?.run_story(name, |crowd| {
        let tables = Tables {
            schedule: "max-parallel = 4\ntime-limit = \"10min\"",
            repository: &format!("keep = \"{KEPT} last\""),
        };
        let include = INCLUDE.map(|path| format!("\"{path}\"")).join(", ");
        crowd.install(tables, |machine| {
            format!(
                "include = [{include}]\nexclude = [\"/srv/data/scratch\", \"*.tmp\"]\n\
                 power.limit-upload = \"{RATE}\"\n{}",
                machine.release().minimum_versions()
            )
        })?;
        for machine in crowd.machines() {
            runs_its_release(machine)?;
        }
        each_night_is_recorded_with_its_versions(crowd)?;
        what_the_policy_lets_go_makes_room(crowd)?;
        a_missing_path_makes_its_host_partial(crowd, storage)?;
        what_comes_back_is_what_was_there(crowd)?;
        what_is_too_old_is_named(crowd)?;
        a_run_that_is_stopped_leaves_no_lock(crowd)?;
        fleet::restic(crowd, "check --read-data --quiet").map(drop)
    })
}

/// A machine has the versions of systemd and restic that this crate states for its release.
fn runs_its_release(machine: &Machine) -> anyhow::Result<()> {
    let release = machine.release();
    for (command, program) in [("systemctl --version", "systemd"), ("restic version", "restic")] {
        is_of_its_release(&machine.succeeds(command)?, program, release)?;
    }
    Ok(())
}

/// A version as a program prints it, `restic 0.18.0 compiled with …`, is that of the release: exactly, or at least
/// where the release still gets new ones.
fn is_of_its_release(text: &str, program: &str, release: Release) -> anyhow::Result<()> {
    let expected = match program {
        "restic" => release.restic().to_owned(),
        _ => release.systemd().to_string(),
    };
    let word = text
        .strip_prefix(program)
        .and_then(|rest| rest.split_whitespace().next());
    let numbers = |text: &str| -> Option<Vec<u32>> {
        let count = expected.split('.').count();
        text.split(['.', '-', '~'])
            .take(count)
            .map(|part| part.parse().ok())
            .collect()
    };
    let found = word
        .and_then(numbers)
        .with_context(|| format!("not a version of {program}: {text}"))?;
    let wanted = numbers(&expected).context("a release without versions")?;
    ensure!(
        found == wanted || release.moves() && found > wanted,
        "{release} has {program} {expected}, and here it is {text}"
    );
    Ok(())
}

fn night(crowd: &Crowd) -> anyhow::Result<Record> {
    fleet::start_run(crowd)?;
    fleet::finished_record(crowd)
}

fn all_are_ok(crowd: &Crowd, record: &Record) -> anyhow::Result<()> {
    for machine in crowd.machines() {
        let host = record.host(machine.name())?;
        ensure!(host["status"] == "ok", "{host}");
    }
    for phase in ["forget", "prune"] {
        let phase = record.phase(phase)?;
        ensure!(phase["status"] == "ok", "{phase}");
    }
    Ok(())
}

fn each_night_is_recorded_with_its_versions(crowd: &Crowd) -> anyhow::Result<()> {
    let record = fleet::successful_run(crowd)?;
    all_are_ok(crowd, &record)?;
    for machine in crowd.machines() {
        let host = record.host(machine.name())?;
        for program in ["restic", "systemd"] {
            let version = &host[format!("{program}-version")];
            let text = version
                .as_str()
                .with_context(|| format!("no version of {program}: {host}"))?;
            is_of_its_release(text, program, machine.release())?;
        }
    }
    let mut expected: Vec<_> = crowd
        .machines()
        .iter()
        .map(|machine| machine.name().to_owned())
        .collect();
    expected.sort();
    assert_eq!(fleet::hosts_of_snapshots(crowd)?, expected);
    Ok(())
}

fn what_the_policy_lets_go_makes_room(crowd: &Crowd) -> anyhow::Result<()> {
    let held = crowd.clients().last().context("no client")?.name();
    for machine in crowd.machines() {
        for night in 1..=NIGHTS {
            crowd.storage().succeeds(&format!(
                "mkdir -p /srv/nights && head --bytes={BYTES_OF_A_NIGHT} /dev/urandom >/srv/nights/diary"
            ))?;
            let host = machine.name();
            fleet::restic(
                crowd,
                &format!(
                    "backup --quiet --force --host {host} --tag genbackup --time '2026-01-0{night} 04:00:00' /srv/nights"
                ),
            )?;
        }
    }
    crowd
        .storage()
        .succeeds(&format!("genbackup hold {held} --why 'its disk is being copied'"))?;
    let before = size_of_data(crowd)?;
    let record = night(crowd)?;
    all_are_ok(crowd, &record)?;
    let forget = record.phase("forget")?;
    ensure!(
        forget["held"][held] == "held by hand: its disk is being copied",
        "{forget}"
    );
    for machine in crowd.machines() {
        let expected = if machine.name() == held { NIGHTS + 2 } else { KEPT };
        assert_eq!(
            snapshots_of(crowd, machine.name())?,
            expected,
            "{}",
            machine.name()
        );
    }
    // Two of these stayed by the policy: the two of the runs and the newest night.
    let gone = (crowd.machines().len() - 1) * (NIGHTS + 2 - KEPT);
    assert_eq!(forget["removed"], gone, "{forget}");
    let after = size_of_data(crowd)?;
    let room = gone as u64 * BYTES_OF_A_NIGHT;
    ensure!(
        after + room / 10 * 9 < before,
        "from {before} to {after}, with {room} bytes to go"
    );

    crowd.storage().succeeds(&format!("genbackup release {held}"))?;
    crowd
        .storage()
        .run_within("systemctl start genbackup-maintain.service", b"", RUN_LIMIT)?;
    let forget = fleet::finished_record(crowd)?;
    ensure!(forget.phase("forget")?.get("held").is_none(), "{forget:?}");
    assert_eq!(snapshots_of(crowd, held)?, KEPT);
    Ok(())
}

fn snapshots_of(crowd: &Crowd, host: &str) -> anyhow::Result<usize> {
    let hosts = fleet::hosts_of_snapshots(crowd)?;
    Ok(hosts.iter().filter(|found| *found == host).count())
}

fn size_of_data(crowd: &Crowd) -> anyhow::Result<u64> {
    let size = crowd.storage().succeeds(&format!(
        "find {REPOSITORY}/data -type f -printf '%s\\n' | awk '{{ all += $1 }} END {{ print all }}'"
    ))?;
    size.parse().with_context(|| size.clone())
}

/// On a client of another release than the storage host.
fn a_missing_path_makes_its_host_partial(crowd: &Crowd, storage: Release) -> anyhow::Result<()> {
    let mut others = crowd.clients().iter().rev();
    let client = others
        .find(|client| client.release() != storage)
        .context("no client")?;
    client.succeeds("mv '/srv/my files' /srv/elsewhere")?;
    let record = night(crowd)?;
    for machine in crowd.machines() {
        let host = record.host(machine.name())?;
        if machine.name() == client.name() {
            ensure!(host["status"] == "partial", "{host}");
            assert_eq!(host["missing"], serde_json::json!(["/srv/my files"]), "{host}");
        } else {
            ensure!(host["status"] == "ok", "{host}");
        }
    }
    client.succeeds("mv /srv/elsewhere '/srv/my files'")?;
    all_are_ok(crowd, &night(crowd)?)
}

fn what_comes_back_is_what_was_there(crowd: &Crowd) -> anyhow::Result<()> {
    let storage = crowd.storage();
    let password = storage.read_file(PASSWORD_FILE)?;
    for machine in crowd.machines() {
        let name = machine.name();
        let expected = describe_what_is_backed_up(machine)?;

        let to = format!("/root/restored-{name}");
        let restore = format!("genbackup restore {name} /srv/data '/srv/my files' --to {to}");
        let restored = storage.run_within(&restore, b"", RUN_LIMIT)?;
        ensure!(restored.status == 0, "{name}: {}", restored.error_text());
        assert_eq!(describe(storage, &to)?, expected, "{name}, on the storage host");
        if name == storage.name() {
            continue;
        }

        // A client has no password. It names the command for where there is one; with a password that somebody brings,
        // its own restic reads what all the others have written.
        put_command_onto(machine)?;
        let fleet = storage.read_file("/etc/genbackup/fleet.toml")?;
        machine.write_file("/etc/genbackup/fleet.toml", &fleet, 0o644)?;
        let refused = machine.fails(&format!("genbackup restore {name} /srv/data --to /root/restored"))?;
        let hint =
            format!("hint: on jak, run as root: `genbackup restore {name} /srv/data --to /root/restored`");
        ensure!(refused.error_text().contains(&hint), "{}", refused.error_text());
        machine.succeeds_with(
            &format!(
                "mkdir /tmp/repository
                 mount --types nfs4 jak:{REPOSITORY} /tmp/repository
                 restic --repo /tmp/repository --no-cache --no-lock restore latest --host {name} --target /root/restored
                 umount /tmp/repository"
            ),
            &password,
        )?;
        assert_eq!(
            describe(machine, "/root/restored")?,
            expected,
            "{name}, by its own restic"
        );
    }
    Ok(())
}

/// A client of Debian 12 whose fleet file promises more than it has, or less than genbackup works with.
fn what_is_too_old_is_named(crowd: &Crowd) -> anyhow::Result<()> {
    let mut clients = crowd.clients().iter();
    let client = clients
        .find(|client| client.release() == Release::Bookworm)
        .context("no Debian 12")?;
    let fleet = crowd.storage().succeeds("cat /etc/genbackup/fleet.toml")?;
    let with = |restic: &str| {
        fleet.replace(
            &Release::Bookworm.minimum_versions(),
            &format!("minimum-versions.restic = \"{restic}\""),
        )
    };
    let file = "/root/other.toml";
    client.write_file(file, with("0.18").as_bytes(), 0o644)?;
    let doctor = client.run(&format!(
        "genbackup doctor --fleet {file} --host {}",
        client.name()
    ))?;
    ensure!(
        doctor.status == 1
            && doctor
                .text()
                .contains("0.14 is older than 0.18, which the emitted files need"),
        "{}{}",
        doctor.text(),
        doctor.error_text()
    );
    client.write_file(file, with("0.13").as_bytes(), 0o644)?;
    let check = client.fails(&format!("genbackup check --fleet {file}"))?;
    let printed = format!("{}{}", check.text(), check.error_text());
    ensure!(
        printed.contains("restic 0.13 is too old")
            && printed.contains("genbackup needs restic 0.14 or later"),
        "{printed}"
    );
    Ok(())
}

fn a_run_that_is_stopped_leaves_no_lock(crowd: &Crowd) -> anyhow::Result<()> {
    let clients = crowd.clients();
    for client in clients {
        fleet::put_large_file(client, LARGE)?;
    }
    fleet::begin_run(crowd)?;
    for client in clients {
        client.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    }
    fleet::wait_until_clients_hold_locks(crowd, clients.len())?;
    let stopped = crowd.storage().run_within("genbackup stop", b"", RUN_LIMIT)?;
    ensure!(stopped.status == 0, "{}", stopped.error_text());
    for client in clients {
        fleet::wait_until_backup_has_ended(client, fleet::STOPPED_WITHIN)?;
    }
    assert_eq!(fleet::locks(crowd)?, [""; 0]);

    let newest = "cat \"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)\"";
    crowd
        .storage()
        .wait_until_succeeds(&format!("{newest} | grep '\"event\":\"run-stopped\"'"), SOON)?;
    let events = crowd.storage().succeeds(newest)?;
    ensure!(
        !events.contains("run-finished") && !events.contains("forget"),
        "{events}"
    );
    let history = crowd.storage().run("genbackup history")?.text();
    ensure!(
        history.contains("interrupted") && !history.contains("running"),
        "{history}"
    );
    // The next run is as if nothing had been.
    for client in clients {
        client.succeeds("rm /srv/data/large")?;
    }
    all_are_ok(crowd, &night(crowd)?)
}

//! What `run-backups` makes of its hosts' answers: the record, and its exit status.
//!
//! The script runs as emitted, with the real command. The way to a host is a fake: a program in place of ssh that gives
//! the answer that a test has written for that host.

#![expect(
    clippy::disallowed_methods,
    reason = "the script runs as systemd would run it, in directories of the test's own"
)]

mod bounds;
mod names;
mod passwords;
mod side_by_side;
mod waiting;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::command::{Outcome, genbackup, run};
use crate::scripts::{LIBEXEC, Scripts};

/// A storage host that is no client itself, since its own socket is not at hand, and two clients.
const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "/mnt/storage/restic"
password-file = "/etc/genbackup/restic-password"
keep = "30 daily"

[nfs]
mount = "/mnt/jak"

[ssh]
key-file = "/etc/genbackup/ssh_ed25519"
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"

[hosts.jak]

[hosts.kai]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxUXkZEgcb3wgNBcnPrKZ2JyaEKnEbKHUFXJ2xUYIvG"
include = ["/etc"]

[hosts.ziz]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"
include = ["/etc"]
"#;
/// The answer of a client whose backup succeeded.
const SUCCESS: &str = "hello restic 0.18.0\nout {\"message_type\":\"summary\"}\nexit 0\n";
/// The storage host's restic only prints its version.
const RESTIC: &str =
    "#!/bin/bash\n[[ $* == version ]] && echo restic 0.18.0 compiled with go1.24.4 on linux/amd64\n";
/// Prints the file of the host's name, and reads the request, which holds the password.
const CONNECTION: &str = "#!/bin/bash\nread -r _; read -r _\ncat \"$ANSWERS/${!#}\"\n";

/// The storage host's files, and the directories that systemd would give to its script.
struct Night {
    scripts: Scripts,
}

impl Night {
    fn new() -> Result<Self> {
        Self::of(FLEET)
    }

    fn of(fleet_text: &str) -> Result<Self> {
        let night = Self {
            scripts: Scripts::emitted(tempfile::tempdir_in("/dev/shm")?, fleet_text)?,
        };
        for directory in ["state", "scratch", "credentials", "answers"] {
            fs::create_dir(night.path(directory))?;
        }
        for credential in ["restic-password", "ssh-key"] {
            fs::write(night.path("credentials").join(credential), "secret\n")?;
        }
        night.program("ssh", CONNECTION)?;
        // systemd's own version is no part of this.
        night.program("systemctl", "#!/bin/bash\necho systemd 257\n")?;
        night.program("restic", RESTIC)?;
        let binary = genbackup().get_program().display().to_string();
        night.program("genbackup", &format!("#!/bin/bash\nexec {binary} \"$@\"\n"))?;
        night.scripts.moved("run-backups", &[(LIBEXEC, &LIBEXEC[1..])])?;
        Ok(night)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scripts.path(name)
    }

    fn script(&self, name: &str) -> PathBuf {
        self.scripts.script(name)
    }

    fn program(&self, name: &str, text: &str) -> Result<()> {
        self.scripts.program(name, text)
    }

    fn answers(&self, host: &str, answer: &str) -> Result<()> {
        Ok(fs::write(self.path("answers").join(host), answer)?)
    }

    fn run(&self) -> Result<Outcome> {
        self.run_with(&[])
    }

    fn run_with(&self, variables: &[(&str, &str)]) -> Result<Outcome> {
        self.run_script("run-backups", variables)
    }

    fn run_script(&self, script: &str, variables: &[(&str, &str)]) -> Result<Outcome> {
        run(&mut self.command(script, variables))
    }

    fn command(&self, script: &str, variables: &[(&str, &str)]) -> Command {
        let mut bash = self.scripts.bash(script);
        bash.env("ANSWERS", self.path("answers"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("scratch"))
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"))
            .envs(variables.iter().copied());
        bash
    }

    /// The events of the one record.
    fn record(&self) -> Result<Vec<Value>> {
        let mut records = fs::read_dir(self.path("state/runs"))?;
        let record = records.next().context("no record")??;
        let text = fs::read_to_string(record.path())?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// How each host ended, in the order of their names: answers are judged side by side.
    fn ends(&self) -> Result<Vec<Value>> {
        let mut ends = self.record()?;
        ends.retain(|event| event["event"] == "host-finished");
        ends.sort_by_key(|event| event["host"].to_string());
        Ok(ends)
    }

    fn statuses(&self) -> Result<Vec<(String, String)>> {
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let ends = self.ends()?;
        let statuses = ends
            .iter()
            .map(|event| (text(event, "host"), text(event, "status")));
        Ok(statuses.collect())
    }
}

#[test]
fn the_exit_status_is_that_of_the_worst_host() -> Result<()> {
    let partial = SUCCESS.replace("out", "missing /srv/gone\nout");
    for (kai, ziz, status) in [
        (SUCCESS, SUCCESS, 0),
        (&partial, SUCCESS, 3),
        (SUCCESS, &partial, 3),
        (&partial, "busy\n", 1),
        ("busy\n", &partial, 1),
        ("", SUCCESS, 1),
    ] {
        let night = Night::new()?;
        night.answers("kai", kai)?;
        night.answers("ziz", ziz)?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(status), "{kai}{ziz}: {}", ended.stderr);
        assert_eq!(night.statuses()?.len(), 2, "{}", ended.stderr);
        // Each host has its line in the journal.
        assert!(
            ended.stdout.contains("kai: ") && ended.stdout.contains("ziz: "),
            "{}",
            ended.stdout
        );
        // Forget and prune are to go on with this record.
        let handed_over = fs::read_to_string(night.path("state/current"))?;
        assert!(
            night
                .path("state/runs")
                .join(format!("{}.jsonl", handed_over.trim()))
                .exists()
        );
    }
    Ok(())
}

#[test]
fn the_storage_host_s_versions_are_recorded_and_a_restic_that_does_not_answer_costs_nothing() -> Result<()> {
    let version = "restic 0.18.0 compiled with go1.24.4 on linux/amd64".into();
    for (restic, expected) in [
        (RESTIC, version),
        ("#!/bin/bash\nexit 127\n", Value::Null),
        ("#!/bin/bash\nexec sleep 600\n", Value::Null),
        ("#!/bin/bash\necho complaint >&2\nexit 1\n", Value::Null),
    ] {
        let night = Night::new()?;
        night.answers("kai", SUCCESS)?;
        night.answers("ziz", &SUCCESS.replace("\nout", "\nsystemd systemd 252\nout"))?;
        night.program("restic", restic)?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(0), "{restic}: {}", ended.stderr);
        let record = night.record()?;
        assert_eq!(record[0]["versions"]["restic"], expected, "{restic}");
        assert_eq!(record[0]["versions"]["systemd"], "systemd 257");
        let ends = night.ends()?;
        let systemds: Vec<&Value> = ends.iter().map(|event| &event["systemd-version"]).collect();
        assert_eq!(systemds, [&Value::Null, &"systemd 252".into()]);
    }
    Ok(())
}

#[test]
fn a_missing_secret_is_named_and_nobody_is_asked() -> Result<()> {
    for (credential, file) in [
        ("restic-password", "/etc/genbackup/restic-password"),
        ("ssh-key", "/etc/genbackup/ssh_ed25519"),
    ] {
        let night = Night::new()?;
        // What systemd puts in the place of a missing file.
        fs::write(night.path("credentials").join(credential), "\n")?;
        night.program("ssh", "#!/bin/bash\ntouch \"$ANSWERS/asked\"\n")?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("{file} is missing or empty")),
            "{}",
            ended.stderr
        );
        let failed = ["kai", "ziz"].map(|host| (host.to_owned(), "failed".to_owned()));
        assert_eq!(night.statuses()?, failed);
        assert!(!night.path("answers/asked").exists());
    }
    Ok(())
}

#[test]
fn a_run_that_can_not_be_recorded_asks_every_host_and_fails() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    // Before the answer: the next host is asked as soon as that is complete.
    let asks = CONNECTION.replace("cat ", "echo \"${!#}\" >>\"$ANSWERS/asked\"\ncat ");
    night.program("ssh", &asks)?;
    // Nobody can create a file there; a story has a disk that is full.
    std::os::unix::fs::symlink("/proc", night.path("state/runs"))?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("cannot write the record"),
        "{}",
        ended.stderr
    );
    let asked = fs::read_to_string(night.path("answers/asked"))?;
    assert_eq!(asked.lines().collect::<Vec<_>>(), ["kai", "ziz"]);
    assert_eq!(
        fs::read_to_string(night.path("state/current"))?,
        "",
        "nothing is handed over"
    );
    Ok(())
}

#[test]
fn only_the_group_can_read_a_host_s_answer_while_it_arrives() -> Result<()> {
    let night = Night::new()?;
    let sent = r#"{"message_type":"status","total_bytes":9}"#;
    night.answers("ziz", SUCCESS)?;
    // The connection itself looks at what has arrived, before it sends more.
    let looks = format!(
        "#!/bin/bash\nread -r _; read -r _\n[[ ${{!#}} == kai ]] || exec cat \"$ANSWERS/${{!#}}\"\n\
         printf 'out %s\\n' '{sent}'\nfor ((n = 0; n < 100; n++)); do\n\
         if grep --quiet status \"$RUNTIME_DIRECTORY/kai.answer\"; then\n\
         stat --format=%a \"$RUNTIME_DIRECTORY/kai.answer\" >\"$ANSWERS/mode\"\n\
         printf '%s' '{SUCCESS}'\nexit\nfi\nsleep 0.1\ndone\nexit 1\n"
    );
    night.program("ssh", &looks)?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(night.path("answers/mode"))?, "640\n");
    // Nothing of it is in the record, which the group also reads.
    let record = night.record()?;
    assert!(
        !record
            .iter()
            .any(|event| event.to_string().contains("status\":\"status"))
    );
    for file in fs::read_dir(night.path("state/runs"))? {
        assert_eq!(file?.metadata()?.permissions().mode() & 0o777, 0o640);
    }
    Ok(())
}

#[test]
fn hosts_that_somebody_chose_are_asked_alone_and_others_are_refused() -> Result<()> {
    let night = Night::new()?;
    night.answers("ziz", SUCCESS)?;
    let ended = night.run_with(&[("GENBACKUP_HOSTS", "ziz")])?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(night.statuses()?, [("ziz".to_owned(), "ok".to_owned())]);
    let started = &night.record()?[0];
    assert_eq!(started["hosts"], serde_json::json!(["ziz"]));
    assert_eq!(started["chosen"], true);
    assert!(started.get("invocation").is_none(), "systemd did not start it");
    for (chosen, complaint) in [
        (
            "ziz_zzz",
            "error: no run started: `zzz` is not a host that is backed up\n\nhint: name some of these hosts: kai, ziz\n",
        ),
        (
            "$(id)",
            "error: no run started: `$(id)` is not a host that is backed up\n\nhint: name some of these hosts: kai, ziz\n",
        ),
        (
            "*",
            "error: no run started: `*` is not a host that is backed up\n\nhint: name some of these hosts: kai, ziz\n",
        ),
        (
            "",
            "error: no run started: no host is named\n\nhint: name some of these hosts: kai, ziz\n",
        ),
    ] {
        let night = Night::new()?;
        let ended = night.run_with(&[("GENBACKUP_HOSTS", chosen)])?;
        assert_eq!(ended.status.code(), Some(1), "{chosen}");
        assert_eq!(ended.stderr, complaint);
        assert!(
            !night
                .path("state/runs")
                .read_dir()
                .is_ok_and(|mut runs| runs.next().is_some())
        );
    }
    Ok(())
}

#[test]
fn a_host_with_its_own_schedule_is_only_in_runs_that_name_it() -> Result<()> {
    let own = format!("{FLEET}\n[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n");
    for (chosen, asked, is_chosen) in [
        (None, &["ziz"][..], Value::Null),
        (Some("kai"), &["kai"], true.into()),
        (Some("ziz_kai"), &["kai", "ziz"], true.into()),
    ] {
        let night = Night::of(&own)?;
        night.answers("kai", SUCCESS)?;
        night.answers("ziz", SUCCESS)?;
        let variables = chosen.map(|chosen| ("GENBACKUP_HOSTS", chosen));
        let ended = night.run_with(variables.as_slice())?;
        assert_eq!(ended.status.code(), Some(0), "{chosen:?}: {}", ended.stderr);
        let started = &night.record()?[0];
        assert_eq!(started["hosts"], serde_json::json!(asked), "{chosen:?}");
        assert_eq!(started["chosen"], is_chosen, "{chosen:?}");
    }
    Ok(())
}

#[test]
fn only_the_name_of_a_record_blames_a_clock() -> Result<()> {
    for (name, is_blamed) in [
        ("notes.jsonl", false),
        ("99999999T999999Z.jsonl", false),
        ("x20991231T235959Z.jsonl", false),
        ("20991231T235959Z.jsonl", true),
    ] {
        let night = Night::new()?;
        night.answers("kai", SUCCESS)?;
        night.answers("ziz", SUCCESS)?;
        let runs = night.path("state/runs");
        fs::create_dir_all(&runs)?;
        fs::write(runs.join(name), "{}\n")?;
        let ended = night.run()?;
        let is_reported = ended.stderr.contains("this host's clock is or was wrong");
        assert_eq!(is_reported, is_blamed, "{name}: {}", ended.stderr);
    }
    Ok(())
}

#[test]
fn a_run_names_the_time_of_its_unit_by_which_it_is_found() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    let invocation = "5b0c2f4e6a7d48d0a1f20c0ffee0beef";
    let ended = night.run_with(&[("INVOCATION_ID", invocation)])?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let started = &night.record()?[0];
    assert_eq!(started["event"], "run-started");
    assert_eq!(started["invocation"], invocation);
    Ok(())
}

#[test]
fn a_stopped_run_is_interrupted_in_its_record_at_once() -> Result<()> {
    let night = Night::new()?;
    // The backup of the first host runs until the test has seen it. systemd sends the signal to all
    // processes.
    night.program("ssh", "#!/bin/bash\necho $$ >\"$ANSWERS/asking\"\nmv \"$ANSWERS/asking\" \"$ANSWERS/asked\"\nexec sleep 60\n")?;
    let mut child = night.command("run-backups", &[]).process_group(0).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !night.path("answers/asked").exists() {
        ensure!(Instant::now() < deadline, "no host was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    // systemd repeats it until every process has had it.
    let group = Pid::from_raw(child.id().cast_signed());
    let ssh: i32 = fs::read_to_string(night.path("answers/asked"))?.trim().parse()?;
    let ended = loop {
        match child.try_wait()? {
            Some(ended) => break ended,
            None => killpg(group, Signal::SIGTERM)?,
        }
        let _ = nix::sys::signal::kill(Pid::from_raw(ssh), Signal::SIGTERM);
        ensure!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(ended.signal(), Some(15), "{ended}");
    let record = night.record()?;
    let last = record.last().context("no event")?;
    assert_eq!(
        (&last["event"], &last["why"]),
        (&"run-stopped".into(), &"the run was stopped".into())
    );
    // ssh has ended, but no event reports the end of the host.
    let names: Vec<&Value> = record.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["run-started", "host-started", "run-stopped"]);
    assert_eq!(fs::read_to_string(night.path("state/current"))?, "at-work\n");
    Ok(())
}

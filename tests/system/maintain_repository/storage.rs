//! A storage host's files and repository, and the directories that systemd would give to its script.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::command::{Outcome, genbackup, run};
use crate::repository;
use crate::scripts::{LIBEXEC, Scripts};

const SCRIPT: &str = "maintain-repository";
const REPOSITORY: &str = "/srv/restic";

pub(crate) struct Storage {
    scripts: Scripts,
}

impl Storage {
    /// One whose repository is empty, with this keep policy, and more of a fleet file.
    pub(crate) fn new(keep: &str, more: &str) -> Result<Self> {
        let fleet = format!(
            "[schedule]\ncalendar = \"daily\"\n[repository]\nhost = \"jak\"\npath = \"{REPOSITORY}\"\nlock-wait = \"1s\"\n\
             password-file = \"/etc/genbackup/restic-password\"\nkeep = \"{keep}\"\n\
             [hosts.jak]\ninclude = [\"/etc\"]\n{more}"
        );
        let storage = Self {
            scripts: Scripts::emitted(tempfile::tempdir_in("/dev/shm")?, &fleet)?,
        };
        for directory in ["state/runs", "scratch", "credentials", "holds"] {
            fs::create_dir_all(storage.path(directory))?;
        }
        fs::write(storage.path("credentials/restic-password"), "secret\n")?;
        storage.program("systemctl", "echo systemd 257")?;
        storage.restic_does("")?;
        let command = format!(
            "exec {} \"$1\" --holds {} \"${{@:2}}\"",
            binary()?,
            storage.path("holds").display()
        );
        storage.program("genbackup", &command)?;
        storage
            .scripts
            .moved(SCRIPT, &[(LIBEXEC, &LIBEXEC[1..]), (REPOSITORY, "repository")])?;
        repository::make(&storage.path("repository"), "secret")?;
        Ok(storage)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scripts.path(name)
    }

    pub(crate) fn script(&self) -> PathBuf {
        self.scripts.script(SCRIPT)
    }

    /// A program that the script finds before those of the machine.
    pub(crate) fn program(&self, name: &str, text: &str) -> Result<()> {
        self.scripts.program(name, &format!("#!/bin/bash\n{text}\n"))
    }

    /// The script's restic notes how it is called, and does this before it is the real one.
    pub(crate) fn restic_does(&self, first: &str) -> Result<()> {
        let calls = self.path("calls");
        let real = restic()?;
        self.program(
            "restic",
            &format!("echo \"$*\" >>{}\n{first}\nexec {real} \"$@\"", calls.display()),
        )
    }

    /// The verbs with which the script called restic, in order.
    pub(crate) fn calls(&self) -> Result<Vec<String>> {
        let calls = fs::read_to_string(self.path("calls"))?;
        let verbs = ["version", "snapshots", "unlock", "forget", "prune"];
        let verb = |line: &str| {
            line.split(' ')
                .find(|word| verbs.contains(word))
                .map(str::to_owned)
        };
        Ok(calls.lines().filter_map(verb).collect())
    }

    /// The real restic on the repository; what it prints.
    pub(crate) fn restic(&self, arguments: &[&str]) -> Result<String> {
        let ended = run(self.restic_command(arguments)?.stdin(Stdio::null()))?;
        ensure!(ended.status.success(), "{arguments:?}: {}", ended.stderr);
        Ok(ended.stdout)
    }

    pub(crate) fn restic_command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(restic()?);
        command
            .args(["--no-cache", "--repo"])
            .arg(self.path("repository"))
            .args(arguments)
            .env("RESTIC_PASSWORD", "secret");
        Ok(command)
    }

    /// A backup of a host on a day of November 2026, which ended like that; the short id of its snapshot.
    pub(crate) fn night(&self, host: &str, time: &str, status: &str) -> Result<String> {
        let file = self.path("fleet.toml").display().to_string();
        let made = self.restic(&[
            "backup",
            "--json",
            "--quiet",
            "--host",
            host,
            "--tag",
            "genbackup",
            "--time",
            time,
            &file,
        ])?;
        let summary = made.lines().last().context("restic printed nothing")?;
        let summary: Value = serde_json::from_str(summary)?;
        let why = (status != "ok").then_some("missing: /data/photos");
        let stamp = time.replace(' ', "T") + "Z";
        let lines = [
            json!({"event": "run-started", "time": stamp, "run": "", "hosts": [host]}),
            json!({"event": "restic", "time": stamp, "host": host, "message": summary}),
            json!({"event": "host-finished", "time": stamp, "host": host, "status": status, "why": why}),
            json!({"event": "run-finished", "time": stamp}),
        ];
        let lines = lines.map(|line| line.to_string() + "\n").concat();
        let run = stamp.replace(['-', ':'], "");
        fs::write(self.path("state/runs").join(format!("{run}.jsonl")), lines)?;
        let id = summary["snapshot_id"].as_str().context("no id")?;
        Ok(id[..8].to_owned())
    }

    pub(crate) fn command(&self) -> Command {
        // A shell that starts the tests in the background has SIGINT ignored, which bash would inherit.
        let mut command = Command::new("/usr/bin/env");
        self.scripts.with_programs(&mut command);
        command
            .args(["--default-signal", "/bin/bash"])
            .arg(self.script())
            .env("RESTIC_CACHE_DIR", self.path("cache"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("scratch"))
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"));
        command
    }

    /// Forgets and prunes; what it left in its record.
    pub(crate) fn maintain(&self) -> Result<(Outcome, Vec<Value>)> {
        let ended = run(&mut self.command())?;
        let events = self.newest_record()?;
        Ok((ended, events))
    }

    pub(crate) fn newest_record(&self) -> Result<Vec<Value>> {
        let mut records: Vec<PathBuf> = fs::read_dir(self.path("state/runs"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        records.sort();
        let text = fs::read_to_string(records.last().context("no record")?)?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// Forgets and prunes; how forget ended.
    pub(crate) fn forget(&self) -> Result<Value> {
        let (_, events) = self.maintain()?;
        event(&events, "forget-finished")
    }

    /// The short ids of all snapshots.
    pub(crate) fn snapshots(&self) -> Result<Vec<String>> {
        let listed: Vec<Value> =
            serde_json::from_str(&self.restic(&["--no-lock", "snapshots", "--json"])?)?;
        let mut ids: Vec<String> = listed
            .iter()
            .filter_map(|snapshot| snapshot["short_id"].as_str().map(str::to_owned))
            .collect();
        ids.sort();
        Ok(ids)
    }
}

/// The event of that name.
pub(crate) fn event(events: &[Value], name: &str) -> Result<Value> {
    let found = events.iter().find(|event| event["event"] == name);
    found
        .cloned()
        .with_context(|| format!("no {name} in {events:#?}"))
}

pub(crate) fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}

fn binary() -> Result<String> {
    let program = genbackup().get_program().to_owned();
    Ok(program.to_str().context("the name of the program")?.to_owned())
}

/// The restic that is first in the path of the tests.
fn restic() -> Result<String> {
    let path = std::env::var_os("PATH").context("no PATH")?;
    let found = std::env::split_paths(&path).map(|directory| directory.join("restic"));
    let found = found
        .filter(|program| program.is_file())
        .map(|program| program.display().to_string());
    found.into_iter().next().context("the package restic is missing")
}

//! What the scripts on a client make of its hooks and of its battery, run as emitted, on directories of the
//! tests. restic and the program that knows of the battery are stand-ins: no kernel that the tests meet has a
//! battery.

#![expect(
    clippy::disallowed_methods,
    reason = "the scripts run as systemd would run them, in directories of the test's own"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::{Outcome, genbackup, run};
use crate::scripts::Scripts;

const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "/srv/restic"
password-file = "/etc/genbackup/password"
keep = "7 daily"

[hosts.jak]
include = ["/etc"]

[hosts.jak.power]
on-battery = "skip"

[hosts.jak.before.db]
user = "postgres"
command = ["/usr/bin/dump"]

[hosts.jak.before.list]
user = "root"
command = ["/usr/bin/list"]

[hosts.jak.after.report]
user = "www-data"
command = ["/usr/bin/report"]
"#;
/// Prints its version, or makes a snapshot.
const RESTIC: &str =
    "#!/bin/sh\n[ \"$1\" != version ] || { echo restic 0.14.0; exit; }\ncat >/dev/null; echo saved\n";

/// A client's files, with the directories below `/run` and `/etc` moved.
struct Client {
    scripts: Scripts,
}

impl Client {
    fn new() -> Result<Self> {
        let client = Self {
            scripts: Scripts::emitted(tempfile::tempdir_in("/dev/shm")?, FLEET)?,
        };
        for directory in [
            "cache",
            "run/genbackup/before",
            "run/genbackup/after",
            "run/genbackup/last",
        ] {
            fs::create_dir_all(client.path(directory))?;
        }
        let moved = [
            ("/run/genbackup", "run/genbackup"),
            ("/etc/genbackup/", "etc/genbackup/"),
        ];
        for script in ["backup-restic", "keep-results", "note-result"] {
            client.scripts.moved(script, &moved)?;
        }
        client.program("restic", RESTIC)?;
        client.program("systemctl", "#!/bin/sh\necho systemd 257\n")?;
        client.program("systemd-ac-power", "#!/bin/sh\nexit 0\n")?;
        Ok(client)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scripts.path(name)
    }

    fn program(&self, name: &str, text: &str) -> Result<()> {
        self.scripts.program(name, text)
    }

    fn result(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.path("run/genbackup").join(file), text)?)
    }

    fn bash(&self, script: &str) -> Command {
        let mut bash = self.scripts.bash(script);
        bash.env("CACHE_DIRECTORY", self.path("cache"));
        bash
    }

    /// The lines of the answer to a request, without those of the clock and the kernel. The versions, which
    /// come at any time, are first.
    fn answer(&self) -> Result<Vec<String>> {
        let request = "genbackup/1 backup 1\nsecret\nnames\n";
        let answered = self.scripts.answer(&mut self.bash("backup-restic"), request);
        let Outcome {
            status,
            stdout,
            stderr,
        } = answered?;
        ensure!(status.success(), "{stdout}{stderr}");
        let lines = stdout
            .lines()
            .filter(|line| !line.starts_with("clock ") && !line.starts_with("kernel "))
            .map(str::to_owned);
        let is_version = |line: &String| line.starts_with("hello ") || line.starts_with("systemd ");
        let (versions, others): (Vec<_>, Vec<_>) = lines.partition(is_version);
        Ok([versions, others].concat())
    }

    /// What a hook's result is, with these variables of systemd's.
    fn noted(&self, variables: &[(&str, &str)]) -> Result<String> {
        let mut noting = self.bash("note-result");
        let noted = run(noting.arg("before/db").envs(variables.iter().copied()))?;
        ensure!(noted.status.success(), "{}", noted.stderr);
        Ok(fs::read_to_string(self.path("run/genbackup/before/db"))?)
    }

    fn keep_results(&self) -> Result<()> {
        let kept = run(&mut self.bash("keep-results"))?;
        ensure!(kept.status.success(), "{}", kept.stderr);
        Ok(())
    }
}

#[test]
fn a_backup_does_not_report_hooks_that_succeeded() -> Result<()> {
    let client = Client::new()?;
    client.result("before/db", "ok\n")?;
    client.result("before/list", "ok\n")?;
    client.result("last/report", "ok\n")?;
    assert_eq!(
        client.answer()?,
        [
            "hello restic 0.14.0",
            "systemd systemd 257",
            "out saved",
            "exit 0"
        ]
    );
    Ok(())
}

#[test]
fn each_hook_that_failed_or_did_not_run_is_named_and_the_backup_is_made() -> Result<()> {
    let client = Client::new()?;
    client.result("before/list", "exit status 3\n")?;
    client.result("last/report", "killed by signal KILL\n")?;
    assert_eq!(
        client.answer()?,
        [
            "hello restic 0.14.0",
            "systemd systemd 257",
            "hook before-db did not run",
            "hook before-list exit status 3",
            "hook after-report killed by signal KILL, after the previous backup",
            "out saved",
            "exit 0",
        ]
    );
    Ok(())
}

#[test]
fn on_battery_no_backup_is_made_and_the_answer_has_the_reason() -> Result<()> {
    let client = Client::new()?;
    client.program("systemd-ac-power", "#!/bin/sh\nexit 1\n")?;
    assert_eq!(client.answer()?, ["later it runs on battery"]);
    // If it is unknown, there is no battery.
    client.program("systemd-ac-power", "#!/bin/sh\nexit 127\n")?;
    assert!(client.answer()?.contains(&"exit 0".to_owned()));
    Ok(())
}

#[test]
fn the_result_of_a_hook_is_systemd_s_in_words() -> Result<()> {
    let client = Client::new()?;
    for (variables, expected) in [
        (
            &[
                ("SERVICE_RESULT", "success"),
                ("EXIT_CODE", "exited"),
                ("EXIT_STATUS", "0"),
            ][..],
            "ok\n",
        ),
        (
            &[
                ("SERVICE_RESULT", "exit-code"),
                ("EXIT_CODE", "exited"),
                ("EXIT_STATUS", "3"),
            ],
            "exit status 3\n",
        ),
        (
            &[
                ("SERVICE_RESULT", "signal"),
                ("EXIT_CODE", "killed"),
                ("EXIT_STATUS", "KILL"),
            ],
            "killed by signal KILL\n",
        ),
        (
            &[("SERVICE_RESULT", "timeout"), ("EXIT_STATUS", "TERM")],
            "took longer than its time-limit\n",
        ),
        (&[("SERVICE_RESULT", "oom-kill")], "killed: out of memory\n"),
        (&[("SERVICE_RESULT", "resources")], "resources\n"),
    ] {
        assert_eq!(client.noted(variables)?, expected);
    }
    Ok(())
}

#[test]
fn what_was_not_done_after_a_backup_is_known_at_the_next() -> Result<()> {
    let client = Client::new()?;
    let last = client.path("run/genbackup/last/report");
    // The first backup since the host's start has none before it.
    client.keep_results()?;
    assert!(!last.exists());
    client.keep_results()?;
    assert_eq!(fs::read_to_string(&last)?, "did not run\n");
    client.result("after/report", "ok\n")?;
    client.keep_results()?;
    assert_eq!(fs::read_to_string(&last)?, "ok\n");
    Ok(())
}

#[test]
fn a_hook_of_root_s_is_warned_of() -> Result<()> {
    let client = Client::new()?;
    let checked = run(genbackup()
        .arg("--fleet")
        .arg(client.path("fleet.toml"))
        .args(["check", "--no-exposure"]))?;
    assert!(checked.status.success(), "{}", checked.stderr);
    let warnings: Vec<&str> = checked
        .stdout
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(
        warnings,
        ["warning: hosts.jak.before.list runs as root, without a capability: name another user if possible"]
    );
    Ok(())
}

#[test]
fn a_hook_that_mounts_a_snapshot_is_warned_of() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fleet.toml");
    for (command, program) in [
        (
            r#"["/usr/bin/mount", "-t", "tmpfs", "none", "/var/backups/snap"]"#,
            Some("mount"),
        ),
        (
            r#"["/bin/sh", "-c", "/sbin/lvcreate --snapshot vg/data"]"#,
            Some("lvcreate"),
        ),
        (r#"["/usr/bin/dump", "mount"]"#, None),
    ] {
        fs::write(&file, FLEET.replace(r#"["/usr/bin/dump"]"#, command))?;
        let checked = run(genbackup()
            .arg("--fleet")
            .arg(&file)
            .args(["check", "--no-exposure"]))?;
        assert!(checked.status.success(), "{}", checked.stderr);
        let warned = checked.stdout.lines().find_map(|line| {
            let rest = line.strip_prefix("warning: hosts.jak.before.db runs `")?;
            Some(
                rest.split_once("`: the backup does not see what a hook mounts")?
                    .0
                    .to_owned(),
            )
        });
        assert_eq!(warned.as_deref(), program, "{}", checked.stdout);
    }
    Ok(())
}

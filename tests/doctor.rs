//! What `genbackup doctor` says on a host whose programs are fakes: every check, also when others fail, and in time.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, and the programs that it asks are fakes"
)]

#[path = "support/command.rs"]
mod command;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use command::{Outcome, genbackup, run};

/// A host with these fakes, each a line of sh.
fn doctor(fakes: &[(&str, &str)], arguments: &[&str]) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    for (name, line) in fakes {
        let program = folder.path().join(name);
        fs::write(&program, format!("#!/bin/sh\n{line}\n"))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    let path = std::env::var("PATH").context("no PATH")?;
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml");
    let runs: TempDir = tempfile::tempdir()?;
    run(genbackup()
        .arg("--fleet")
        .arg(fleet)
        .args(["doctor", "--host", "jak", "--runs"])
        .arg(runs.path().join("none"))
        .args(arguments)
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env_remove("CLICOLOR_FORCE"))
}

const FAKES: [(&str, &str); 8] = [
    ("getent", "echo restic:x:850:850::/:/usr/sbin/nologin"),
    ("restic", "echo restic 0.18.0 compiled with go"),
    (
        "systemctl",
        "case $1 in --version) echo 'systemd 257 (257.8)';; *) exit 1;; esac",
    ),
    ("timedatectl", "echo NTPSynchronized=yes"),
    ("exportfs", "echo odd >&2; exit 1"),
    ("jq", "true"),
    ("socat", "true"),
    ("ssh", A_CLIENT),
];
/// It answers to a request whose sender listens on: where the input ends, socat on the client ends the conversation.
const A_CLIENT: &str = r#"exec bash -c '
    read -r request; read -r -t 1 more
    (($? > 128)) && [[ $request == "genbackup/1 doctor" ]] && echo refused this is no request that I know'"#;

fn findings(said: &Outcome) -> Result<Vec<(String, String)>> {
    let all: Value = serde_json::from_str(&said.stdout)?;
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = all.as_array().context("no list")?.iter();
    Ok(all
        .map(|finding| (word(finding, "check"), word(finding, "state")))
        .collect())
}

#[test]
fn every_check_is_made_although_others_fail() -> Result<()> {
    let said = doctor(&FAKES, &["--json"])?;
    assert_eq!(said.status.code(), Some(1), "{}", said.stderr);
    let findings = findings(&said)?;
    for (check, state) in [
        ("user restic", "ok"),
        ("restic", "ok"),
        ("systemd", "ok"),
        ("units", "unknown"),
        ("clock", "ok"),
        ("password file", "failed"),
        ("ssh key", "failed"),
        ("ssh key pair", "unknown"),
        ("repository", "failed"),
        ("room for snapshots", "unknown"),
        ("export", "unknown"),
        ("ssh to kai", "ok"),
        ("ssh to ziz", "ok"),
        ("last jak", "warning"),
    ] {
        let wanted = (check.to_owned(), state.to_owned());
        assert!(findings.contains(&wanted), "{wanted:?} in {findings:#?}");
    }
    Ok(())
}

#[test]
fn the_worst_comes_first_with_its_hint_and_nothing_that_a_terminal_obeys() -> Result<()> {
    let mut fakes = FAKES;
    fakes[7] = ("ssh", "printf '\\033[2Jodd\\n' >&2; exit 255");
    let said = doctor(&fakes, &[])?;
    assert_eq!(said.status.code(), Some(1), "{}", said.stderr);
    let states: Vec<&str> = said
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .filter_map(|line| line.split("  ").next())
        .map(str::trim_end)
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    let rank = |state: &&str| {
        ["failed", "warning", "unknown", "ok"]
            .iter()
            .position(|known| known == state)
    };
    assert!(states.is_sorted_by_key(rank) && states.len() > 10, "{states:?}");
    assert!(
        said.stdout
            .contains("failed   ssh to ziz: it gives no answer: \\u{1b}[2Jodd\n"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("         hint: there: `genbackup doctor`"),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains('\u{1b}'), "{:?}", said.stdout);
    Ok(())
}

#[test]
fn a_program_that_never_ends_costs_its_own_time_and_hides_nothing() -> Result<()> {
    let mut fakes = FAKES;
    fakes[3] = ("timedatectl", "exec sleep 600");
    fakes[4] = ("exportfs", "exec sleep 600");
    let start = Instant::now();
    let said = doctor(&fakes, &["--json"])?;
    // The two were waited for at the same time, exportfs once more for its presence.
    assert!(start.elapsed() < Duration::from_secs(35), "{:?}", start.elapsed());
    let findings = findings(&said)?;
    for (check, state) in [("clock", "unknown"), ("export", "unknown"), ("ssh to ziz", "ok")] {
        let wanted = (check.to_owned(), state.to_owned());
        assert!(findings.contains(&wanted), "{wanted:?} in {findings:#?}");
    }
    Ok(())
}

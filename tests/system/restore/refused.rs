//! Where there is no password, no repository or no right to it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::Storage;
use crate::command::{Outcome, run};
use crate::executable::copy_of_genbackup;

/// The words of the command that the hint on another host names, as bash reads them.
fn command_for_the_storage_host(storage: &Storage, arguments: &[&str]) -> Result<(Vec<String>, Outcome)> {
    let mut elsewhere = storage.there("ziz", env!("CARGO_BIN_EXE_genbackup"));
    let outcome = run(elsewhere.args(["--fleet", "/mnt/fleet.toml"]).args(arguments))?;
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    let (_, command) = outcome
        .stderr
        .split_once("hint: on jak, run as root: `")
        .context("no command")?;
    let command = command.lines().next().unwrap_or_default();
    let command = command.strip_suffix('`').context("no end of the command")?;
    let read = run(Command::new("bash").args(["-c", &format!(r"printf '%s\n' {command}")]))?;
    Ok((read.stdout.lines().map(str::to_owned).collect(), outcome))
}

#[test]
fn elsewhere_the_hint_is_the_command_for_the_storage_host() -> Result<()> {
    let storage = Storage::new()?;
    let to = ["restore", "ziz", "/srv/my files", "/it's", "--to", "my out"];
    let with = |more: &[&'static str]| [&to[..], more].concat();
    for arguments in [
        with(&[]),
        with(&["--at", "2 days ago"]),
        with(&["--snapshot", "01234567"]),
        with(&["--dry-run"]),
        with(&["--overwrite"]),
        with(&["--verify"]),
        vec!["restore", "ziz", "/", "--to=-"],
        vec!["snapshots"],
        vec!["snapshots", "--host", "ziz"],
        vec!["snapshots", "--since", "last friday"],
        vec!["snapshots", "--until", "2026-11-20 04:00"],
        vec!["snapshots", "--json"],
        vec!["adopt"],
        vec![
            "adopt",
            "--host",
            "old host=jak",
            "--host",
            "ziz",
            "--snapshot",
            "01",
            "--yes",
        ],
        vec!["adopt", "--dry-run"],
    ] {
        let (read, outcome) = command_for_the_storage_host(&storage, &arguments)?;
        let (verb, rest) = arguments.split_first().context("no verb")?;
        let expected = [&["genbackup", verb, "--fleet", "/mnt/fleet.toml"], rest].concat();
        assert_eq!(read, expected);
        let brings = *verb == "restore" && !arguments.contains(&"--dry-run");
        assert_eq!(outcome.stderr.contains("`ssh jak tar "), brings, "{outcome:?}");
    }
    let (_, outcome) = command_for_the_storage_host(&storage, &to)?;
    assert!(
        outcome
            .stderr
            .contains(r"ziz '/srv/my files' $'/it\'s' --to 'my out'"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_machine_whose_name_is_in_upper_case_is_the_host_of_the_fleet() -> Result<()> {
    let storage = Storage::with_repository()?;
    for name in ["JAK", "Jak.Example.net"] {
        for words in [&["snapshots"][..], &["emit", "--root", "/mnt/root", "--force"]] {
            let mut there = storage.there(name, env!("CARGO_BIN_EXE_genbackup"));
            let outcome = run(there.args(["--fleet", "/mnt/fleet.toml"]).args(words))?;
            assert!(outcome.status.success(), "{name} {words:?}: {outcome:?}");
        }
    }
    let mut there = storage.there("JAK", env!("CARGO_BIN_EXE_genbackup"));
    let outcome = run(there.args(["--fleet", "/mnt/new.toml", "init"]))?;
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(fs::read_to_string(storage.path("new.toml"))?.contains("host = \"jak\""));
    Ok(())
}

#[test]
fn a_user_who_is_not_root_gets_a_command_for_sudo() -> Result<()> {
    let storage = Storage::new()?;
    // Where nobody else may look in, as below a target directory.
    let program = storage.path("genbackup");
    copy_of_genbackup(&program)?;
    let mut nobody = storage.there("jak", "setpriv");
    nobody
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "/mnt/genbackup",
        ])
        .args(["--fleet", "/mnt/fleet.toml", "snapshots", "--host", "ziz"]);
    let outcome = run(&mut nobody)?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome.stderr
            .contains("only root can read the password file /mnt/password\n\nhint: run `sudo genbackup snapshots --fleet /mnt/fleet.toml --host ziz`\n"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_missing_or_empty_password_file_is_named() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("password"), "")?;
    let empty = storage.outcome(&["snapshots"])?;
    assert!(
        empty
            .stderr
            .contains("the password file /mnt/password is missing or empty"),
        "{empty:?}"
    );
    fs::remove_file(storage.path("password"))?;
    let missing = storage.outcome(&["snapshots"])?;
    assert!(
        missing
            .stderr
            .contains("\n\nhint: unlock or mount its file system"),
        "{missing:?}"
    );
    Ok(())
}

#[test]
fn what_restic_refuses_ends_with_its_reason_and_its_exit_status() -> Result<()> {
    let storage = Storage::new()?;
    let same = |arguments: &[&str], reason: &str| -> Result<()> {
        let theirs = run(storage.plain_restic().arg("snapshots"))?;
        let ours = storage.outcome(arguments)?;
        assert_eq!(ours.status.code(), theirs.status.code(), "{ours:?}");
        assert!(!ours.status.success() && ours.stderr.contains(reason), "{ours:?}");
        Ok(())
    };
    same(&["snapshots"], "unable to open config file")?;
    same(
        &["snapshots"],
        "\n\nhint: check that the file system of the repository is mounted",
    )?;
    storage.restic(&["init"])?;
    fs::write(storage.path("password"), "another\n")?;
    same(&["snapshots"], "wrong password or no key found")?;
    let hint = "\n\nhint: write the password of the repository `/mnt/restic` into `/mnt/password`";
    same(&["snapshots"], hint)?;
    same(&["restore", "ziz", "/", "--to", "/mnt/back"], hint)?;
    same(
        &["restore", "ziz", "/", "--to", "/mnt/back"],
        "wrong password or no key found",
    )?;

    for status in [10, 11, 12, 130] {
        storage.stand_in(&format!("echo 'Fatal: no' >&2; exit {status}"))?;
        let outcome = run(storage.with_stand_in().arg("snapshots"))?;
        assert_eq!(outcome.status.code(), Some(status));
        assert!(outcome.stderr.contains("Fatal: no"), "{outcome:?}");
    }
    Ok(())
}

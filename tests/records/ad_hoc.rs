//! What `genbackup record` leaves behind of a command, and what the command notices of it: nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on commands that are real"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use genbackup::runs::record::{self, Phase, Run, RunId, Status};
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};

fn directory() -> Result<TempDir> {
    Ok(tempfile::tempdir()?)
}

/// `genbackup record PHASE --runs DIRECTORY -- COMMAND…`
fn recorded(directory: &Path, phase: &str, words: &[&str]) -> Command {
    let mut command = genbackup();
    command.args(["record", phase, "--runs"]).arg(directory);
    command.arg("--").args(words);
    command
}

fn shell(directory: &Path, script: &str) -> Result<Outcome> {
    run(&mut recorded(directory, "offsite", &["/bin/sh", "-c", script]))
}

fn records(directory: &Path) -> Result<Vec<Run>> {
    let read = |id: RunId| Ok(Run::read(id, record::open(directory, id)?)?);
    record::list(directory)?.into_iter().map(read).collect()
}

/// The result and the reason in the only record.
fn result_in(directory: &Path, phase: Phase) -> Result<(Status, Option<String>)> {
    let records = records(directory)?;
    ensure!(records.len() == 1, "{records:?}");
    let run = records.first().context("no record")?;
    assert!(run.is_ad_hoc && run.is_finished(), "{run:?}");
    assert_eq!(run.bad_lines.count, 0);
    let done = run.phases.get(&phase).context("no such phase")?;
    let why = done.finished.as_ref().and_then(|finished| finished.why.clone());
    Ok((done.status().clone(), why))
}

/// A command as the last words of a program that starts it, in the same environment.
fn started_by(program: &str, words: &[&str], command: &Command) -> Command {
    let mut starter = Command::new(program);
    starter
        .args(words)
        .arg(command.get_program())
        .args(command.get_args());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => starter.env(variable, value),
            None => starter.env_remove(variable),
        };
    }
    starter
}

/// A command that has printed `ready`, in a separate process group. It ignores no signal, also when a shell
/// started the tests in the background and so ignores SIGINT.
fn started(command: &Command) -> Result<Child> {
    let mut child = started_by("env", &["--default-signal"], command)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut line)?;
    ensure!(line == "ready\n", "{line}");
    Ok(child)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

#[test]
fn a_successful_command_is_recorded_and_keeps_its_streams() -> Result<()> {
    for phase in Phase::AD_HOC {
        let directory = directory()?;
        let before = Timestamp::now();
        let script = "cat; printf 'a\\0\\033[1m%s' \"$1\"; echo \"$WORD\" >&2";
        let mut command = recorded(
            directory.path(),
            phase.name(),
            &["sh", "-c", script, "sh", "--runs * $HOME"],
        );
        let mut child = command
            .env("WORD", "complaint")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no input")?.write_all(b"input\n")?;
        let output = child.wait_with_output()?;
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stdout, b"input\na\0\x1b[1m--runs * $HOME");
        assert_eq!(output.stderr, b"complaint\n");
        assert_eq!(result_in(directory.path(), phase)?, (Status::Ok, None));
        let records = records(directory.path())?;
        let run = records.first().context("no record")?;
        assert!(run.id >= RunId::at(before) && run.id.start() <= Timestamp::now());
        assert_eq!(run.versions["genbackup"], env!("CARGO_PKG_VERSION"));
        let done = run.phases.get(&phase).and_then(|done| done.finished.as_ref());
        let done = done.context("it has no end")?;
        assert_eq!(done.exit_code, Some(0));
        assert!(
            done.seconds.is_some_and(|seconds| (0.0..60.0).contains(&seconds)),
            "{done:?}"
        );
        // The mode is that of the scripts' records, and there is no other file.
        let entries: Vec<_> = fs::read_dir(directory.path())?.collect::<Result<_, _>>()?;
        let [entry] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(entry.metadata()?.permissions().mode() & 0o7777, 0o640);
    }
    Ok(())
}

#[test]
fn a_command_that_fails_keeps_its_exit_status() -> Result<()> {
    for (script, status, why) in [
        ("exit 3", 3, "/bin/sh exited with 3"),
        ("exit 255", 255, "/bin/sh exited with 255"),
        ("kill -KILL $$", 137, "/bin/sh was killed by SIGKILL"),
        ("kill -TERM $$", 143, "/bin/sh was killed by SIGTERM"),
    ] {
        let directory = directory()?;
        let ended = shell(directory.path(), script)?;
        assert_eq!(ended.status.code(), Some(status), "{script}");
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
        assert_eq!(
            result_in(directory.path(), Phase::Offsite)?,
            (Status::Failed, Some(why.to_owned()))
        );
    }
    Ok(())
}

#[test]
fn a_command_that_can_not_be_started_has_failed() -> Result<()> {
    for (program, status, why) in [
        ("/no/such/program", 127, "No such file or directory (os error 2)"),
        ("/etc/passwd", 126, "Permission denied (os error 13)"),
    ] {
        let directory = directory()?;
        let ended = run(&mut recorded(directory.path(), "drill", &[program, "word"]))?;
        let why = format!("cannot start {program}: {why}");
        assert_eq!(ended.status.code(), Some(status));
        assert_eq!(ended.stderr, format!("error: {why}\n"));
        assert_eq!(
            result_in(directory.path(), Phase::Drill)?,
            (Status::Failed, Some(why))
        );
    }
    Ok(())
}

#[test]
fn what_is_stopped_with_its_command_writes_down_that_it_was() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let directory = directory()?;
        // Its input ends with our waiting for it, which only one that the signal did not reach lives to see.
        let words = ["sh", "-c", "echo ready; exec cat"];
        let mut child = started(&recorded(directory.path(), "offsite", &words))?;
        killpg(pid(&child), signal)?;
        assert_eq!(child.wait()?.code(), Some(128 + signal as i32));
        let why = format!("sh was killed by {signal}, stopped by {signal}");
        assert_eq!(
            result_in(directory.path(), Phase::Offsite)?,
            (Status::Interrupted, Some(why))
        );
    }
    // One that ends in its own way.
    let directory = directory()?;
    let words = ["sh", "-c", "trap 'exit 7' TERM; echo ready; read -r _"];
    let mut child = started(&recorded(directory.path(), "offsite", &words))?;
    killpg(pid(&child), Signal::SIGTERM)?;
    assert_eq!(child.wait()?.code(), Some(7));
    let why = "sh exited with 7, stopped by SIGTERM".to_owned();
    assert_eq!(
        result_in(directory.path(), Phase::Offsite)?,
        (Status::Interrupted, Some(why))
    );
    Ok(())
}

#[test]
fn a_signal_to_record_alone_leaves_the_command_running() -> Result<()> {
    let directory = directory()?;
    let words = ["sh", "-c", "echo ready; read -r _"];
    let mut child = started(&recorded(directory.path(), "check", &words))?;
    kill(pid(&child), Signal::SIGTERM)?;
    assert_eq!(records(directory.path())?, []);
    child.stdin.take().context("no input")?.write_all(b"go on\n")?;
    assert_eq!(child.wait()?.code(), Some(0));
    assert_eq!(result_in(directory.path(), Phase::Check)?, (Status::Ok, None));
    Ok(())
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() -> Result<()> {
    let directory = directory()?;
    // As with nohup(1). Both processes get the signal. A process with a handler would get it, and its child
    // would not ignore it.
    let script = "trap '' HUP; exec \"$@\"";
    let recorded = recorded(
        directory.path(),
        "offsite",
        &["sh", "-c", "kill -HUP $$ $PPID; exit 3"],
    );
    let ended = run(&mut started_by("sh", &["-c", script, "sh"], &recorded))?;
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    let why = "sh exited with 3".to_owned();
    assert_eq!(
        result_in(directory.path(), Phase::Offsite)?,
        (Status::Failed, Some(why))
    );
    Ok(())
}

#[test]
fn where_no_record_can_be_left_nothing_is_started() -> Result<()> {
    let directory = directory()?;
    let absent = directory.path().join("absent");
    let file = directory.path().join("file");
    fs::write(&file, "")?;
    for (runs, hint) in [
        (
            absent.as_path(),
            "hint: run this on the storage host, where `genbackup emit --now` makes the directory; `--runs DIR` names another\n",
        ),
        (&file, "\n"),
        // Not even root writes there.
        (Path::new("/proc/self"), "; `--runs DIR` names another\n"),
    ] {
        let mark = directory.path().join("mark");
        let words = ["touch", mark.to_str().context("a directory's name")?];
        let ended = run(&mut recorded(runs, "offsite", &words))?;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        let begin = format!(
            "error: the command was not started, because it cannot be recorded: cannot write into `{}`: ",
            runs.display()
        );
        assert!(ended.stderr.starts_with(&begin), "{}", ended.stderr);
        assert!(ended.stderr.ends_with(hint), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("hint: "), runs != file, "{}", ended.stderr);
        assert!(!mark.exists());
    }
    Ok(())
}

#[test]
fn a_record_that_can_not_be_written_afterwards_hides_no_result() -> Result<()> {
    for (code, status, how) in [(0, 1, "the command succeeded"), (5, 5, "/bin/sh exited with 5")] {
        let directory = directory()?;
        let runs = directory.path().join("runs");
        fs::create_dir(&runs)?;
        let ended = shell(&runs, &format!("rmdir {}; exit {code}", runs.display()))?;
        assert_eq!(ended.status.code(), Some(status));
        assert!(
            ended.stderr.starts_with(&format!(
                "error: cannot record this offsite: cannot write into `{}`: ",
                runs.display()
            )),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.ends_with(&format!("; {how}\n")), "{}", ended.stderr);
    }
    Ok(())
}

#[test]
fn those_of_one_second_have_a_name_each_and_none_is_from_the_future() -> Result<()> {
    let directory = directory()?;
    // A run begins, or began, in this second and the next ones.
    let taken: Vec<RunId> = (0..3)
        .scan(RunId::at(Timestamp::now()), |id, _| {
            Some(std::mem::replace(id, id.next()))
        })
        .collect();
    for id in &taken {
        fs::write(directory.path().join(record::file_name(*id)), "a run's own\n")?;
    }
    let children: Vec<Child> = (0..3)
        .map(|_| recorded(directory.path(), "offsite", &["true"]).spawn())
        .collect::<Result<_, _>>()?;
    for mut child in children {
        assert_eq!(child.wait()?.code(), Some(0));
    }
    let all = record::list(directory.path())?;
    assert_eq!(all.len(), 6, "{all:?}");
    let now = Timestamp::now();
    assert!(all.iter().all(|id| id.start() <= now), "{all:?} at {now}");
    for id in all {
        let text = fs::read_to_string(directory.path().join(record::file_name(id)))?;
        if taken.contains(&id) {
            assert_eq!(text, "a run's own\n");
        } else {
            assert!(text.contains(&format!("\"run\":\"{id}\"")), "{id}: {text}");
        }
    }
    Ok(())
}

#[test]
fn files_of_root_belong_to_the_owner_of_the_directory() -> Result<()> {
    if !geteuid().is_root() {
        // Files of another user than root already belong to that user.
        return Ok(());
    }
    let directory = directory()?;
    chown(directory.path(), Some(4321), Some(1234))?;
    assert_eq!(shell(directory.path(), "true")?.status.code(), Some(0));
    let id = record::list(directory.path())?
        .first()
        .copied()
        .context("no record")?;
    let metadata = fs::metadata(directory.path().join(record::file_name(id)))?;
    assert_eq!(
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
        (4321, 1234, 0o640)
    );
    Ok(())
}

#[test]
fn other_phases_and_no_command_are_refused() -> Result<()> {
    let directory = directory()?;
    for (phase, words, complaint) in [
        (
            "forget",
            &["true"][..],
            "[possible values: check, drill, offsite]",
        ),
        ("offsite", &[], "<COMMAND>..."),
    ] {
        let ended = run(&mut recorded(directory.path(), phase, words))?;
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.stderr.contains(complaint), "{}", ended.stderr);
        assert_eq!(records(directory.path())?, []);
    }
    Ok(())
}

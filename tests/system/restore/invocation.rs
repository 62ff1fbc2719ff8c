//! How restic is invoked, and what is shown of its progress, by a stand-in that prints what restic 0.18 does.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PASSWORD, Storage, UID};
use crate::command::run;
use crate::pty::terminal;

/// Answers what is asked before files come back; then does what the test sets.
const ANSWERS: &str = r#"
[[ $1 != version ]] || { echo "restic VERSION compiled with go1.24.4 on linux/amd64"; exit; }
case " $* " in
*" snapshots "*)
    echo '[{"time":"2026-11-20T04:00:00Z","hostname":"ziz","paths":["/srv"],"tags":["genbackup"],"id":"0123456789abcdef",
           "summary":{"total_bytes_processed":4096,"data_added":1024}}]'
    exit ;;
*" ls "*)
    echo '{"struct_type":"node","type":"file","path":"/srv/a*","size":4096,"mtime":"2026-11-20T04:00:00Z"}'
    exit ;;
esac
"#;

const PROGRESS: &str = r#"
echo '{"message_type":"status","seconds_elapsed":1,"percent_done":0.5,"total_files":4,"files_restored":2,"total_bytes":2000,"bytes_restored":1000}'
echo '{"message_type":"error","error":{"message":"a complaint \u001b[31m"},"during":"restore","item":"/srv/b"}' >&2
echo '{"message_type":"summary","seconds_elapsed":2,"total_files":4,"files_restored":4,"total_bytes":2000,"bytes_restored":2000}'
"#;

pub(crate) const WORDS: [&str; 5] = ["restore", "ziz", "/srv/a*", "--to", "/mnt/back"];

pub(crate) fn stand_in(version: &str, script: &str) -> Result<Storage> {
    let storage = Storage::new()?;
    storage.stand_in(&(ANSWERS.replace("VERSION", version) + script))?;
    Ok(storage)
}

#[test]
fn restic_runs_as_its_user_with_its_lock_and_a_password_file() -> Result<()> {
    let notes = "cd /tmp/genbackup-target; { printf '%s\\n' \"$*\"; id --user; id --groups; grep --text CapEff /proc/self/status; env; cat \"$RESTIC_PASSWORD_FILE\" | wc -l; } >notes; ls -l /proc/self/fd >>notes";
    for (version, own) in [
        ("0.14.0", &[][..]),
        (
            "0.18.0-dev (compiled manually)",
            &["--json", "--sparse", "--overwrite never"],
        ),
    ] {
        let storage = stand_in(version, notes)?;
        let mut command = storage.with_stand_in();
        command
            .args(WORDS)
            .env("RESTIC_PASSWORD_COMMAND", "false")
            .env("RESTIC_REPOSITORY", "/elsewhere");
        let outcome = run(&mut command)?;
        assert!(outcome.status.success(), "{outcome:?}");
        let text = std::fs::read_to_string(storage.path("back/notes"))?;
        let mut lines = text.lines();
        let arguments = lines.next().context("nothing was noted")?;
        let expected = "--no-cache --repo /tmp/genbackup-repository restore 0123456789abcdef --target \
                        /tmp/genbackup-target --include=/srv/a\\*";
        assert!(arguments.starts_with(expected), "{arguments}");
        for option in ["--json", "--sparse", "--overwrite never", "--no-lock"] {
            assert_eq!(
                arguments.contains(option),
                own.contains(&option),
                "{version}: {option}: {arguments}"
            );
        }
        assert_eq!(lines.next(), Some(&*UID.to_string()));
        assert_eq!(lines.next(), Some(&*UID.to_string()));
        // chown, dac_override, dac_read_search, fowner, fsetid, mknod, setfcap.
        assert_eq!(lines.next(), Some("CapEff:\t000000008800001f"));
        assert!(
            !text.contains(PASSWORD)
                && !text.contains("RESTIC_PASSWORD_COMMAND")
                && !text.contains("elsewhere"),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn a_lock_of_prune_is_named_and_so_is_what_restic_died_of() -> Result<()> {
    let dies = "echo 'Fatal: unable to create lock in backend: repository is already locked exclusively by PID 7' >&2
                echo 'the `unlock` command can be used to remove stale locks' >&2; exit 11";
    let outcome = run(stand_in("0.18.0", dies)?.with_stand_in().args(WORDS))?;
    assert_eq!(outcome.status.code(), Some(11));
    assert!(
        outcome.stderr.contains("error: the restore to /mnt/back is incomplete: restic exited with 11: Fatal: unable to create lock")
            && outcome.stderr.ends_with("hint: forget or prune is running; try again when it has ended\n"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn without_a_terminal_progress_is_plain_lines() -> Result<()> {
    let storage = stand_in("0.18.0", PROGRESS)?;
    let outcome = run(storage.with_stand_in().args(WORDS))?;
    assert!(outcome.status.success(), "{outcome:?}");
    // It prints them on two outputs, and either may be read first.
    let mut lines: Vec<&str> = outcome.stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "/srv/b: a complaint \\u{1b}[31m",
            "50%: 2 of 4 files, 1000 B of 2.0 KiB"
        ]
    );
    assert_eq!(
        outcome.stdout,
        "snapshot 01234567 of ziz, 2026-11-20 04:00\nrestored 4 files, 2.0 KiB to /mnt/back\n"
    );
    Ok(())
}

/// The shell that starts restic is made slower than restic, so that restic has ended before the shell goes on.
#[test]
fn the_shell_that_starts_restic_prints_nothing_if_restic_ends_soon() -> Result<()> {
    let mut guard = Command::new("bash")
        .args([
            "-c",
            include_str!("../../../src/repository/restic/guard.bash"),
            "guard",
            "3",
            "5",
        ])
        .env("BASH_FUNC_trap%%", "() { sleep 0.3; builtin trap \"$@\"; }")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut words = guard.stdin.take().context("no input")?;
    words.write_all(b"sh\0-c\0echo restored; echo complaint >&2\0")?;
    let outcome = guard.wait_with_output()?;
    drop(words);
    assert!(outcome.status.success(), "{outcome:?}");
    assert_eq!(String::from_utf8(outcome.stdout)?, "restored\n");
    assert_eq!(String::from_utf8(outcome.stderr)?, "complaint\n");
    Ok(())
}

#[test]
fn a_target_that_is_backed_up_again_is_named() -> Result<()> {
    let storage = stand_in("0.18.0", "")?;
    let fleet = std::fs::read_to_string(storage.path("fleet.toml"))?;
    let include = "include = [\"/mnt/data\"]\nexclude = [\"/mnt/data/cache\"]";
    let fleet = fleet.replace("include = [\"/etc\"]", include);
    std::fs::write(storage.path("fleet.toml"), fleet)?;
    for (target, is_named) in [
        ("/mnt/data/back", true),
        ("/mnt/data/cache/back", false),
        ("/mnt/back", false),
    ] {
        let words = ["restore", "ziz", "/srv/a*", "--to", target, "--dry-run"];
        let outcome = run(storage.with_stand_in().args(words))?;
        assert!(outcome.status.success(), "{outcome:?}");
        let note = format!("note: the next backup of jak saves {target} again; ");
        assert_eq!(outcome.stderr.contains(&note), is_named, "{outcome:?}");
    }
    Ok(())
}

#[test]
fn sizes_are_listed_if_restic_reports_them() -> Result<()> {
    let storage = stand_in("0.18.0", "")?;
    let listed = || anyhow::Ok(run(storage.with_stand_in().arg("snapshots"))?.stdout);
    let with = listed()?;
    assert!(
        ["SIZE", "ADDED", "4.0 KiB", "1.0 KiB"]
            .iter()
            .all(|word| with.contains(word)),
        "{with}"
    );
    let summary = ",\n           \"summary\":{\"total_bytes_processed\":4096,\"data_added\":1024}";
    assert!(ANSWERS.contains(summary));
    storage.stand_in(&ANSWERS.replace(summary, ""))?;
    let without = listed()?;
    assert_eq!(
        without,
        "HOST  TIME              ID        MARK  PATHS\nziz   2026-11-20 04:00  01234567  -     /srv\n\n- its host is not in the fleet file\n"
    );
    Ok(())
}

#[test]
fn one_file_is_no_files() -> Result<()> {
    let one = PROGRESS
        .replace("_files\":4", "_files\":1")
        .replace("restored\":4", "restored\":1");
    let storage = stand_in("0.18.0", &one)?;
    let outcome = run(storage.with_stand_in().args(WORDS))?;
    assert!(
        outcome
            .stdout
            .ends_with("restored 1 file, 2.0 KiB to /mnt/back\n"),
        "{outcome:?}"
    );
    let dry = run(storage.with_stand_in().args(WORDS).arg("--dry-run"))?;
    assert!(
        dry.stdout.contains("would restore 1 file, 4.0 KiB to "),
        "{dry:?}"
    );
    Ok(())
}

#[test]
fn a_restic_that_reports_no_progress_gets_no_bar() -> Result<()> {
    let storage = stand_in("0.14.0", "echo 'restoring to /mnt/back'; read -r _ </mnt/go")?;
    make_fifo(&storage.path("go"))?;
    let printed = on_a_terminal(&storage, "does not report its progress")?;
    assert!(printed.contains("restoring to /mnt/back"), "{printed:?}");
    assert!(!printed.contains(" left"), "{printed:?}");
    Ok(())
}

#[test]
fn on_a_terminal_a_bar_shows_progress_and_is_cleared() -> Result<()> {
    // It waits for `go`: until then the bar stays.
    let storage = stand_in(
        "0.18.0",
        &PROGRESS.replace(
            "echo '{\"message_type\":\"summary",
            "read -r _ </mnt/go\necho '{\"message_type\":\"summary",
        ),
    )?;
    make_fifo(&storage.path("go"))?;
    let printed = on_a_terminal(&storage, "2 of 4 files, 1000 B")?;
    assert!(printed.contains("/srv/b: a complaint \\u{1b}[31m"), "{printed:?}");
    // Colours are what ends in `m`; a bar moves and clears, which does not.
    let colour = printed.split('\u{1b}').skip(1).any(|part| {
        part.trim_start_matches(|c: char| "[;".contains(c) || c.is_ascii_digit())
            .starts_with('m')
    });
    assert!(!colour, "{printed:?}");
    assert!(
        printed.trim_end().ends_with("\u{1b}[2K"),
        "the bar is cleared: {printed:?}"
    );
    Ok(())
}

pub(crate) fn make_fifo(path: &Path) -> Result<()> {
    Ok(nix::unistd::mkfifo(
        path,
        nix::sys::stat::Mode::from_bits_truncate(0o666),
    )?)
}

/// What a restore writes to a terminal. restic waits for `go`, which the test writes when a text is to be
/// seen.
fn on_a_terminal(storage: &Storage, until: &str) -> Result<String> {
    let (mut master, slave) = terminal(80)?;
    let mut command = storage.with_stand_in();
    command
        .args(WORDS)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::from(slave));
    let mut child = command.spawn()?;
    drop(command);
    let (mut printed, mut chunk, mut may_go) = (String::new(), [0; 4096], false);
    // A terminal that nobody else has open is an error to read (EIO), and the end.
    while let Ok(length @ 1..) = master.read(&mut chunk) {
        printed.push_str(&String::from_utf8_lossy(&chunk[..length]));
        if !may_go && printed.contains(until) {
            std::fs::write(storage.path("go"), "\n")?;
            may_go = true;
        }
    }
    ensure!(child.wait()?.success() && may_go, "{printed:?}");
    Ok(printed)
}

#[test]
fn a_signal_stops_restic_the_way_that_removes_its_lock() -> Result<()> {
    // restic clears the line of its own progress, also where there is none.
    let script = r"trap 'kill $!; printf '\''\e[2Kinterrupted\n'\'' >&2; exit 130' INT
        read -r _ <>/mnt/never >/dev/null 2>&1 & echo running >&2; wait";
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let storage = stand_in("0.18.0", script)?;
        make_fifo(&storage.path("never"))?;
        let mut command = storage.with_stand_in();
        command.args(WORDS).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        assert_eq!(lines.next().transpose()?.as_deref(), Some("running"));
        kill(Pid::from_raw(child.id().cast_signed()), signal)?;
        let rest: Vec<String> = lines.collect::<Result<_, _>>()?;
        assert_eq!(
            rest.first().map(String::as_str),
            Some("interrupted"),
            "{signal}: {rest:?}"
        );
        assert_eq!(child.wait()?.code(), Some(130), "{signal}");
    }
    Ok(())
}

//! What restic may do while it restores, with a stand-in for systemd-run; a story shows the same of a real one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::invocation::{WORDS, stand_in};
use super::{PASSWORD, Storage};
use crate::command::{Outcome, run};
use crate::crafted::{self, Node};

/// A repository with a snapshot of ziz that has a path twice: first a link to a directory outside, then a
/// directory with a file that is to come there. Next to it is another file.
fn with_crafted_snapshot(target: &str) -> Result<Storage> {
    let storage = Storage::with_repository()?;
    let evil = [
        Node::Linked("another", "x"),
        Node::Link("evil", target),
        Node::Directory("evil", vec![Node::Linked("planted", "x")]),
    ];
    let root = [
        Node::Directory("etc", vec![Node::File("good", "y")]),
        Node::Directory("srv", Vec::from(evil)),
    ];
    crafted::snapshot(&storage.path("restic"), PASSWORD, "ziz", &root)?;
    Ok(storage)
}

#[test]
fn a_path_that_a_snapshot_names_twice_is_refused_by_name() -> Result<()> {
    let storage = with_crafted_snapshot("/mnt/victim")?;
    fs::create_dir(storage.path("victim"))?;
    for path in ["/", "/srv", "/srv/evil", "/srv/evil/planted"] {
        for more in [&[][..], &["--dry-run"], &["--no-sandbox"]] {
            let words = [&["restore", "ziz", path, "--to", "/mnt/back"], more].concat();
            let outcome = storage.outcome(&words)?;
            assert_eq!(outcome.status.code(), Some(1), "{words:?}: {outcome:?}");
            assert!(
                outcome
                    .stderr
                    .contains("names a path twice, which no backup does: /srv/evil;")
                    && outcome.stderr.contains("\n\nhint: to restore other files of it"),
                "{words:?}: {outcome:?}"
            );
            assert!(!storage.path("back").exists(), "{words:?}");
        }
    }
    storage.prints(&["restore", "ziz", "/etc", "/srv/another", "--to", "/mnt/back"])?;
    assert_eq!(fs::read_to_string(storage.path("back/etc/good"))?, "y");
    assert_eq!(fs::read_to_string(storage.path("back/srv/another"))?, "x");
    assert!(!storage.path("back/srv/evil").exists());
    assert_eq!(fs::read_dir(storage.path("victim"))?.count(), 0);
    Ok(())
}

#[test]
fn restic_writes_below_the_target_and_its_lock_and_nowhere_else() -> Result<()> {
    let tries = "for place in /tmp/genbackup-target /tmp/genbackup-repository/locks /tmp/genbackup-repository /mnt/restic /mnt /etc; do
        { : >$place/written; } 2>/dev/null && echo \"wrote $place/written\"; done; exit 0";
    let storage = stand_in("0.14.0", tries)?;
    let outcome = run(storage.with_stand_in().args(WORDS))?;
    let wrote: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("wrote "))
        .collect();
    // With the names that they have outside.
    assert_eq!(
        wrote,
        ["wrote /mnt/back/written", "wrote /mnt/restic/locks/written"],
        "{outcome:?}"
    );
    let unit = fs::read_to_string(storage.path("unit"))?;
    for property in [
        "ProtectSystem=strict",
        "PrivateNetwork=yes",
        "NoNewPrivileges=yes",
        "MemoryDenyWriteExecute=yes",
        "User=12345",
    ] {
        assert!(
            unit.contains(&format!("--property={property}\n")),
            "{property}: {unit}"
        );
    }
    assert!(!unit.contains(PASSWORD), "{unit}");
    Ok(())
}

#[test]
fn without_systemd_a_restore_takes_an_extra_option() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/file"), "x")?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let without = |more: &[&str]| -> Result<Outcome> {
        let mut command = storage.there("jak", "sh");
        let script = r#"rmdir /run/systemd/system && exec "$@""#;
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_genbackup")]);
        command.args([
            "--fleet",
            "/mnt/fleet.toml",
            "restore",
            "ziz",
            "/",
            "--to",
            "/mnt/back",
        ]);
        run(command.args(more))
    };
    let refused = without(&[])?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("error: systemd is not running (/run/systemd/system is missing)")
            && refused
                .stderr
                .contains("hint: add `--no-sandbox` to restore without a sandbox"),
        "{refused:?}"
    );
    assert!(!storage.path("back").exists());
    let outcome = without(&["--no-sandbox"])?;
    assert!(outcome.status.success(), "{outcome:?}");
    assert_eq!(fs::read_to_string(storage.path("back/mnt/data/file"))?, "x");
    assert!(!storage.path("unit").exists(), "no unit was started");
    Ok(())
}

/// The program, with its repository as a shell script leaves it.
fn prepared(storage: &Storage, script: &str) -> Command {
    let mut command = storage.there("jak", "bash");
    command.args(["-c", &format!("set -e\n{script}\nexec \"$@\""), "bash"]);
    command.args([env!("CARGO_BIN_EXE_genbackup"), "--fleet", "/mnt/fleet.toml"]);
    command
}

#[test]
fn a_repository_that_cannot_be_written_is_read_without_a_lock() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("data/file"), "x")?;
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let read_only = "mount --bind /mnt/restic /mnt/restic; mount -o remount,bind,ro /mnt/restic /mnt/restic";
    let full = "mount -t tmpfs -o size=4M tmpfs /srv; cp --archive /mnt/restic/. /srv; chown 12345 /srv
                head --bytes=8M /dev/zero >/srv/filler 2>/dev/null || mount --bind /srv /mnt/restic";
    for (script, why) in [
        (read_only, "Read-only file system"),
        (full, "No space left on device"),
    ] {
        drop(fs::remove_dir_all(storage.path("back")));
        let outcome = run(prepared(&storage, script).args(["restore", "ziz", "/", "--to", "/mnt/back"]))?;
        assert!(outcome.status.success(), "{outcome:?}");
        let note = format!("note: restic cannot write its lock into the repository ({why})");
        assert!(outcome.stderr.contains(&note), "{outcome:?}");
        assert_eq!(fs::read_to_string(storage.path("back/mnt/data/file"))?, "x");
    }
    Ok(())
}

#[test]
fn equal_errors_are_counted() -> Result<()> {
    let complains = "for i in 1 2 3; do echo 'no space left on device' >&2; done; echo other >&2; exit 1";
    let outcome = run(stand_in("0.18.0", complains)?.with_stand_in().args(WORDS))?;
    let lines: Vec<&str> = outcome.stderr.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "no space left on device",
            "other",
            "3 times: no space left on device"
        ],
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_directory_above_the_target_belongs_to_root_or_is_sticky() -> Result<()> {
    let storage = stand_in("0.18.0", "")?;
    let above = storage.path("above");
    fs::create_dir(&above)?;
    let restored = |mode: u32, owner: u32| -> Result<Outcome> {
        drop(fs::remove_dir_all(above.join("a")));
        chown(&above, Some(owner), Some(0))?;
        fs::set_permissions(&above, fs::Permissions::from_mode(mode))?;
        run(storage
            .with_stand_in()
            .args(["restore", "ziz", "/srv/a*", "--to", "/mnt/above/a/b"]))
    };
    for (mode, owner, why) in [
        (
            0o755,
            1000,
            "error: /mnt/above belongs to user 1000: what is below it could",
        ),
        (
            0o1777,
            1000,
            "error: /mnt/above belongs to user 1000: what is below it could",
        ),
        (
            0o775,
            0,
            "error: /mnt/above has mode 0775, so others can write to it",
        ),
        (
            0o757,
            0,
            "error: /mnt/above has mode 0757, so others can write to it",
        ),
    ] {
        let outcome = restored(mode, owner)?;
        assert!(outcome.stderr.contains(why), "{mode:o} {owner}: {outcome:?}");
        assert!(!above.join("a").exists());
    }
    for mode in [0o755, 0o1777] {
        let outcome = restored(mode, 0)?;
        assert!(outcome.status.success(), "{mode:o}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn a_name_that_is_not_utf8_comes_back_to_a_target_that_is_not() -> Result<()> {
    let storage = Storage::with_repository()?;
    for name in [&b"l\xff"[..], b"l\xfe"] {
        fs::write(storage.path("data").join(OsStr::from_bytes(name)), name)?;
    }
    storage.backup("ziz", "2026-11-20 04:00:00", "genbackup")?;
    let target = OsStr::from_bytes(b"it's %h: $x \"y\\ \xff");
    let restored = |path: &[u8]| {
        let mut command = storage.genbackup();
        command.args(["restore", "ziz"]).arg(OsStr::from_bytes(path));
        run(command.arg("--to").arg(target))
    };
    let outcome = restored(b"/mnt/data/l\xff")?;
    assert!(outcome.status.success(), "{outcome:?}");
    let back = storage.directory.path().join(target).join("mnt/data");
    let names: Vec<_> = fs::read_dir(back)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    assert_eq!(names, [OsStr::from_bytes(b"l\xff")]);
    // It looks the same in restic's JSON.
    let outcome = restored(b"/mnt/data/l\xfd")?;
    assert!(outcome.stderr.contains(" is not empty"), "{outcome:?}");
    fs::remove_dir_all(storage.directory.path().join(target))?;
    let outcome = restored(b"/mnt/data/l\xfd")?;
    assert!(
        outcome
            .stderr
            .contains("there is no /mnt/data/l\u{fffd} in snapshot"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_restore_that_is_killed_ends_restic_the_way_that_removes_its_lock() -> Result<()> {
    let script = r#"trap 'echo "signal, cleaning up" >&2; echo interrupted >/mnt/events; exit 130' INT
        echo running >/mnt/events; while :; do read -r -t 1 _ <>/mnt/never; done"#;
    for more in [&[][..], &["--no-sandbox"]] {
        let storage = stand_in("0.18.0", script)?;
        for name in ["never", "events"] {
            super::invocation::make_fifo(&storage.path(name))?;
        }
        // Open for writing too: it does not end between two writers.
        let events = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(storage.path("events"))?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            use std::io::BufRead;
            for line in std::io::BufReader::new(events).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let next = || receiver.recv_timeout(Duration::from_secs(60));
        let mut command = storage.with_stand_in();
        command.args(WORDS).args(more);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        assert_eq!(next()?, "running", "{more:?}");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL)?;
        child.wait()?;
        assert_eq!(
            next().context("restic was not interrupted")?,
            "interrupted",
            "{more:?}"
        );
    }
    Ok(())
}

//! What `genbackup emit --now` asks systemd for, and what it prints, on a machine that is a directory with a
//! bus.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::manager::Bus;
use super::systemd::Systemd;
use crate::executable::{copy_of_genbackup, executable};

const FLEET: &str = include_str!("../../../vmtests/fleet.toml");
const MAIL: &str = "[notify.admin]\nkind = \"email\"\nto = [\"admin@example.net\"]\n";
/// The units that the hosts of the fleet have or may get.
const KNOWN: [&str; 16] = [
    "genbackup-awake.service",
    "genbackup-backup.socket",
    "genbackup-directory.service",
    "genbackup-init.service",
    "genbackup-mail.socket",
    "genbackup-maintain.service",
    "genbackup-metrics.service",
    "genbackup-metrics.timer",
    "genbackup-sshd.socket",
    "genbackup-watch.service",
    "genbackup-watch.timer",
    "genbackup.service",
    "genbackup.timer",
    "genbackup-run@kai.timer",
    "mnt-jak-restic.mount",
    NFS_SERVER,
];
const NFS_SERVER: &str = "nfs-server.service";
/// A machine's own places, and this one's programs.
const MACHINE: &str = r#"set -e
mount --bind /usr "$1/usr"
# Files below it have a separate place.
mount --bind "$1/local" "$1/usr/local"
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind /tmp "$1/tmp"
mount --bind "$2" "$1/program"
echo "$3" >/proc/sys/kernel/hostname
root=$1
shift 3
eval 'chroot "$root" /program/genbackup "$@"' "$OUTPUTS""#;

struct Machine {
    bus: Bus,
    systemd: Systemd,
    directory: TempDir,
    name: &'static str,
}

impl Machine {
    fn new(name: &'static str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for place in [
            "etc/systemd/system",
            "etc/genbackup",
            "fakes",
            "local/bin",
            "program",
            "usr",
            "proc",
            "dev",
            "tmp",
            "mnt/storage",
        ] {
            fs::create_dir_all(directory.path().join(place))?;
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), directory.path().join(link))?;
        }
        // Where units find the command.
        std::os::unix::fs::symlink("/program/genbackup", directory.path().join("local/bin/genbackup"))?;
        let bus = Bus::new()?;
        let systemd = Systemd::on(&bus, &directory.path().join("etc/systemd/system"), &KNOWN)?;
        let machine = Self {
            bus,
            systemd,
            directory,
            name,
        };
        for program in ["systemd-sysusers", "systemd-tmpfiles", "exportfs"] {
            machine.fake(program, "exit 0")?;
        }
        machine.fleet(FLEET)?;
        if name == "jak" {
            let mut world = machine.systemd.world();
            world.active.insert(NFS_SERVER.to_owned());
        }
        Ok(machine)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn fleet(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.path("etc/genbackup/fleet.toml"), text)?)
    }

    /// A program that notes that it was started, and then does this.
    fn fake(&self, program: &str, line: &str) -> Result<()> {
        let file = self.path("fakes").join(program);
        executable(
            &file,
            &format!("#!/bin/sh\necho \"{program} $*\" >>/fakes/started\n{line}\n"),
        )
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        Ok(self.command(words)?.output()?)
    }

    /// The program on that machine. bash redirects its outputs as `OUTPUTS` describes.
    fn command(&self, words: &[&str]) -> Result<Command> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_genbackup"));
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--uts", "bash", "-c", MACHINE, "machine"])
            .arg(self.directory.path())
            .arg(program.parent().context("no directory")?)
            .arg(self.name)
            .args(words)
            .env("PATH", "/fakes:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus.address)
            .env("SYSTEMD_BUS_TIMEOUT", "10");
        Ok(command)
    }

    /// Runs `emit --now`: exit status, standard output and standard error.
    fn emit(&self, words: &[&str]) -> Result<(Option<i32>, String, String)> {
        let output = self.run(&[&["emit", "--now"], words].concat())?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes);
        Ok((output.status.code(), text(output.stdout)?, text(output.stderr)?))
    }

    fn succeeds(&self, words: &[&str]) -> Result<String> {
        let (code, printed, complaint) = self.emit(words)?;
        ensure!(
            code == Some(0) && complaint.is_empty(),
            "{code:?}\n{printed}\n{complaint}"
        );
        Ok(printed)
    }

    /// What systemd was asked for since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.systemd.world().asked)
    }

    /// The programs that were started.
    fn started(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.path("fakes/started"))?;
        fs::remove_file(self.path("fakes/started"))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

const SECOND: &str = "0 files written, 0 removed\nnothing to change: the host matches the fleet file\n";

#[test]
fn a_new_storage_host_is_live_and_the_second_time_nothing_is_asked() -> Result<()> {
    let machine = Machine::new("jak")?;
    let printed = machine.succeeds(&[])?;
    assert_eq!(
        machine.asked(),
        [
            "enable genbackup-backup.socket",
            "enable genbackup.timer",
            "reload",
            "start genbackup-backup.socket",
            "start genbackup.timer"
        ]
    );
    assert_eq!(
        machine.started()?,
        [
            "systemd-sysusers /etc/sysusers.d/genbackup-storage.conf",
            "systemd-tmpfiles --create /etc/tmpfiles.d/genbackup-client.conf /etc/tmpfiles.d/genbackup-storage.conf",
            "exportfs -ra"
        ]
    );
    let (_, steps) = printed.split_once('\n').context("one line")?;
    assert_eq!(
        steps,
        "users and groups: applied\n\
         directories: applied\n\
         genbackup-backup.socket: enabled\n\
         genbackup.timer: enabled\n\
         systemd: reloaded its units\n\
         genbackup-init.service: not started, because /mnt/storage is not mounted; the first run that finds it mounted makes the repository\n\
         exports: applied\n\
         genbackup-backup.socket: started\n\
         genbackup.timer: started\n"
    );
    fs::create_dir_all(machine.path("mnt/storage/restic"))?;
    fs::write(machine.path("mnt/storage/restic/config"), "")?;
    assert_eq!(machine.succeeds(&[])?, SECOND);
    assert_eq!(machine.asked(), <[String; 0]>::default());
    Ok(())
}

#[test]
fn a_step_is_done_even_if_its_output_is_lost() -> Result<()> {
    for (outputs, code, complaint) in [
        (
            ">/dev/full",
            1,
            "error: cannot write to standard output: No space left on device (os error 28)\n",
        ),
        // A reader that closed the pipe is no failure.
        ("| head --lines=1; exit ${PIPESTATUS[0]}", 0, ""),
        ("2>&1 | head --bytes=0; exit ${PIPESTATUS[0]}", 0, ""),
        (">/dev/full 2>/dev/full", 1, ""),
    ] {
        let machine = Machine::new("jak")?;
        let output = machine
            .command(&["emit", "--now"])?
            .env("OUTPUTS", outputs)
            .output()?;
        assert_eq!(
            (output.status.code(), &*String::from_utf8(output.stderr)?),
            (Some(code), complaint),
            "{outputs}"
        );
        assert_eq!(
            machine.asked().last().map(String::as_str),
            Some("start genbackup.timer"),
            "{outputs}"
        );
        let again = machine.succeeds(&[])?;
        assert!(
            again.starts_with("0 files written, 0 removed\n"),
            "{outputs}: {again}"
        );
        assert_eq!(machine.asked(), <[String; 0]>::default(), "{outputs}");
    }
    Ok(())
}

#[test]
fn a_mounted_file_system_gets_its_repository_and_its_failure_is_one() -> Result<()> {
    let machine = Machine::new("jak")?;
    // The root is always mounted.
    machine.fleet(&FLEET.replace("file-system = \"/mnt/storage\"", "file-system = \"/\""))?;
    let made = "start genbackup-init.service";
    let world = &machine.systemd;
    world.world().goes_wrong.insert(made.to_owned(), "failed");
    let (code, printed, complaint) = machine.emit(&[])?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        complaint.starts_with(
            "error: cannot start genbackup-init.service: genbackup-init.service failed; see `systemctl status"
        ),
        "{complaint}"
    );
    // The rest goes on.
    assert!(printed.ends_with("genbackup.timer: started\n"), "{printed}");
    let asked = machine.asked();
    assert!(
        asked.iter().position(|call| call == made)
            < asked.iter().position(|call| call == "start genbackup.timer"),
        "{asked:?}"
    );
    world.world().goes_wrong.clear();
    assert_eq!(
        machine.succeeds(&[])?,
        "0 files written, 0 removed\ngenbackup-init.service: started\n"
    );
    Ok(())
}

#[test]
fn another_port_restarts_the_socket_alone_also_after_an_emit_without_now() -> Result<()> {
    for words in [&["emit", "--now"][..], &["emit"]] {
        let machine = Machine::new("ziz")?;
        machine.succeeds(&[])?;
        // A backup is in progress.
        let backup = "genbackup-backup@1.service";
        machine.systemd.world().active.insert(backup.to_owned());
        machine.asked();
        machine.fleet(&FLEET.replace("port = 50000", "port = 50001"))?;
        let output = machine.run(words)?;
        ensure!(output.status.success(), "{output:?}");
        machine.run(&["emit", "--now"])?;
        assert_eq!(
            machine.asked(),
            ["reload", "try-restart genbackup-sshd.socket"],
            "{words:?}"
        );
        assert_eq!(machine.succeeds(&[])?, SECOND);
    }
    Ok(())
}

#[test]
fn a_unit_that_left_the_fleet_is_disabled_and_stopped_and_a_new_one_enabled() -> Result<()> {
    let machine = Machine::new("jak")?;
    machine.succeeds(&[])?;
    machine.asked();
    machine.fleet(&format!("{FLEET}\n{MAIL}"))?;
    let printed = machine.succeeds(&[])?;
    assert!(
        printed.contains("genbackup-mail.socket: enabled\n")
            && printed.contains("genbackup-watch.timer: started\n"),
        "{printed}"
    );
    machine.asked();
    machine.fleet(FLEET)?;
    machine.succeeds(&[])?;
    assert_eq!(
        machine.asked(),
        [
            "disable genbackup-mail.socket",
            "stop genbackup-mail.socket",
            "disable genbackup-watch.timer",
            "stop genbackup-watch.timer",
            "reload"
        ]
    );
    Ok(())
}

#[test]
fn a_host_that_left_the_fleet_stops_what_waits_and_no_backup() -> Result<()> {
    for is_running in [true, false] {
        let machine = Machine::new("ziz")?;
        machine.succeeds(&[])?;
        let mount = "mnt-jak-restic.mount";
        let mut world = machine.systemd.world();
        world.active.insert(mount.to_owned());
        if is_running {
            world.active.insert("genbackup-backup@1.service".to_owned());
        }
        drop(world);
        machine.asked();
        let (code, printed, complaint) = machine.emit(&["--remove"])?;
        assert_eq!(code, Some(0), "{printed}{complaint}");
        let stop = format!("stop {mount}");
        let mut expected = vec![
            "disable genbackup-backup.socket",
            "stop genbackup-backup.socket",
            "disable genbackup-sshd.socket",
            "stop genbackup-sshd.socket",
        ];
        if !is_running {
            expected.push(&stop);
        }
        expected.push("reload");
        assert_eq!(machine.asked(), expected);
        let note = "note: mnt-jak-restic.mount is removed, but stays mounted for a running backup; run `systemctl stop mnt-jak-restic.mount` afterwards\n";
        assert_eq!(complaint, if is_running { note } else { "" });
        let left = fs::read_dir(machine.path("etc/systemd/system"))?.count();
        assert_eq!(left, 0, "{printed}");
    }
    Ok(())
}

#[test]
fn each_failure_is_reported_and_the_rest_is_done() -> Result<()> {
    for (call, result, words) in [
        (
            "enable genbackup.timer",
            "denied",
            "error: cannot enable genbackup.timer: systemd denies it to root",
        ),
        (
            "start genbackup.timer",
            "failed",
            "error: cannot start genbackup.timer: genbackup.timer failed",
        ),
        (
            "start genbackup.timer",
            "denied",
            "error: cannot start genbackup.timer: systemd denies it to root",
        ),
        (
            "start genbackup.timer",
            "never",
            "error: cannot start genbackup.timer: systemd does not answer",
        ),
    ] {
        let machine = Machine::new("jak")?;
        machine.systemd.world().goes_wrong.insert(call.to_owned(), result);
        let (code, printed, complaint) = machine.emit(&[])?;
        assert_eq!(code, Some(1), "{printed}");
        assert!(
            complaint.contains(words) && (complaint.contains("hint: ") || complaint.contains("; see `")),
            "{complaint}"
        );
        assert!(
            printed.contains("genbackup-backup.socket: started\n"),
            "{printed}"
        );
        machine.systemd.world().goes_wrong.clear();
        let printed = machine.succeeds(&[])?;
        assert!(!printed.contains("nothing to change"), "{printed}");
        // The NFS server, the timer and the socket.
        assert_eq!(machine.systemd.world().active.len(), 3);
    }
    let machine = Machine::new("jak")?;
    machine
        .systemd
        .world()
        .masked
        .insert("genbackup.timer".to_owned());
    machine.fake("exportfs", "echo no such host >&2; exit 1")?;
    let (code, printed, complaint) = machine.emit(&[])?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        complaint.contains("error: genbackup.timer is masked")
            && complaint.contains("`systemctl unmask genbackup.timer`")
            && complaint
                .contains("error: exports: exportfs failed: no such host\n\nhint: run `exportfs -ra`"),
        "{complaint}"
    );
    assert!(
        printed.ends_with("genbackup-backup.socket: started\n"),
        "{printed}"
    );
    Ok(())
}

/// exportfs succeeds, and each client waits for its mount until its backup fails.
#[test]
fn an_nfs_server_that_is_not_active_is_a_failure() -> Result<()> {
    let machine = Machine::new("jak")?;
    machine.systemd.world().active.remove(NFS_SERVER);
    let (code, printed, complaint) = machine.emit(&[])?;
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        complaint.contains(
            "error: nfs-server.service is not active, so clients cannot mount the repository\n\n\
             hint: run `systemctl enable --now nfs-server.service`\n"
        ),
        "{complaint}"
    );
    // The rest goes on.
    assert!(printed.ends_with("genbackup.timer: started\n"), "{printed}");
    Ok(())
}

#[test]
fn a_systemd_that_does_not_reload_starts_nothing_by_what_it_read_before() -> Result<()> {
    let machine = Machine::new("ziz")?;
    machine
        .systemd
        .world()
        .goes_wrong
        .insert("reload".to_owned(), "denied");
    let (code, _, complaint) = machine.emit(&[])?;
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("error: cannot reload systemd: ")
            && complaint.contains("`systemctl daemon-reload`"),
        "{complaint}"
    );
    assert!(!machine.asked().iter().any(|call| call.starts_with("start")));
    Ok(())
}

#[test]
fn without_a_bus_nothing_is_written() -> Result<()> {
    let mut machine = Machine::new("jak")?;
    machine.bus.address = "unix:path=/nowhere".to_owned();
    let (code, printed, complaint) = machine.emit(&[])?;
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(
        complaint.starts_with("error: cannot reach the system bus: ")
            && complaint.contains("; nothing was changed\n\nhint: "),
        "{complaint}"
    );
    assert_eq!(fs::read_dir(machine.path("etc/systemd/system"))?.count(), 0);
    Ok(())
}

#[test]
fn what_can_not_be_made_live_from_here_is_refused() -> Result<()> {
    let machine = Machine::new("jak")?;
    for (words, refusal) in [
        (&["--root", "/tree"][..], "and not below /tree"),
        (&["--all", "--root", "/tree"], "and not to all hosts"),
        (
            &["--host", "ziz"],
            "`--now` applies to this host, `jak`, and not to `ziz`",
        ),
        (
            &["--format", "nix", "--out", "/tree"],
            "`--now` does not apply to `--format nix`",
        ),
        (
            &["--format", "package", "--out", "/tree", "--programs", "/none"],
            "`--now` does not apply to `--format package`",
        ),
        (&["--diff"], "`--diff` changes nothing, so it excludes `--now`"),
    ] {
        let (code, printed, complaint) = machine.emit(words)?;
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{words:?}");
        assert!(
            complaint.contains(refusal) && complaint.contains("hint: "),
            "{complaint}"
        );
    }
    fs::write(machine.path("etc/NIXOS"), "")?;
    let (code, _, complaint) = machine.emit(&["--host", "jak"])?;
    assert!(
        code == Some(1) && complaint.contains("`nixos-rebuild switch`"),
        "{complaint}"
    );
    assert_eq!(machine.asked(), <[String; 0]>::default());
    Ok(())
}

#[test]
fn a_client_is_named_with_its_push() -> Result<()> {
    let machine = Machine::new("jak")?;
    let (_, _, complaint) = machine.emit(&["--host", "ziz"])?;
    assert!(
        complaint.contains("hint: if `ziz` is a client, run `genbackup push ziz` on the storage host;"),
        "{complaint}"
    );
    let (_, _, complaint) = machine.emit(&["--root", "/tree"])?;
    assert!(
        complaint.contains("for a client, run `genbackup push` on the storage host"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn a_user_who_is_not_root_is_refused() -> Result<()> {
    let program = tempfile::tempdir_in("/tmp")?;
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755))?;
    let copy = program.path().join("genbackup");
    copy_of_genbackup(&copy)?;
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["emit", "--now"])
        .output()?;
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        output.status.code() == Some(1)
            && complaint.starts_with(
                "error: only root may use `--now`, which makes users, and enables and starts units"
            )
            && complaint.contains("hint: run `sudo genbackup emit --now`"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn a_host_s_own_timer_is_enabled_and_started_and_disabled_when_it_goes() -> Result<()> {
    let machine = Machine::new("jak")?;
    machine.succeeds(&[])?;
    machine.asked();
    machine.fleet(&format!(
        "{FLEET}\n[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n"
    ))?;
    machine.succeeds(&[])?;
    let timer = "genbackup-run@kai.timer";
    assert_eq!(
        machine.asked(),
        [
            format!("enable {timer}"),
            "reload".to_owned(),
            format!("start {timer}")
        ]
    );
    machine.fleet(FLEET)?;
    let printed = machine.succeeds(&[])?;
    assert!(printed.contains(&format!("{timer}: disabled\n")), "{printed}");
    assert_eq!(
        machine.asked(),
        [
            format!("disable {timer}"),
            format!("stop {timer}"),
            "reload".to_owned()
        ]
    );
    Ok(())
}

//! Clients that cannot be reached or written to, and what the other clients still get.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::machine::{FLEET, Lab, MANIFEST, table};

const LOCKED: &str = "ziz: error: root@ziz: another `genbackup emit` or `genbackup push` is writing there\n";

#[test]
fn a_client_that_is_out_of_reach_stops_no_other() -> Result<()> {
    let lab = Lab::new()?;
    fs::remove_dir_all(lab.path("kai", ""))?;
    let (printed, complaint) = lab.refused(&[])?;
    assert_eq!(
        complaint,
        "kai: error: cannot connect to root@kai: ssh: connect to host kai port 22: No route to host\n\n\
         hint: check that `ssh root@kai true` works without a question, or change `push-to`, or the destination \
         after `--remove`\n"
    );
    assert_eq!(table(&printed)[1], ["kai", "failed", "-", "-"]);
    assert_eq!(table(&printed)[2][..2], ["ziz", "ok"]);
    assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    Ok(())
}

#[test]
fn errors_are_in_the_order_of_the_clients() -> Result<()> {
    let lab = Lab::new()?;
    lab.script("kai", "sleep 2; echo slow >&2; exit 255")?;
    lab.script("ziz", "echo quick >&2; exit 255")?;
    let (_, complaint) = lab.refused(&[])?;
    let (kai, ziz) = (
        complaint.find("root@kai: slow"),
        complaint.find("root@ziz: quick"),
    );
    assert!(kai.is_some() && kai < ziz, "{complaint}");
    Ok(())
}

#[test]
fn a_sudo_that_asks_for_a_password_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    lab.fleet(&FLEET.replace("[hosts.ziz]\n", "[hosts.ziz]\npush-to = \"admin@ziz\"\n"))?;
    lab.stand_in(
        "ziz",
        "sudo",
        "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n",
    )?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with(
            "ziz: error: cannot become root on admin@ziz: sudo: a password is required\n\nhint: "
        ),
        "{complaint}"
    );
    assert_eq!(lab.tree("ziz")?.len(), 0);
    Ok(())
}

#[test]
fn a_client_that_runs_nixos_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    fs::write(lab.path("ziz", "etc/NIXOS"), "")?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with("ziz: error: root@ziz runs NixOS")
            && complaint.contains("`nixos-rebuild switch`"),
        "{complaint}"
    );
    assert_eq!(lab.tree("ziz")?.len(), 1);
    Ok(())
}

#[test]
fn files_of_a_newer_genbackup_are_refused_without_force() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let manifest = lab.path("ziz", MANIFEST);
    let text = fs::read_to_string(&manifest)?;
    let this = format!("\"genbackup\": \"{}\"", env!("CARGO_PKG_VERSION"));
    ensure!(text.contains(&this), "{text}");
    fs::write(&manifest, text.replace(&this, "\"genbackup\": \"999.1.0\""))?;
    let before = lab.tree("ziz")?;
    lab.change(&[("port = 50000", "port = 50001")])?;
    let what = "ziz: error: genbackup 999.1.0 wrote the files below /, and this is ";
    for words in [&["ziz"][..], &["ziz", "--dry-run"], &["ziz", "--diff"]] {
        let (_, complaint) = lab.refused(words)?;
        ensure!(complaint.starts_with(what), "{words:?}: {complaint}");
        assert_eq!(lab.tree("ziz")?, before);
    }
    lab.pushed(&["ziz", "--force"])?;
    assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    Ok(())
}

#[test]
fn a_manifest_of_a_newer_form_is_named_and_refused() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let manifest = lab.path("ziz", MANIFEST);
    let text = fs::read_to_string(&manifest)?;
    fs::write(&manifest, text.replace("\"version\": 2", "\"version\": 3"))?;
    let before = lab.tree("ziz")?;
    for words in [&["ziz"][..], &["--remove", "root@ziz"]] {
        let (_, complaint) = lab.refused(words)?;
        ensure!(
            complaint.contains(
                "note: cannot read `/etc/genbackup/manifest.json`, so nothing is deleted: a newer genbackup wrote it, in \
                 version 3 of its format"
            ) && complaint.contains("error: modified locally, or not written by genbackup: `/etc/genbackup/manifest.json`"),
            "{complaint}"
        );
        assert_eq!(lab.tree("ziz")?, before);
    }
    Ok(())
}

#[test]
fn a_client_where_emit_is_writing_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    lab.change(&[("port = 50000", "port = 50001")])?;
    let before = lab.tree("ziz")?;
    // `genbackup emit` there takes the same lock.
    let directory = File::open(lab.path("ziz", "etc/genbackup"))?;
    let lock = Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(complaint.starts_with(LOCKED), "{complaint}");
    assert_eq!(lab.tree("ziz")?, before);
    // A dry run needs no lock.
    lab.pushed(&["ziz", "--dry-run"])?;
    drop(lock);
    lab.pushed(&["ziz"])?;
    Ok(())
}

#[test]
fn a_lock_of_a_directory_that_is_gone_excludes_nobody() -> Result<()> {
    let lab = Lab::new()?;
    // A writer that failed removes the directory that it made, and another one makes it again.
    let flock = "#!/bin/sh
rmdir /etc/genbackup && mkdir /etc/genbackup
exec /usr/bin/flock \"$@\"
";
    lab.stand_in("ziz", "flock", flock)?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(complaint.starts_with(LOCKED), "{complaint}");
    assert_eq!(lab.tree("ziz")?.len(), 0);
    Ok(())
}

/// A push to ziz that stands still while systemd there reloads.
struct Standing<'l> {
    lab: &'l Lab,
    push: Child,
}

impl<'l> Standing<'l> {
    fn new(lab: &'l Lab) -> Result<Self> {
        for pipe in ["gate", "at-the-gate"] {
            let made = Command::new("mkfifo")
                .arg(lab.path("ziz", &format!("state/{pipe}")))
                .status()?;
            ensure!(made.success(), "mkfifo: {made}");
        }
        let push = lab
            .command(&["push", "ziz"])?
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let standing = Self { lab, push };
        let pipe = lab.path("ziz", "state/at-the-gate");
        let (sender, came) = channel();
        std::thread::spawn(move || sender.send(fs::read(pipe).is_ok()));
        let came = came.recv_timeout(Duration::from_secs(60));
        ensure!(came == Ok(true), "it does not come to the reload: {came:?}");
        Ok(standing)
    }

    /// Lets systemd go on.
    fn go_on(&self) -> Result<()> {
        let gate = self.lab.path("ziz", "state/gate");
        fs::write(&gate, "\n")?;
        Ok(fs::remove_file(gate)?)
    }
}

#[test]
fn of_two_pushes_at_once_one_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let standing = Standing::new(&lab)?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(complaint.starts_with(LOCKED), "{complaint}");
    standing.go_on()?;
    let first = standing.push.wait_with_output()?;
    ensure!(
        first.status.success(),
        "{}",
        String::from_utf8_lossy(&first.stderr)
    );
    let again = lab.pushed(&["ziz"])?;
    ensure!(again.contains("nothing to change"), "{again}");
    lab.is_live("ziz")
}

#[test]
fn what_a_stopped_push_began_there_goes_on_under_the_lock() -> Result<()> {
    let lab = Lab::new()?;
    let mut standing = Standing::new(&lab)?;
    kill(Pid::from_raw(i32::try_from(standing.push.id())?), Signal::SIGTERM)?;
    let ended = standing.push.wait()?;
    ensure!(!ended.success(), "{ended}");
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(complaint.starts_with(LOCKED), "{complaint}");
    standing.go_on()?;
    // Its script ends, and then the lock is free.
    for _ in 0..200 {
        let next = lab.push(&["ziz"])?;
        if next.status.success() {
            assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
            return lab.is_live("ziz");
        }
        ensure!(next.stderr.starts_with(LOCKED), "{}", next.stderr);
    }
    Err(anyhow::anyhow!("the lock stays"))
}

#[test]
fn names_that_are_no_clients_are_all_named_and_nothing_is_done() -> Result<()> {
    let lab = Lab::new()?;
    let (printed, complaint) = lab.refused(&["jak", "zizz", "kai"])?;
    assert_eq!(printed, "");
    assert_eq!(
        complaint,
        "error: jak is the storage host\n\nhint: run `genbackup emit --now` on jak\n\n\
         error: no client of the fleet is named `zizz`\n\nhint: did you mean `ziz`?\n"
    );
    assert!(!lab.file("ssh").exists());
    assert_eq!(lab.tree("kai")?.len(), 0);
    Ok(())
}

#[test]
fn a_fleet_that_requires_a_newer_genbackup_is_pushed_nowhere() -> Result<()> {
    let lab = Lab::new()?;
    lab.fleet(&format!("requires = \"999.1\"\nnew-key = true\n{FLEET}"))?;
    let (_, complaint) = lab.refused(&[])?;
    ensure!(
        complaint.starts_with("problem: this fleet file needs genbackup 999.1.0 or later, and this is ")
            && !complaint.contains("new-key"),
        "{complaint}"
    );
    assert!(!lab.file("ssh").exists());
    Ok(())
}

#[test]
fn a_command_that_does_not_fit_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    for words in [
        &["push", "--remove"][..],
        &["push", "--remove", "--force", "root@ziz"],
        &["push", "--diff", "--dry-run"],
    ] {
        let refused = lab.command(words)?.output().context("no output")?;
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
    }
    let (_, complaint) = lab.refused(&["--remove", "--", "-oProxyCommand=id"])?;
    ensure!(complaint.contains("is not a destination of ssh"), "{complaint}");
    assert!(!lab.file("ssh").exists());
    Ok(())
}

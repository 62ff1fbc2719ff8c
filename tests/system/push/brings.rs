//! What a push writes, starts and prints.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::machine::{FLEET, Lab, MANIFEST, table};
use crate::command::run;

const SECOND: &str = "0 files written, 0 removed\n";

#[test]
fn a_client_gets_the_files_that_emit_writes() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&[])?;
    for host in ["kai", "ziz"] {
        let emitted = lab.emitted(host)?;
        assert!(
            emitted.len() > 10 && emitted.contains_key(Path::new(MANIFEST)),
            "{emitted:#?}"
        );
        assert_eq!(lab.tree(host)?, emitted, "{host}");
    }
    Ok(())
}

#[test]
fn a_new_client_is_made_live_in_order() -> Result<()> {
    let lab = Lab::new()?;
    let printed = lab.pushed(&["ziz"])?;
    assert_eq!(
        lab.asked("ziz")?,
        [
            "systemd-sysusers /etc/sysusers.d/genbackup-client.conf",
            "systemd-tmpfiles --create /etc/tmpfiles.d/genbackup-client.conf",
            "enable genbackup-backup.socket",
            "enable genbackup-sshd.socket",
            "daemon-reload",
            "start genbackup-backup.socket",
            "start genbackup-sshd.socket",
        ]
    );
    let (first, steps) = printed.split_once('\n').context("one line")?;
    assert!(
        first.starts_with("ziz: ") && first.ends_with(" files written, 0 removed"),
        "{first}"
    );
    assert!(
        steps.starts_with(
            "ziz: users and groups: applied\n\
             ziz: directories: applied\n\
             ziz: genbackup-backup.socket: enabled\n\
             ziz: genbackup-sshd.socket: enabled\n\
             ziz: systemd: reloaded its units\n\
             ziz: genbackup-backup.socket: started\n\
             ziz: genbackup-sshd.socket: started\n\
             HOST"
        ),
        "{steps}"
    );
    assert_eq!(lab.asked("kai")?, [""; 0], "a client that was not named");
    lab.is_live("ziz")
}

#[test]
fn the_table_has_a_line_for_each_client() -> Result<()> {
    let lab = Lab::new()?;
    let printed = lab.pushed(&[])?;
    let files = (lab.emitted("ziz")?.len() - 1).to_string();
    assert_eq!(
        table(&printed),
        [
            vec!["HOST", "RESULT", "WRITTEN", "REMOVED"],
            vec!["kai", "ok", &(lab.emitted("kai")?.len() - 1).to_string(), "0"],
            vec!["ziz", "ok", &files, "0"],
        ]
    );
    Ok(())
}

#[test]
fn the_second_push_writes_and_starts_nothing() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    lab.asked("ziz")?;
    let manifest = || -> Result<(u64, i64)> {
        let metadata = fs::metadata(lab.path("ziz", MANIFEST))?;
        Ok((metadata.ino(), metadata.mtime_nsec()))
    };
    let before = (lab.tree("ziz")?, manifest()?);
    let printed = lab.pushed(&["ziz"])?;
    let expected = format!("ziz: {SECOND}ziz: nothing to change: the host matches the fleet file\nHOST");
    assert!(printed.starts_with(&expected), "{printed}");
    assert_eq!((lab.tree("ziz")?, manifest()?), before);
    assert!(lab.asked("ziz")?.iter().all(|call| call.starts_with("systemd-")));
    Ok(())
}

#[test]
fn modes_and_owners_are_put_right() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let before = lab.tree("ziz")?;
    fs::set_permissions(
        lab.path("ziz", "etc/genbackup/include"),
        Permissions::from_mode(0o600),
    )?;
    chown(lab.path("ziz", "etc/genbackup/exclude"), Some(7), Some(7))?;
    let printed = lab.pushed(&["ziz"])?;
    assert!(
        printed.starts_with("ziz: 2 files written, 0 removed\n"),
        "{printed}"
    );
    assert_eq!(lab.tree("ziz")?, before);
    Ok(())
}

#[test]
fn what_an_interrupted_writer_left_is_removed() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let before = lab.tree("ziz")?;
    for place in [
        "etc/genbackup",
        "etc/systemd/system",
        "usr/local/libexec/genbackup",
    ] {
        fs::write(lab.path("ziz", &format!("{place}/.a file.genbackup-new")), "half")?;
    }
    let printed = lab.pushed(&["ziz"])?;
    assert!(printed.starts_with(&format!("ziz: {SECOND}")), "{printed}");
    assert_eq!(lab.tree("ziz")?, before);
    Ok(())
}

#[test]
fn missing_packages_are_named_and_the_files_are_written() -> Result<()> {
    let lab = Lab::new()?;
    for program in ["restic", "socat"] {
        fs::remove_file(lab.path("ziz", &format!("stand-ins/{program}")))?;
    }
    fs::write(lab.path("ziz", "hidden"), "restic socat\n")?;
    let (printed, complaint) = lab.refused(&["ziz"])?;
    assert_eq!(
        complaint,
        "ziz: error: it lacks packages that the units need: restic, socat\n\nhint: run `apt install restic socat` on \
         that host\n"
    );
    assert_eq!(table(&printed)[1][..2], ["ziz", "failed"]);
    assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    lab.is_live("ziz")
}

#[test]
fn a_user_with_sudo_brings_the_files_of_root() -> Result<()> {
    let lab = Lab::new()?;
    lab.fleet(&FLEET.replace("[hosts.ziz]\n", "[hosts.ziz]\npush-to = \"admin@ziz\"\n"))?;
    lab.pushed(&["ziz"])?;
    assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    lab.is_live("ziz")
}

#[test]
fn a_login_shell_may_print_and_be_another_shell() -> Result<()> {
    for shell in ["sh", "bash", "dash", "fish", "zsh"] {
        if !Path::new("/usr/bin").join(shell).exists() {
            continue;
        }
        let lab = Lab::new()?;
        let noisy = format!(
            "#!/bin/sh\necho 'Welcome to ziz'; echo motd >&2; printf 'no end of line '\nexec {shell} \"$@\"\n"
        );
        lab.stand_in("ziz", "login-shell", &noisy)?;
        lab.pushed(&["ziz"])?;
        assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?, "{shell}");
    }
    Ok(())
}

#[test]
fn ssh_gets_the_destination_and_asks_no_question() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&[])?;
    let started = fs::read_to_string(lab.file("ssh"))?;
    assert_eq!(started.lines().count(), 2);
    for destination in ["root@kai", "root@ziz"] {
        let line = started
            .lines()
            .find(|line| line.ends_with(&format!(" -T -- {destination}")));
        assert!(
            line.is_some_and(|line| line.contains("-o BatchMode=yes")),
            "{started}"
        );
    }
    Ok(())
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts_of_push() -> Result<()> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/apply/push");
    let outcome = run(Command::new("shellcheck")
        .args(["--shell=bash", "server.bash", "report.bash"])
        .current_dir(scripts))?;
    assert!(outcome.status.success(), "{}", outcome.stdout);
    Ok(())
}

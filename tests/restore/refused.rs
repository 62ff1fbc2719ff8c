//! Where there is no password, no repository or no right to it.

use std::fs;

use anyhow::Result;

use crate::Storage;
use crate::command::run;

#[test]
fn elsewhere_it_says_the_command_for_the_storage_host() -> Result<()> {
    let storage = Storage::new()?;
    let mut elsewhere = storage.there("ziz", env!("CARGO_BIN_EXE_genbackup"));
    elsewhere.args([
        "--fleet",
        "/mnt/fleet.toml",
        "restore",
        "ziz",
        "/srv/my files",
        "--to",
        "/root/back",
    ]);
    let said = run(&mut elsewhere)?;
    assert_eq!(said.status.code(), Some(1));
    assert!(
        said.stderr
            .contains("hint: on jak, as root: genbackup restore ziz $'/srv/my files' --to /root/back\n")
            && said.stderr.contains("`ssh jak tar "),
        "{said:?}"
    );
    Ok(())
}

#[test]
fn who_is_not_root_is_told_who_can() -> Result<()> {
    let storage = Storage::new()?;
    // Where nobody else may look in, as below a target folder.
    let program = storage.path("genbackup");
    fs::copy(env!("CARGO_BIN_EXE_genbackup"), &program)?;
    let mut nobody = storage.there("jak", "setpriv");
    nobody
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "/mnt/genbackup",
        ])
        .args(["--fleet", "/mnt/fleet.toml", "snapshots"]);
    let said = run(&mut nobody)?;
    assert_eq!(said.status.code(), Some(1));
    assert!(
        said.stderr
            .contains("only root can open the password's file /mnt/password"),
        "{said:?}"
    );
    Ok(())
}

#[test]
fn a_password_file_that_is_not_there_or_empty_is_named() -> Result<()> {
    let storage = Storage::with_repository()?;
    fs::write(storage.path("password"), "")?;
    let empty = storage.told(&["snapshots"])?;
    assert!(
        empty
            .stderr
            .contains("the password file /mnt/password is missing or empty"),
        "{empty:?}"
    );
    fs::remove_file(storage.path("password"))?;
    let missing = storage.told(&["snapshots"])?;
    assert!(
        missing
            .stderr
            .contains("its file system may be locked or not mounted"),
        "{missing:?}"
    );
    Ok(())
}

#[test]
fn what_restic_refuses_ends_with_its_reason_and_its_exit_status() -> Result<()> {
    let storage = Storage::new()?;
    let same = |arguments: &[&str], reason: &str| -> Result<()> {
        let theirs = run(storage.plain_restic().arg("snapshots"))?;
        let ours = storage.told(arguments)?;
        assert_eq!(ours.status.code(), theirs.status.code(), "{ours:?}");
        assert!(!ours.status.success() && ours.stderr.contains(reason), "{ours:?}");
        Ok(())
    };
    same(&["snapshots"], "unable to open config file")?;
    storage.restic(&["init"])?;
    fs::write(storage.path("password"), "another\n")?;
    same(&["snapshots"], "wrong password or no key found")?;
    same(
        &["restore", "ziz", "/", "--to", "/mnt/back"],
        "wrong password or no key found",
    )?;

    for status in [10, 11, 12, 130] {
        storage.stand_in(&format!("echo 'Fatal: no' >&2; exit {status}"))?;
        let said = run(storage.with_stand_in().arg("snapshots"))?;
        assert_eq!(said.status.code(), Some(status));
        assert!(said.stderr.contains("Fatal: no"), "{said:?}");
    }
    Ok(())
}

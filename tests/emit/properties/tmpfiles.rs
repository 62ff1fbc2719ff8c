//! systemd-tmpfiles makes the repository's directory that the fleet file names.

use std::fs::{Permissions, create_dir_all, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Reader;
use super::field::Host;
use super::property::all_come_back;
use crate::command::run;

const FILE: &str = "/etc/tmpfiles.d/genbackup-storage.conf";
/// Only root may give a directory to somebody else.
const ACCOUNT: &str = "restic:x:0:0::/:/usr/sbin/nologin\n";

#[test]
fn tmpfiles_makes_the_repository_s_directory() -> Result<()> {
    all_come_back(Reader::Tmpfiles, |_| true, &|cases| {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let (root, table) = (directory.path().join("root"), directory.path().join("table.conf"));
        create_dir_all(root.join("etc"))?;
        write(root.join("etc/passwd"), ACCOUNT)?;
        write(root.join("etc/group"), "restic:x:0:\n")?;
        let mut lines = String::new();
        for case in cases {
            let files = case.files(Host::Storage)?;
            let own = files
                .get(FILE)?
                .lines()
                .find(|line| line.ends_with(" :0700 :restic :restic"));
            lines += own.context("no line makes the directory")?;
            lines.push('\n');
        }
        write(&table, lines)?;
        let made = run(Command::new("systemd-tmpfiles")
            .args(["--create", "--root"])
            .args([&root, &table]))?;
        ensure!(made.status.success(), "{}", made.stderr);
        for case in cases {
            let path = root.join(case.text.trim_start_matches('/'));
            ensure!(path.is_dir(), "{} was not made: {}", path.display(), made.stderr);
        }
        Ok(())
    })
}

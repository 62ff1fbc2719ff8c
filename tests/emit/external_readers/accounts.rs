//! systemd-sysusers and systemd-tmpfiles read the tables.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::stage::{Host, Stage};

/// Makes a host's users and directories below its staged root.
fn make(host: &Host<'_>) -> Result<()> {
    for arguments in [&["systemd-sysusers"][..], &["systemd-tmpfiles", "--create"]] {
        let [program, options @ ..] = arguments else {
            continue;
        };
        let made = run(Command::new(program)
            .args(options)
            .arg(format!("--root={}", host.root.display()))
            .env("SYSTEMD_LOG_LEVEL", "warning"))?;
        ensure!(
            made.status.success() && made.stderr.is_empty(),
            "{}: {program}: {}",
            host.name,
            made.stderr
        );
    }
    Ok(())
}

#[test]
fn restic_is_a_user_with_the_fleet_s_id_on_the_storage_host_and_a_shell_only_where_sshd_needs_one()
-> Result<()> {
    for host in Stage::shared()?.hosts() {
        make(&host)?;
        let users = std::fs::read_to_string(host.path("etc/passwd"))?;
        let user = users
            .lines()
            .find(|line| line.starts_with("restic:"))
            .context("no user restic")?;
        let fields: Vec<&str> = user.split(':').collect();
        let [_, _, user_id, group_id, _, home, shell] = fields[..] else {
            anyhow::bail!("{user}");
        };
        let groups = std::fs::read_to_string(host.path("etc/group"))?;
        assert!(groups.contains(&format!("restic:x:{group_id}:\n")), "{groups}");
        assert_eq!(home, "/", "no home, so nobody's keys");
        if host.name == host.fleet.storage.name.as_str() {
            let wanted = host.fleet.repository.uid.to_string();
            assert_eq!([user_id, group_id], [wanted.as_str(), wanted.as_str()]);
            assert_eq!(shell, "/usr/sbin/nologin");
        } else {
            assert_eq!(shell, "/bin/sh");
        }
    }
    Ok(())
}

#[test]
fn the_directories_are_made_for_those_who_use_them() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        make(&host)?;
        let look = |path: &str| -> Result<(u32, u32)> {
            let metadata = std::fs::metadata(host.path(path)).with_context(|| path.to_owned())?;
            Ok((metadata.mode() & 0o7777, metadata.uid()))
        };
        if host.name == host.fleet.storage.name.as_str() {
            let restic = host.fleet.repository.uid;
            assert_eq!(look("var/lib/genbackup")?, (0o750, restic));
            assert_eq!(look("var/lib/genbackup/runs")?, (0o750, restic));
        }
        if host.path("etc/tmpfiles.d/genbackup-client.conf").exists() {
            assert_eq!(look("run/genbackup")?, (0o755, 0));
        }
    }
    Ok(())
}

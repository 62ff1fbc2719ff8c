//! What a push does to a client that has files already: ours, modified ones, and those of others.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::machine::{Lab, MANIFEST, SOCKETS, table};

const MODIFIED: &str = "etc/genbackup/sshd_config";
const PORT: (&str, &str) = ("port = 50000", "port = 50001");

/// Adds a line to a file of a machine.
fn modify(lab: &Lab, host: &str, path: &str) -> Result<()> {
    let file = lab.path(host, path);
    let text = fs::read_to_string(&file)?;
    Ok(fs::write(file, text + "# mine\n")?)
}

#[test]
fn a_modified_file_is_refused_with_the_difference_and_nothing_changes() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&[])?;
    modify(&lab, "ziz", MODIFIED)?;
    lab.change(&[PORT])?;
    let before = lab.tree("ziz")?;
    lab.asked("ziz")?;
    let (printed, complaint) = lab.refused(&[])?;
    assert!(
        complaint.starts_with(
            "ziz: error: modified locally, or not written by genbackup: `/etc/genbackup/sshd_config`\n\n\
             --- /etc/genbackup/sshd_config\n+++ /etc/genbackup/sshd_config\n"
        ) && complaint.contains("\n-# mine\n")
            && complaint.contains("\nhint: "),
        "{complaint}"
    );
    assert_eq!(lab.tree("ziz")?, before);
    assert_eq!(lab.asked("ziz")?, [""; 0]);
    // The other client is not kept waiting.
    assert_eq!(lab.tree("kai")?, lab.emitted("kai")?);
    assert_eq!(table(&printed)[2], ["ziz", "failed", "-", "-"]);
    Ok(())
}

#[test]
fn a_file_that_is_not_ours_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    fs::create_dir(lab.path("ziz", "etc/genbackup"))?;
    fs::write(lab.path("ziz", MODIFIED), "of somebody else\n")?;
    let before = lab.tree("ziz")?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(complaint.contains("\n-of somebody else\n"), "{complaint}");
    assert_eq!(lab.tree("ziz")?, before);
    Ok(())
}

#[test]
fn force_overwrites_what_was_modified() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let before = lab.tree("ziz")?;
    modify(&lab, "ziz", MODIFIED)?;
    lab.pushed(&["ziz", "--force"])?;
    assert_eq!(lab.tree("ziz")?, before);
    Ok(())
}

#[test]
fn a_directory_in_the_place_of_a_file_is_refused_even_with_force() -> Result<()> {
    let lab = Lab::new()?;
    fs::create_dir_all(lab.path("ziz", MODIFIED))?;
    for words in [&["ziz"][..], &["ziz", "--force"]] {
        let (_, complaint) = lab.refused(words)?;
        ensure!(
            complaint.contains("`/etc/genbackup/sshd_config` is a directory, but must be a file"),
            "{complaint}"
        );
        assert_eq!(lab.tree("ziz")?.len(), 0);
    }
    Ok(())
}

#[test]
fn a_link_is_not_followed() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let target = lab.path("ziz", "etc/target");
    fs::rename(lab.path("ziz", MODIFIED), &target)?;
    let text = fs::read_to_string(&target)?;
    std::os::unix::fs::symlink("/etc/target", lab.path("ziz", MODIFIED))?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.contains("\n-(a symbolic link to /etc/target)\n"),
        "{complaint}"
    );
    lab.pushed(&["ziz", "--force"])?;
    assert_eq!(fs::read_to_string(target)?, text);
    assert!(!lab.path("ziz", MODIFIED).is_symlink());
    Ok(())
}

#[test]
fn diff_shows_the_difference_and_changes_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let (printed, complaint) = lab.refused(&["--diff"])?;
    assert_eq!(complaint, "");
    let (kai, ziz) = printed.split_once("\n# ziz\n").context("no `# ziz`")?;
    for (host, diff) in [("kai", kai), ("ziz", ziz)] {
        ensure!(
            diff.contains("--- /dev/null\n+++ /etc/genbackup/sshd_config\n"),
            "{diff}"
        );
        ensure!(!diff.contains("HOST  RESULT"), "{diff}");
        assert_eq!(lab.tree(host)?.len(), 0, "{host}");
        assert!(!lab.path(host, "etc/genbackup").exists());
        assert_eq!(lab.asked(host)?, [""; 0]);
    }
    lab.pushed(&[])?;
    assert_eq!(lab.pushed(&["--diff"])?, "");
    Ok(())
}

#[test]
fn diff_of_a_modified_file_names_it_and_fails() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    modify(&lab, "ziz", MODIFIED)?;
    let (printed, complaint) = lab.refused(&["ziz", "--diff"])?;
    ensure!(printed.contains("\n-# mine\n"), "{printed}");
    assert_eq!(
        complaint,
        "ziz: error: modified locally, or not written by genbackup: `/etc/genbackup/sshd_config`\n"
    );
    Ok(())
}

#[test]
fn dry_run_lists_files_and_units_and_changes_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let printed = lab.pushed(&["ziz", "--dry-run"])?;
    for line in [
        "ziz: create /etc/genbackup/sshd_config\n",
        "ziz: create /usr/local/libexec/genbackup/backup-restic\n",
        "ziz: enable genbackup-sshd.socket\nziz: start genbackup-sshd.socket\n",
    ] {
        ensure!(printed.contains(line), "no {line:?}: {printed}");
    }
    assert_eq!(table(&printed)[1][..3], ["ziz", "would", "change"]);
    assert_eq!(lab.tree("ziz")?.len(), 0);
    assert!(!lab.path("ziz", "etc/genbackup").exists());
    assert_eq!(lab.asked("ziz")?, [""; 0]);
    lab.pushed(&["ziz"])?;
    lab.change(&[PORT])?;
    let printed = lab.pushed(&["ziz", "--dry-run"])?;
    ensure!(
        printed.contains("ziz: update /etc/systemd/system/genbackup-sshd.socket\n")
            && printed.contains("ziz: restart genbackup-sshd.socket\n"),
        "{printed}"
    );
    Ok(())
}

#[test]
fn dry_run_reports_what_would_be_refused() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    let printed = lab.pushed(&["ziz", "--dry-run"])?;
    assert_eq!(table(&printed)[1][..4], ["ziz", "up", "to", "date"]);
    modify(&lab, "ziz", MODIFIED)?;
    let (printed, complaint) = lab.refused(&["ziz", "--dry-run"])?;
    ensure!(
        printed.contains("ziz: overwrite /etc/genbackup/sshd_config\n"),
        "{printed}"
    );
    assert_eq!(table(&printed)[1][..4], ["ziz", "would", "be", "refused"]);
    ensure!(complaint.contains("\n-# mine\n"), "{complaint}");
    Ok(())
}

#[test]
fn another_port_restarts_the_socket_and_no_backup() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    fs::write(lab.path("ziz", "state/active/genbackup-backup@1.service"), "")?;
    lab.asked("ziz")?;
    lab.change(&[PORT])?;
    lab.pushed(&["ziz"])?;
    let asked = lab.asked("ziz")?;
    let units: Vec<&String> = asked
        .iter()
        .filter(|call| !call.starts_with("systemd-"))
        .collect();
    assert_eq!(units, ["daemon-reload", "try-restart genbackup-sshd.socket"]);
    lab.is_live("ziz")
}

#[test]
fn a_mount_that_leaves_is_stopped_before_its_file_goes_but_not_during_a_backup() -> Result<()> {
    for is_running in [false, true] {
        let lab = Lab::new()?;
        lab.pushed(&["ziz"])?;
        let unit = "mnt-jak-restic.mount";
        fs::write(lab.path("ziz", &format!("state/active/{unit}")), "")?;
        if is_running {
            fs::write(lab.path("ziz", "state/active/genbackup-backup@1.service"), "")?;
        }
        lab.asked("ziz")?;
        lab.change(&[("mount = \"/mnt/jak/restic\"", "mount = \"/mnt/elsewhere\"")])?;
        let pushed = lab.push(&["ziz"])?;
        ensure!(pushed.status.success(), "{}", pushed.stderr);
        let asked = lab.asked("ziz")?;
        let stopped = asked.contains(&format!("stop {unit}"));
        assert_eq!(stopped, !is_running, "{asked:?}");
        let note = format!("ziz: note: {unit} is removed, but stays mounted for a running backup");
        assert_eq!(pushed.stderr.starts_with(&note), is_running, "{}", pushed.stderr);
        assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    }
    Ok(())
}

#[test]
fn a_host_that_left_the_fleet_loses_its_units_and_then_its_files() -> Result<()> {
    let lab = Lab::new()?;
    lab.pushed(&["ziz"])?;
    lab.asked("ziz")?;
    modify(&lab, "ziz", MODIFIED)?;
    fs::write(lab.path("ziz", "etc/genbackup/mine"), "mine")?;
    // It may have no fleet file.
    fs::remove_file(lab.file("fleet.toml"))?;
    let removed = lab.push(&["--remove", "root@ziz"])?;
    ensure!(removed.status.success(), "{}", removed.stderr);
    assert_eq!(
        removed.stderr,
        "root@ziz: note: `/etc/genbackup/sshd_config` is no longer needed, but was modified locally, so it stays\n"
    );
    let mut expected: Vec<String> = SOCKETS
        .iter()
        .flat_map(|unit| [format!("disable {unit}"), format!("stop {unit}")])
        .collect();
    expected.push("daemon-reload".to_owned());
    assert_eq!(lab.asked("ziz")?, expected);
    let left = lab.tree("ziz")?;
    let left: Vec<&str> = left.keys().filter_map(|path| path.to_str()).collect();
    assert_eq!(left, [MANIFEST, "etc/genbackup/mine", MODIFIED]);
    assert_eq!(fs::read_dir(lab.path("ziz", "state/enabled"))?.count(), 0);
    Ok(())
}

#[test]
fn a_host_where_nothing_was_written_has_nothing_to_remove() -> Result<()> {
    let lab = Lab::new()?;
    for words in [
        &["--remove", "root@ziz"][..],
        &["--remove", "root@ziz", "--dry-run"],
    ] {
        let (_, complaint) = lab.refused(words)?;
        ensure!(
            complaint.starts_with("root@ziz: error: nothing to remove: genbackup wrote nothing there"),
            "{complaint}"
        );
        assert_eq!(lab.tree("ziz")?.len(), 0);
        assert!(!lab.path("ziz", "etc/genbackup").exists());
    }
    Ok(())
}

#[test]
fn what_systemd_refuses_is_reported_and_the_rest_goes_on() -> Result<()> {
    let lab = Lab::new()?;
    fs::write(lab.path("ziz", "state/fails"), "start genbackup-backup.socket\n")?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with(
            "ziz: error: cannot start genbackup-backup.socket: Job for genbackup-backup.socket failed; See \"systemctl status"
        ),
        "{complaint}"
    );
    let asked = lab.asked("ziz")?;
    ensure!(
        asked.contains(&"start genbackup-sshd.socket".to_owned()),
        "{asked:?}"
    );
    fs::remove_file(lab.path("ziz", "state/fails"))?;
    lab.pushed(&["ziz"])?;
    lab.is_live("ziz")
}

#[test]
fn a_systemd_that_does_not_reload_starts_nothing() -> Result<()> {
    let lab = Lab::new()?;
    fs::write(lab.path("ziz", "state/fails"), "daemon-reload\n")?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with("ziz: error: cannot reload systemd: ")
            && complaint.contains("`systemctl daemon-reload`, then `genbackup push ziz` again"),
        "{complaint}"
    );
    ensure!(!lab.asked("ziz")?.iter().any(|call| call.starts_with("start")));
    Ok(())
}

//! Which files are written, and where.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command::{genbackup, run};
use crate::emitted::{FLEET, Site, changed, texts};

#[test]
fn what_is_as_it_should_be_is_not_touched() -> Result<()> {
    let site = Site::new()?;
    let first = site.emitted(FLEET, &["--all"])?;
    assert!(
        first.ends_with(" files written, 0 removed\n") && !first.starts_with('0'),
        "{first}"
    );
    let before = site.tree()?;
    assert_eq!(site.emitted(FLEET, &["--all"])?, "0 files written, 0 removed\n");
    assert_eq!(site.tree()?, before, "inodes and times are the same, too");
    Ok(())
}

#[test]
fn only_what_changes_is_written() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    let fleet = changed("\"daily\"", "\"weekly\"")?;
    assert_eq!(
        site.emitted(&fleet, &["--host=jak"])?,
        "1 file written, 0 removed\n"
    );
    let after = site.tree()?;
    let touched: Vec<_> = after
        .iter()
        .filter(|(path, entry)| before.get(*path) != Some(entry))
        .collect();
    let touched: Vec<_> = touched.iter().map(|(path, _)| path.to_string_lossy()).collect();
    assert_eq!(
        touched,
        [
            "etc/genbackup/manifest.json",
            "etc/systemd/system/genbackup.timer"
        ]
    );
    Ok(())
}

#[test]
fn modes_do_not_depend_on_the_umask() -> Result<()> {
    let (site, strict) = (Site::new()?, Site::new()?);
    site.emitted(FLEET, &["--all"])?;
    let command = strict.command(FLEET, &["--all"])?;
    let emit = run(Command::new("sh")
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args()))?;
    assert!(emit.status.success(), "{}", emit.stderr);
    assert_eq!(texts(&site.tree()?), texts(&strict.tree()?));
    Ok(())
}

#[test]
fn a_mode_that_somebody_changed_is_set_right() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    let script = site.path("usr/local/libexec/genbackup/run-backups");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let diff = site.emit(FLEET, &["--host=jak", "--diff"])?;
    assert!(
        diff.stdout.contains("(its mode or owner changes)"),
        "{}",
        diff.stdout
    );
    assert_eq!(
        site.emitted(FLEET, &["--host=jak"])?,
        "1 file written, 0 removed\n"
    );
    assert_eq!(texts(&site.tree()?), texts(&before));
    Ok(())
}

#[test]
fn a_difference_is_shown_as_a_unified_diff_and_nothing_is_written() -> Result<()> {
    let site = Site::new()?;
    let arguments = ["--host=jak", "--diff"];
    let new = site.emit(FLEET, &arguments)?;
    assert_eq!(new.status.code(), Some(1));
    assert!(new.stdout.starts_with("--- /dev/null\n+++ "), "{}", new.stdout);
    assert!(!site.root.exists(), "--diff made {}", site.root.display());

    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    let same = site.emit(FLEET, &arguments)?;
    assert_eq!(
        (same.status.code(), same.stdout.as_str(), same.stderr.as_str()),
        (Some(0), "", "")
    );

    let fleet = changed("calendar = \"daily\"", "calendar = \"weekly\"")?;
    let update = site.emit(&fleet, &arguments)?;
    let timer = site.path("etc/systemd/system/genbackup.timer");
    let head = format!("--- {0}\n+++ {0}\n@@ -", timer.display());
    assert!(update.stdout.starts_with(&head), "{}", update.stdout);
    assert!(
        update
            .stdout
            .contains("\n-OnCalendar=daily\n+OnCalendar=weekly\n"),
        "{}",
        update.stdout
    );
    assert_eq!(update.status.code(), Some(1));

    let removed = site.emit(&changed("initialize = true\n", "")?, &arguments)?;
    assert!(
        removed.stdout.contains("make-directory\n+++ /dev/null\n@@ -"),
        "{}",
        removed.stdout
    );
    assert_eq!(removed.status.code(), Some(1));
    assert_eq!(site.tree()?, before);
    Ok(())
}

#[test]
fn an_option_that_is_taken_back_takes_its_files_with_it_and_nothing_else() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let mine = site.path("etc/systemd/system/mine.service");
    std::fs::write(&mine, "mine")?;
    let before = site.tree()?;
    let printed = site.emitted(&changed("initialize = true\n", "")?, &["--host=jak"])?;
    assert!(printed.ends_with(", 3 removed\n"), "{printed}");
    let after = site.tree()?;
    let gone: BTreeSet<&PathBuf> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    let gone: Vec<_> = gone.iter().map(|path| path.to_string_lossy()).collect();
    assert_eq!(
        gone,
        [
            "etc/systemd/system/genbackup-directory.service",
            "etc/systemd/system/genbackup-init.service",
            "usr/local/libexec/genbackup/make-directory",
        ]
    );
    assert_eq!(after.len(), before.len() - gone.len());
    Ok(())
}

#[test]
fn out_moves_the_units_and_nothing_else() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak", "--out=/run/units"])?;
    let tree = site.tree()?;
    assert!(
        tree.contains_key(&PathBuf::from("run/units/genbackup.service")),
        "{tree:?}"
    );
    assert!(
        tree.contains_key(&PathBuf::from("usr/local/libexec/genbackup/run-backups")),
        "{tree:?}"
    );
    assert!(
        tree.contains_key(&PathBuf::from("etc/exports.d/genbackup.exports")),
        "{tree:?}"
    );
    let usual = |path: &PathBuf| path.starts_with("etc/systemd");
    assert!(!tree.keys().any(usual), "{tree:?}");

    // Units that were elsewhere before are not left behind.
    site.emitted(FLEET, &["--host=jak"])?;
    let straight = Site::new()?;
    straight.emitted(FLEET, &["--host=jak"])?;
    assert_eq!(texts(&site.tree()?), texts(&straight.tree()?));
    Ok(())
}

#[test]
fn a_root_may_be_relative_and_missing() -> Result<()> {
    let (site, relative) = (Site::new()?, Site::new()?);
    site.emitted(FLEET, &["--all"])?;
    std::fs::create_dir(&relative.root)?;
    let mut command = genbackup();
    command
        .current_dir(&relative.root)
        .arg("--fleet")
        .arg(site.fleet(FLEET)?);
    let emit = run(command.args(["emit", "--all", "--root", "a/directory"]))?;
    assert!(emit.status.success(), "{}", emit.stderr);
    let tree = crate::emitted::tree(&relative.path("a/directory"))?;
    assert_eq!(texts(&tree), texts(&site.tree()?));
    Ok(())
}

#[test]
fn a_relative_out_is_refused() -> Result<()> {
    let site = Site::new()?;
    let message = site.refused(FLEET, &["--host=jak", "--out=units"])?;
    assert!(
        message.starts_with("error: `--out units` is not an absolute path\n\nhint: "),
        "{message}"
    );
    Ok(())
}

#[test]
fn a_host_that_the_fleet_does_not_have_is_refused_with_those_that_it_has() -> Result<()> {
    let site = Site::new()?;
    let message = site.refused(FLEET, &["--host=nobody"])?;
    assert_eq!(
        message,
        "error: no host of the fleet is named `nobody`\n\nhint: name one with `--host`: jak, kai, ziz; if it left the \
         fleet, run `genbackup push --remove root@nobody` on the storage host\n"
    );
    // This machine, whatever it is called.
    let message = site.refused(FLEET, &[])?;
    assert!(
        message.contains("`, the host name of this machine\n\nhint: name one with `--host`: jak, kai, ziz; "),
        "{message}"
    );
    assert!(!site.root.exists());
    Ok(())
}

#[test]
fn a_host_is_found_by_the_first_part_of_its_full_name() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=ziz.example.net"])?;
    assert!(site.path("etc/genbackup/sshd_config").exists());
    Ok(())
}

#[test]
fn each_of_all_hosts_gets_a_separate_tree() -> Result<()> {
    let (all, one) = (Site::new()?, Site::new()?);
    all.emitted(FLEET, &["--all"])?;
    let trees = all.tree()?;
    let directories: BTreeSet<_> = trees.keys().filter_map(|path| path.iter().next()).collect();
    assert_eq!(directories.into_iter().collect::<Vec<_>>(), ["jak", "kai", "ziz"]);
    one.emitted(FLEET, &["--host=kai"])?;
    let tree = crate::emitted::tree(&all.path("kai"))?;
    assert_eq!(texts(&tree), texts(&one.tree()?));
    Ok(())
}

#[test]
fn a_fleet_may_have_more_hosts_than_a_process_may_usually_open_files() -> Result<()> {
    let site = Site::new()?;
    let mut fleet = FLEET.to_owned();
    for number in 100..200 {
        let key = format!("AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQ{number}");
        write!(
            fleet,
            "\n[hosts.client-{number}]\nhost-key = \"ssh-ed25519 {key}\"\ninclude = [\"/etc\"]\n"
        )?;
    }
    let command = site.command(&fleet, &["--all"])?;
    let emit = run(Command::new("sh")
        .args(["-c", "ulimit -S -n 64 && exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args()))?;
    assert!(emit.status.success(), "{}", emit.stderr);
    Ok(())
}

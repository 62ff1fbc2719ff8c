//! What an older release wrote is brought up to date, and what the admin made of it is not lost in silence.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{Outcome, genbackup, run};
use crate::emitted::{FLEET, Site, texts};

const UNITS: &str = "etc/systemd/system";

/// All releases: directories with a fleet file and what the release wrote for its hosts.
fn releases() -> Result<Vec<PathBuf>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/releases");
    let releases: Vec<PathBuf> = fs::read_dir(directory)?
        .map(|release| Ok(release?.path()))
        .collect::<Result<_>>()?;
    ensure!(!releases.is_empty(), "there is no release in fixtures/releases");
    Ok(releases)
}

fn emit(fleet: &Path, root: &Path) -> Result<Outcome> {
    run(genbackup()
        .arg("--fleet")
        .arg(fleet)
        .args(["emit", "--all", "--root"])
        .arg(root))
}

/// Enables a unit, as `systemctl enable` does: its path below the root is the link's.
fn enable(site: &Site, link: &str) -> Result<()> {
    let link = site.path(UNITS).join(link);
    fs::create_dir_all(link.parent().context("a link lies in a directory")?)?;
    let unit = link.file_name().context("a link has a name")?;
    Ok(symlink(Path::new("/").join(UNITS).join(unit), &link)?)
}

/// Makes of a unit what an older release would have called by another name, in the manifest too.
fn was_named(site: &Site, new: &str, old: &str) -> Result<()> {
    fs::rename(site.path(UNITS).join(new), site.path(UNITS).join(old))?;
    let manifest = site.path("etc/genbackup/manifest.json");
    let text = fs::read_to_string(&manifest)?;
    let renamed = text.replace(&format!("{UNITS}/{new}\""), &format!("{UNITS}/{old}\""));
    ensure!(renamed != text, "the manifest has no {new}");
    Ok(fs::write(manifest, renamed)?)
}

/// Runs the commands that a note has in backticks.
fn follow(notes: &str) -> Result<()> {
    let quoted = notes.split('`').skip(1).step_by(2);
    for command in quoted.filter(|quoted| quoted.starts_with("systemctl ")) {
        let done = run(Command::new("sh").args(["-c", command]))?;
        ensure!(done.status.success(), "{command}: {}", done.stderr);
    }
    Ok(())
}

#[test]
fn what_each_release_wrote_is_brought_up_to_date() -> Result<()> {
    for release in releases()? {
        let (site, fresh) = (Site::new()?, Site::new()?);
        ensure!(
            run(Command::new("cp")
                .arg("-r")
                .arg(release.join("hosts"))
                .arg(&site.root))?
            .status
            .success()
        );
        // Its manifest lists its files: without one, all of them would be somebody else's.
        let manifest: Value =
            serde_json::from_slice(&fs::read(site.path("jak/etc/genbackup/manifest.json"))?)?;
        let files = manifest["files"].as_object().context("a manifest has files")?;
        ensure!(
            files.contains_key("etc/systemd/system/genbackup.timer"),
            "{manifest}"
        );
        let fleet = release.join("fleet.toml");
        let updated = emit(&fleet, &site.root)?;
        ensure!(
            updated.status.success(),
            "{}: {}",
            release.display(),
            updated.stderr
        );
        ensure!(emit(&fleet, &fresh.root)?.status.success());
        assert_eq!(
            texts(&site.tree()?),
            texts(&fresh.tree()?),
            "{}",
            release.display()
        );
    }
    Ok(())
}

#[test]
fn a_hold_survives_an_upgrade_emit_and_removal() -> Result<()> {
    const HOLD: &str = r#"{"host":"ziz","hold":{"since":"2026-11-28T12:00:00Z","why":"moving house"}}"#;
    for release in releases()? {
        let site = Site::new()?;
        let copied = run(Command::new("cp")
            .arg("-r")
            .arg(release.join("hosts"))
            .arg(&site.root))?;
        ensure!(copied.status.success(), "{}", copied.stderr);
        let hold = site.path("jak/var/lib/genbackup-holds/ziz.json");
        fs::create_dir_all(hold.parent().context("a hold lies in a directory")?)?;
        fs::write(&hold, HOLD)?;
        let fleet = release.join("fleet.toml");
        for _ in 0..2 {
            let updated = emit(&fleet, &site.root)?;
            ensure!(updated.status.success(), "{}", updated.stderr);
            assert_eq!(fs::read_to_string(&hold)?, HOLD, "{}", release.display());
        }
        let removed = run(genbackup()
            .args(["emit", "--remove", "--root"])
            .arg(site.path("jak")))?;
        ensure!(removed.status.success(), "{}", removed.stderr);
        ensure!(!site.path("jak/etc/systemd/system/genbackup.timer").exists());
        assert_eq!(fs::read_to_string(&hold)?, HOLD, "{}", release.display());
    }
    Ok(())
}

#[test]
fn a_unit_that_is_no_more_goes_and_the_link_that_enables_it_is_mentioned() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    was_named(&site, "genbackup-maintain.service", "genbackup-prune.service")?;
    for link in [
        "timers.target.wants/genbackup.timer",
        "multi-user.target.wants/genbackup-prune.service",
        "mine.target.requires/genbackup-prune.service",
        "multi-user.target.wants/mine.service",
    ] {
        enable(&site, link)?;
    }
    fs::create_dir(site.path(UNITS).join("genbackup-prune.service.d"))?;
    let before = site.tree()?;
    let notes = {
        let removed = "genbackup-prune.service is removed";
        let units = site.path(UNITS).display().to_string();
        let disable = format!(
            "`systemctl --root={} disable genbackup-prune.service`",
            site.root.display()
        );
        format!(
            "note: {removed}, but its link `{units}/mine.target.requires/genbackup-prune.service` stays: run {disable}\n\
             note: {removed}, but its link `{units}/multi-user.target.wants/genbackup-prune.service` stays: run {disable}\n\
             note: {removed}, so the drop-ins in `{units}/genbackup-prune.service.d` have no effect\n"
        )
    };
    // A user who runs `--diff` first can disable it before the update.
    let diff = site.emit(FLEET, &["--host=jak", "--diff"])?;
    assert_eq!((diff.status.code(), diff.stderr), (Some(1), notes.clone()));
    assert_eq!(site.tree()?, before);
    let updated = site.emit(FLEET, &["--host=jak"])?;
    assert_eq!(
        (updated.stdout.as_str(), updated.stderr.as_str()),
        ("1 file written, 1 removed\n", notes.as_str())
    );
    let after = site.tree()?;
    for (path, entry) in &before {
        let is_ours = path.ends_with("genbackup-prune.service")
            && !path.starts_with(format!("{UNITS}/mine.target.requires"))
            && !path.starts_with(format!("{UNITS}/multi-user.target.wants"));
        let changes = is_ours || path.ends_with("manifest.json");
        assert!(changes || after.get(path) == Some(entry), "{}", path.display());
    }
    assert!(!after.contains_key(&Path::new(UNITS).join("genbackup-prune.service")));

    // The advice is good: it takes away what it names, and nothing else.
    follow(&updated.stderr)?;
    let tree = site.tree()?;
    let gone: Vec<_> = after.keys().filter(|path| !tree.contains_key(*path)).collect();
    assert_eq!(
        gone,
        [
            &Path::new(UNITS).join("mine.target.requires/genbackup-prune.service"),
            &Path::new(UNITS).join("multi-user.target.wants/genbackup-prune.service"),
        ]
    );
    Ok(())
}

#[test]
fn a_timer_that_keeps_its_name_stays_enabled() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let timer = site.path(UNITS).join("genbackup.timer");
    was_named(&site, "genbackup-maintain.service", "genbackup-prune.service")?;
    enable(&site, "timers.target.wants/genbackup.timer")?;
    let weekly = FLEET.replace("\"daily\"", "\"weekly\"");
    assert_eq!(
        site.emitted(&weekly, &["--host=jak"])?,
        "2 files written, 1 removed\n"
    );
    assert!(fs::read_to_string(timer)?.contains("OnCalendar=weekly"));
    let enabled = run(Command::new("systemctl")
        .arg(format!("--root={}", site.root.display()))
        .args(["is-enabled", "genbackup.timer"]))?;
    assert_eq!(enabled.stdout, "enabled\n", "{}", enabled.stderr);
    Ok(())
}

#[test]
fn the_notes_enable_a_renamed_timer_again() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    was_named(&site, "genbackup.timer", "genbackup-nightly.timer")?;
    enable(&site, "timers.target.wants/genbackup-nightly.timer")?;
    let updated = site.emit(FLEET, &["--host=jak"])?;
    let root = site.root.display();
    assert_eq!(
        updated.stderr,
        format!(
            "note: genbackup.timer is new, but not enabled: run `systemctl --root={root} enable genbackup.timer`\n\
             note: genbackup-nightly.timer is removed, but its link \
             `{root}/{UNITS}/timers.target.wants/genbackup-nightly.timer` stays: run \
             `systemctl --root={root} disable genbackup-nightly.timer`\n"
        )
    );
    follow(&updated.stderr)?;
    let links = fs::read_dir(site.path(UNITS).join("timers.target.wants"))?;
    let links: Vec<_> = links.map(|link| Ok(link?.file_name())).collect::<Result<_>>()?;
    assert_eq!(links, ["genbackup.timer"]);
    // A note that was followed is not printed again.
    assert_eq!(
        site.emitted(FLEET, &["--host=jak"])?,
        "0 files written, 0 removed\n"
    );
    Ok(())
}

#[test]
fn units_that_only_move_stay_enabled_without_a_note() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak", "--out=/usr/local/lib/systemd/system"])?;
    enable(&site, "timers.target.wants/genbackup.timer")?;
    site.emitted(FLEET, &["--host=jak"])?;
    assert!(site.path(UNITS).join("genbackup.timer").exists());
    assert!(!site.path("usr/local/lib/systemd/system/genbackup.timer").exists());
    Ok(())
}

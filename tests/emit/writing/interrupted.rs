//! `kill -9` at any moment, and two at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use crate::emitted::{FLEET, Site, Tree, changed, texts};

/// A fleet with enough clients that replacing their files takes a while.
fn large(text: &str) -> Result<String> {
    let mut fleet = text.to_owned();
    for number in 10..30 {
        let key = format!("AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQC{number}");
        write!(
            fleet,
            "\n[hosts.client-{number}]\nhost-key = \"ssh-ed25519 {key}\"\ninclude = [\"/etc\"]\n"
        )?;
    }
    Ok(fleet)
}

/// Two fleets with files that only one of them has, and files that differ, and their trees.
struct Two {
    fleets: [String; 2],
    trees: [Tree; 2],
}

impl Two {
    fn new() -> Result<Self> {
        let old = large(FLEET)?;
        let new = changed("/mnt/storage", "/mnt/elsewhere")?
            .replace("initialize = true\n", "")
            .replace("/mnt/jak", "/mnt/other");
        let fleets = [old, large(&new)?];
        let (one, other) = (Site::new()?, Site::new()?);
        one.emitted(&fleets[0], &["--all"])?;
        other.emitted(&fleets[1], &["--all"])?;
        Ok(Self {
            fleets,
            trees: [one.tree()?, other.tree()?],
        })
    }

    /// Checks that every file is whole: the old one or the new one, or missing if one of the fleets does not
    /// have it. Returns the number of files that only the new fleet has.
    fn check_whole(&self, site: &Site, new: usize) -> Result<usize> {
        let [there, one, other] = [&site.tree()?, &self.trees[new], &self.trees[1 - new]];
        let mut news = 0;
        for path in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            let look = |tree: &Tree| tree.get(path).map(|entry| (entry.mode, entry.content.clone()));
            let (found, is_manifest) = (look(there), path.ends_with("etc/genbackup/manifest.json"));
            // The manifest has a third state, which knows both.
            let whole = found == look(one) || found == look(other);
            let knows_both = is_manifest
                && found
                    .as_ref()
                    .is_some_and(|(_, text)| serde_json::from_slice::<serde_json::Value>(text).is_ok());
            ensure!(
                whole || knows_both,
                "{} is neither old nor new: {found:?}",
                path.display()
            );
            if !is_manifest && found == look(one) && look(one) != look(other) {
                news += 1;
            }
        }
        for path in there.keys() {
            let known = one.contains_key(path) || other.contains_key(path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let waiting = name.starts_with('.') && name.ends_with(".genbackup-new");
            ensure!(known || waiting, "{} is nobody's", path.display());
        }
        Ok(news)
    }

    /// The files that differ between the two.
    fn differing(&self) -> Vec<&Path> {
        let [one, other] = &self.trees;
        let paths: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        let text = |tree: &Tree, path: &Path| tree.get(path).map(|entry| entry.content.clone());
        paths
            .into_iter()
            .map(PathBuf::as_path)
            .filter(|path| !path.ends_with("etc/genbackup/manifest.json"))
            .filter(|path| text(one, path) != text(other, path))
            .collect()
    }

    /// The places of some files that both have and that differ, evenly spread over them.
    fn places(&self, root: &Path, count: usize) -> Vec<PathBuf> {
        let [one, other] = &self.trees;
        let in_both = |path: &&Path| one.contains_key(*path) && other.contains_key(*path);
        let paths: Vec<_> = self.differing().into_iter().filter(in_both).collect();
        let spread = (0..count).filter_map(|number| paths.get(number * paths.len() / count));
        spread.map(|path| root.join(path)).collect()
    }
}

/// The file next to a place that holds the new text before it is moved there.
fn waiting_file(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.genbackup-new"))
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

fn start(site: &Site, fleet: &str) -> Result<Child> {
    let mut command = site.command(fleet, &["--all"])?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("cannot start genbackup")
}

/// Kills it when the moment has come, unless it ends first; true when it was killed.
fn kill_when(mut child: Child, mut moment: impl FnMut() -> bool) -> Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let ended = loop {
        if moment() {
            break None;
        }
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        ensure!(Instant::now() < deadline, "the moment to kill it did not come");
    };
    if ended.is_none() {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(std::os::unix::process::ExitStatusExt::signal(&status) == Some(9))
}

#[test]
fn whenever_it_is_killed_each_file_is_whole_and_the_next_call_completes() -> Result<()> {
    let two = Two::new()?;
    let site = Site::new()?;
    site.emitted(&two.fleets[0], &["--all"])?;
    let since = Instant::now();
    site.emitted(&two.fleets[1], &["--all"])?;
    let takes = since.elapsed();

    // Moments: a time after the start; when a text waits next to its place; when a file is the new one.
    let places = two.places(&site.root, 30);
    let (mut kills, mut half_way) = (0, 0);
    for number in 0..90 {
        let new = number % 2;
        let place = places.get(number / 3).context("no such place")?;
        let (waiting, before) = (waiting_file(place), inode(place));
        let started = Instant::now();
        let child = start(&site, &two.fleets[new])?;
        let killed = match number % 3 {
            0 => {
                let moment = takes * u32::try_from(number)? / 100;
                kill_when(child, || started.elapsed() >= moment)?
            }
            1 => kill_when(child, || waiting.exists())?,
            _ => kill_when(child, || inode(place) != before)?,
        };
        kills += usize::from(killed);
        let news = two
            .check_whole(&site, new)
            .with_context(|| format!("kill {number}"))?;
        half_way += usize::from(news > 0 && news < two.differing().len());
        site.emitted(&two.fleets[new], &["--all"])?;
        assert_eq!(
            texts(&site.tree()?),
            texts(&two.trees[new]),
            "after kill {number}"
        );
    }
    assert!(kills >= 40, "only {kills} kills came before its end");
    assert!(
        half_way >= 3,
        "only {half_way} kills came between the first file and the last"
    );
    Ok(())
}

#[test]
fn after_a_kill_the_way_back_to_the_old_fleet_is_open_too() -> Result<()> {
    let two = Two::new()?;
    let site = Site::new()?;
    site.emitted(&two.fleets[0], &["--all"])?;
    let mut kills = 0;
    for (number, place) in two.places(&site.root, 20).iter().enumerate() {
        let child = start(&site, &two.fleets[1])?;
        let waiting = waiting_file(place);
        kills += usize::from(kill_when(child, || waiting.exists())?);
        site.emitted(&two.fleets[0], &["--all"])?;
        assert_eq!(texts(&site.tree()?), texts(&two.trees[0]), "after kill {number}");
    }
    assert!(kills >= 10, "only {kills} kills came before its end");
    Ok(())
}

#[test]
fn two_at_once_do_not_mix_their_files() -> Result<()> {
    let two = Two::new()?;
    let site = Site::new()?;
    let (mut both, mut one) = (0, 0);
    for round in 0..20 {
        let mut children = Vec::new();
        for fleet in &two.fleets {
            let mut command = site.command(fleet, &["--all"])?;
            children.push(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
        }
        let mut successes = 0;
        for child in children {
            let ended = child.wait_with_output()?;
            let message = String::from_utf8(ended.stderr)?;
            if ended.status.success() {
                successes += 1;
            } else {
                ensure!(
                    message.contains("is locked: another `genbackup emit` is running"),
                    "{message}"
                );
            }
        }
        match successes {
            1 => one += 1,
            2 => both += 1,
            _ => {}
        }
        if successes > 0 {
            let tree = site.tree()?;
            let is = |number: usize| texts(&tree) == texts(&two.trees[number]);
            assert!(is(0) || is(1), "round {round}: the tree is neither fleet's");
        }
        site.emitted(&two.fleets[round % 2], &["--all"])?;
    }
    assert!(
        both + one > 10,
        "{both} times both and {one} times one of them came to an end"
    );
    Ok(())
}

#[test]
fn nothing_is_written_while_another_emit_runs_there() -> Result<()> {
    let site = Site::new()?;
    site.emitted(FLEET, &["--host=jak"])?;
    let before = site.tree()?;
    let fleet = changed("\"daily\"", "\"weekly\"")?;
    let directory = site.path("etc/genbackup");
    let lock =
        Flock::lock(File::open(&directory)?, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
    let message = site.refused(&fleet, &["--host=jak"])?;
    let expected = format!(
        "error: `{}` is locked: another `genbackup emit` is running",
        directory.display()
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(site.tree()?, before);
    drop(lock);
    site.emitted(&fleet, &["--host=jak"])?;
    Ok(())
}

#[test]
fn who_looked_before_another_wrote_looks_again() -> Result<()> {
    let site = Site::new()?;
    let (old, other) = (
        changed("\"daily\"", "\"weekly\"")?,
        changed("\"daily\"", "\"monthly\"")?,
    );
    site.emitted(FLEET, &["--host=jak"])?;
    // The manifest is a pipe for the first: it waits for what it reads until the second is done.
    let (manifest, pipe) = (site.path("etc/genbackup/manifest.json"), site.path("pipe"));
    let text = std::fs::read(&manifest)?;
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    std::fs::rename(&pipe, &manifest)?;
    let first = site
        .command(&old, &["--host=jak"])?
        .stderr(Stdio::piped())
        .spawn()?;
    let mut writing = open_when_read(&manifest)?;
    std::fs::write(&pipe, &text)?;
    std::fs::rename(&pipe, &manifest)?;
    site.emitted(&other, &["--host=jak"])?;
    writing.write_all(&text)?;
    drop(writing);
    let ended = first.wait_with_output()?;
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );

    let straight = Site::new()?;
    straight.emitted(&old, &["--host=jak"])?;
    assert_eq!(texts(&site.tree()?), texts(&straight.tree()?));
    Ok(())
}

/// Opens a pipe as soon as somebody reads it.
fn open_when_read(pipe: &Path) -> Result<File> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let opened = File::options()
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(pipe);
        match opened {
            Ok(file) => return Ok(file),
            Err(error) => ensure!(Instant::now() < deadline, "nobody reads the manifest: {error}"),
        }
    }
}

//! A connection that breaks, or a client that dies, at any moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use super::machine::{Lab, MANIFEST, Tree};
use crate::command::run;

/// Files that are new, that go, and that have another text.
const CHANGES: [(&str, &str); 3] = [
    ("port = 50000", "port = 50001"),
    ("mount = \"/mnt/jak/restic\"", "mount = \"/mnt/elsewhere\""),
    (
        "include = [\"/srv/data\"",
        "include = [\"/srv/more\", \"/srv/data\"",
    ),
];

/// A client with the files of a fleet that has changed since, and both trees.
struct Two {
    lab: Lab,
    old: Tree,
    new: Tree,
}

impl Two {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        lab.pushed(&["ziz"])?;
        lab.asked("ziz")?;
        let old = lab.tree("ziz")?;
        lab.change(&CHANGES)?;
        let new = lab.emitted("ziz")?;
        let gone = old.keys().filter(|path| !new.contains_key(*path)).count();
        let added = new.keys().filter(|path| !old.contains_key(*path)).count();
        ensure!(gone > 0 && added > 0, "{gone} files go and {added} come");
        Ok(Self { lab, old, new })
    }

    /// Checks that each file is whole: the old one or the new one, or missing if one of the fleets does not
    /// have it. Returns the number of files that only the new fleet has.
    fn check_whole(&self, lab: &Lab) -> Result<usize> {
        let there = lab.tree("ziz")?;
        let mut news = 0;
        for path in self.old.keys().chain(self.new.keys()).collect::<BTreeSet<_>>() {
            let [found, old, new] = [there.get(path), self.old.get(path), self.new.get(path)];
            // The manifest has a third state, which knows both.
            let knows_both = path.ends_with(MANIFEST)
                && found.is_some_and(|entry| serde_json::from_str::<serde_json::Value>(&entry.text).is_ok());
            ensure!(
                found == old || found == new || knows_both,
                "{} is neither old nor new: {found:?}",
                path.display()
            );
            news += usize::from(found == new && new != old);
        }
        for path in there.keys() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let waiting = name.starts_with('.') && name.ends_with(".genbackup-new");
            ensure!(
                waiting || self.old.contains_key(path) || self.new.contains_key(path),
                "{} is nobody's",
                path.display()
            );
        }
        Ok(news)
    }

    /// The next push brings the new tree, and nothing of the one before is left.
    fn check_completed(&self, lab: &Lab) -> Result<()> {
        let next = lab.push(&["ziz"])?;
        ensure!(next.status.success(), "{}{}", next.stdout, next.stderr);
        ensure!(lab.tree("ziz")? == self.new, "{:#?}", lab.tree("ziz")?);
        lab.is_live("ziz")
    }
}

/// Does the same with all of these numbers, some at once; the first error.
fn with_each(numbers: &[usize], act: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = act(number) {
                        let error = error.context(format!("at {number}"));
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.get_or_insert(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}

#[test]
fn a_connection_that_breaks_leaves_each_file_whole_and_the_next_push_completes() -> Result<()> {
    let two = Two::new()?;
    // All that is sent.
    let whole = two.lab.copy()?;
    let kept = whole.file("kept");
    let pushed = run(whole.command(&["push", "ziz"])?.env("KEEP", &kept))?;
    ensure!(pushed.status.success(), "{}", pushed.stderr);
    let kept = fs::read(kept)?;
    // Moments: in the server; in the middle and at the end of each long line, which is an archive; and behind
    // other lines. Those are scripts and inputs.
    let ends = kept.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<usize> = ends.map(|(place, _)| place).collect();
    let longest = ends
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .context("no lines")?;
    let mut numbers = BTreeSet::from([0, 1, 700]);
    for pair in ends.windows(2) {
        if pair[1] - pair[0] > longest / 4 {
            numbers.extend([
                usize::midpoint(pair[0], pair[1]),
                pair[1] - 1,
                pair[1],
                pair[1] + 1,
            ]);
        }
    }
    numbers.extend(ends.iter().rev().step_by(3).take(14).map(|end| end + 1));
    let numbers: Vec<usize> = numbers
        .into_iter()
        .filter(|number| *number < kept.len())
        .collect();
    ensure!(numbers.len() >= 12, "{numbers:?}");

    let half_way = AtomicUsize::new(0);
    with_each(&numbers, |number| {
        let lab = two.lab.copy()?;
        let cut = run(lab.command(&["push", "ziz"])?.env("CUT", number.to_string()))?;
        ensure!(cut.status.code() == Some(1), "{}: {}", cut.status, cut.stdout);
        // Each step that follows fails for the same reason.
        ensure!(cut.stderr.matches("error: ").count() == 1, "{}", cut.stderr);
        ensure!(
            [
                "the connection to root@ziz broke: ",
                "cannot start bash on root@ziz: "
            ]
            .iter()
            .any(|what| cut.stderr.contains(what)),
            "{}",
            cut.stderr
        );
        let news = two.check_whole(&lab)?;
        half_way.fetch_add(usize::from(news > 0), Ordering::Relaxed);
        let left: Vec<_> = fs::read_dir(lab.path("ziz", "run"))?.collect();
        ensure!(left.is_empty(), "{left:?}");
        two.check_completed(&lab)
    })?;
    // The files were written in some of them, and the units not yet.
    let half_way = half_way.into_inner();
    assert!(
        (1..numbers.len()).contains(&half_way),
        "{half_way} of {}",
        numbers.len()
    );
    Ok(())
}

/// Ends the script that started it, as a power cut would, at the rename with this number.
const DYING_MV: &str = "#!/bin/bash
echo >>/state/renames
if (($(wc --lines </state/renames) > $(</state/renames-allowed))); then
    kill -KILL \"$PPID\"
    exit 1
fi
exec /usr/bin/mv \"$@\"
";

#[test]
fn a_client_that_dies_between_two_renames_has_whole_files_and_the_next_push_completes() -> Result<()> {
    let two = Two::new()?;
    two.lab.stand_in("ziz", "mv", DYING_MV)?;
    fs::write(two.lab.path("ziz", "state/renames-allowed"), "1000")?;
    let whole = two.lab.copy()?;
    whole.pushed(&["ziz"])?;
    let renames = fs::read(whole.path("ziz", "state/renames"))?.len();
    ensure!(renames > 5, "only {renames} renames");
    let mixed = AtomicUsize::new(0);
    with_each(&(0..renames).collect::<Vec<_>>(), |number| {
        let lab = two.lab.copy()?;
        fs::write(lab.path("ziz", "state/renames-allowed"), number.to_string())?;
        let (_, complaint) = lab.refused(&["ziz"])?;
        ensure!(
            complaint.starts_with("ziz: error: cannot replace its files: "),
            "{complaint}"
        );
        mixed.fetch_add(usize::from(two.check_whole(&lab)? > 0), Ordering::Relaxed);
        fs::remove_file(lab.path("ziz", "stand-ins/mv"))?;
        two.check_completed(&lab)
    })?;
    assert!(mixed.into_inner() >= 3);
    Ok(())
}

#[test]
fn a_disk_that_is_full_changes_nothing_and_leaves_nothing_behind() -> Result<()> {
    let two = Two::new()?;
    let full = "#!/bin/bash
/usr/bin/tar \"$@\" || exit
if [[ \" $* \" == *' --extract '* ]]; then
    echo 'tar: No space left on device' >&2
    exit 2
fi
";
    two.lab.stand_in("ziz", "tar", full)?;
    let (_, complaint) = two.lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with(
            "ziz: error: cannot write its files: tar: No space left on device; nothing was changed\n\nhint: "
        ),
        "{complaint}"
    );
    assert_eq!(two.lab.tree("ziz")?, two.old);
    fs::remove_file(two.lab.path("ziz", "stand-ins/tar"))?;
    two.check_completed(&two.lab)
}

#[test]
fn a_file_that_an_interrupted_push_left_is_ours_to_emit_there() -> Result<()> {
    let two = Two::new()?;
    two.lab.stand_in("ziz", "mv", DYING_MV)?;
    fs::write(two.lab.path("ziz", "state/renames-allowed"), "3")?;
    two.lab.refused(&["ziz"])?;
    // `genbackup emit` on that machine takes no file for one of somebody else.
    let root = two.lab.file("root");
    fs::create_dir(&root)?;
    for (place, below) in [("etc", "etc"), ("usr/local/", "usr/local")] {
        let to = root.join(below);
        fs::create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
        fs::rename(two.lab.path("ziz", place), to)?;
    }
    let root_text = root.to_str().context("no UTF-8")?;
    let emitted = run(&mut two.lab.command(&["emit", "--host", "ziz", "--root", root_text])?)?;
    ensure!(emitted.status.success(), "{}", emitted.stderr);
    Ok(())
}

//! restic gives back paths and patterns.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use genbackup::model::{ExcludePattern, Excludes, ResticVersion};
use proptest::prelude::{Strategy, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use proptest::{collection, sample};
use tempfile::TempDir;

use super::Reader;
use super::field::{Case, Host};
use super::property::{all_come_back, same};
use crate::command::{Outcome, run};

fn restic(directory: &Path) -> Command {
    let mut command = Command::new("restic");
    command
        .current_dir(directory)
        .env("RESTIC_REPOSITORY", directory.join("repository"))
        .env("RESTIC_CACHE_DIR", directory.join("cache"))
        .env("RESTIC_PASSWORD", "x");
    command
}

/// A directory with a repository, made once: it takes its time.
fn with_repository() -> Result<&'static Path> {
    static DIRECTORY: OnceLock<Result<TempDir>> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let made = run(restic(directory.path()).args(["init", "--quiet"]))?;
        ensure!(made.status.success(), "{}", made.stderr);
        Ok(directory)
    });
    match directory {
        Ok(directory) => Ok(directory.path()),
        Err(error) => bail!("{error:#}"),
    }
}

/// restic reports each missing path.
#[test]
fn restic_gives_back_every_included_path() -> Result<()> {
    let is_missing = |path: &str| Path::new(path).symlink_metadata().is_err();
    all_come_back(Reader::ResticInclude, is_missing, &|cases| {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let include = directory.path().join("include");
        let lines = emitted(cases, "/etc/genbackup/include")?.concat();
        std::fs::write(&include, lines)?;
        let Outcome { status, stderr, .. } =
            run(restic(directory.path()).args(["backup", "--dry-run", "--files-from-verbatim", "include"]))?;
        ensure!(!status.success(), "restic found something to back up");
        let paths: Vec<&str> = stderr
            .lines()
            .filter_map(|line| line.strip_suffix(" does not exist, skipping"))
            .collect();
        same(&paths, &texts(cases)).map_err(|answer| anyhow!("{answer}\n{stderr}"))
    })
}

fn texts(cases: &[Case]) -> Vec<String> {
    cases.iter().map(|case| case.text.clone()).collect()
}

/// The texts of the storage host's file, one for each case.
fn emitted(cases: &[Case], path: &str) -> Result<Vec<String>> {
    cases
        .iter()
        .map(|case| Ok(case.files(Host::Storage)?.get(path)?.to_owned()))
        .collect()
}

/// The lines that an exclude file has for its patterns; the comment above them stays in the first.
fn patterns(cases: &[Case]) -> Result<Vec<String>> {
    let files = emitted(cases, "/etc/genbackup/exclude")?;
    let own = "\n/var/cache/genbackup\n";
    let split = |file: &String| {
        let (_, patterns) = file.split_once(own).context("the cache is excluded")?;
        let line = patterns.strip_suffix('\n').context("a line has an end")?;
        ensure!(!line.contains('\n'), "{line:?} is not one line");
        Ok(line.to_owned())
    };
    files.iter().map(split).collect()
}

/// restic names the patterns that it cannot use. With a bracket that is never closed, it can use none.
#[test]
fn restic_gives_back_every_exclude_pattern() -> Result<()> {
    all_come_back(Reader::ResticExclude, |_| true, &|cases| {
        let lines = patterns(cases)?.join("/[\n") + "/[\n";
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let exclude = directory.path().join("exclude");
        std::fs::write(&exclude, lines)?;
        let Outcome { status, stderr, .. } = run(restic(with_repository()?)
            .args(["backup", "--dry-run", "--exclude-file"])
            .arg(&exclude)
            .arg("/dev/null"))?;
        ensure!(!status.success(), "restic can use all patterns");
        let (_, refused) = stderr
            .split_once(" invalid pattern(s) provided:\n")
            .with_context(|| stderr.clone())?;
        // It names a pattern once for each part that it cannot use.
        let mut refused: Vec<&str> = refused.lines().collect();
        refused.dedup();
        refused.truncate(cases.len());
        let expected = cases.iter().map(|case| match case.text.strip_prefix('#') {
            // A set of one character.
            Some(rest) => format!("[#]{rest}/["),
            None => format!("{}/[", case.text),
        });
        same(&refused, &expected.collect::<Vec<_>>())
    })
}

/// True for a pattern that is a file's name, and matches that alone.
fn is_file_name(text: &str) -> bool {
    !text.contains(['*', '?', '[', '\\', '/'])
        && !text.starts_with('!')
        && !matches!(text, "." | "..")
        && text.len() < 255
}

#[test]
fn restic_excludes_the_file_of_each_name_and_no_other() -> Result<()> {
    all_come_back(Reader::ResticFiles, is_file_name, &|cases| {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let files = directory.path().join("files");
        std::fs::create_dir(&files)?;
        let names: BTreeSet<String> = texts(cases).into_iter().collect();
        let longer = names.iter().map(|name| format!("{name}x"));
        let others: BTreeSet<String> = longer.filter(|name| !names.contains(name)).collect();
        for name in names.iter().chain(&others) {
            File::create(files.join(name)).with_context(|| format!("{name:?}"))?;
        }
        let exclude = directory.path().join("exclude");
        std::fs::write(&exclude, patterns(cases)?.join("\n") + "\n")?;
        let shown = run(restic(with_repository()?)
            .args(["backup", "--dry-run", "--json", "--verbose=2", "--exclude-file"])
            .arg(&exclude)
            .arg(&files))?;
        ensure!(shown.status.success(), "{}", shown.stderr);
        let mut kept = BTreeSet::new();
        for line in shown.stdout.lines() {
            let message: serde_json::Value = serde_json::from_str(line)?;
            let item = message.get("item").and_then(serde_json::Value::as_str);
            let path = item.filter(|_| message.get("message_type") == Some(&"verbose_status".into()));
            kept.extend(
                path.and_then(|path| Path::new(path).strip_prefix(&files).ok()?.to_str())
                    .map(str::to_owned),
            );
        }
        kept.remove("");
        let lost: Vec<_> = others.difference(&kept).collect();
        let left: Vec<_> = kept.difference(&others).collect();
        ensure!(
            lost.is_empty() && left.is_empty(),
            "excluded: {lost:?}; backed up: {left:?}"
        );
        Ok(())
    })
}

/// Lists of patterns, each of which may be negated and start at the root of the tree.
const LISTS: usize = 30;
const NAMES: [&str; 4] = ["a", "b", "ab", "a b"];

fn pattern_of_a_tree(root: &str) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => sample::select(NAMES.to_vec()),
        2 => sample::select(vec!["**", "*b", "a?", "[ab]", "[^a]", "\\a", "a/..", ".", "c", "[a-]b"]),
    ];
    let starts = vec![
        format!("{root}/"),
        format!("{root}/"),
        String::new(),
        format!("!{root}/"),
        "!".to_owned(),
    ];
    (
        sample::select(starts),
        collection::vec(part, 1..4),
        sample::select(vec!["", "", "/"]),
    )
        .prop_map(|(start, parts, end)| format!("{start}{}{end}", parts.join("/")))
}

/// Every included directory that our rules call excluded is one of which restic reads nothing, and no other.
#[test]
fn restic_excludes_the_included_directories_that_we_predict() -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let root = directory.path().join("tree");
    let directories = NAMES
        .iter()
        .flat_map(|one| NAMES.map(|other| root.join(one).join(other)));
    let directories: Vec<_> = directories.collect();
    for directory in &directories {
        std::fs::create_dir_all(directory)?;
        File::create(directory.join("file"))?;
    }
    let version = run(Command::new("restic").arg("version"))?.stdout;
    let version = version.split(' ').nth(1).context("restic has no version")?;
    let targets_win =
        ResticVersion::try_from(version.to_owned())? >= ResticVersion::try_from("0.19".to_owned())?;
    let root = root.to_str().context("the path is UTF-8")?;
    let lists = collection::vec(pattern_of_a_tree(root), 1..4);
    let mut runner = TestRunner::deterministic();
    let (mut excluded, mut tried) = (0, 0);
    while tried < LISTS {
        let drawn = lists.new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        let patterns = drawn.iter().cloned().map(ExcludePattern::try_from);
        let Ok(patterns) = patterns.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        tried += 1;
        let exclude = directory.path().join("exclude");
        std::fs::write(&exclude, drawn.join("\n") + "\n")?;
        let shown = run(restic(with_repository()?)
            .args(["backup", "--dry-run", "--json", "--verbose=2", "--exclude-file"])
            .arg(&exclude)
            .args(&directories))?;
        ensure!(shown.status.success(), "{drawn:?}: {}", shown.stderr);
        let has_negated = drawn.iter().any(|pattern| pattern.starts_with('!'));
        for directory in &directories {
            let path = directory.to_str().context("the path is UTF-8")?;
            let ours = Excludes::new(&patterns).excluding(path).is_some();
            excluded += usize::from(ours);
            let is_read = |path: String| shown.stdout.contains(&format!("\"item\":\"{path}\""));
            if targets_win {
                // restic reads the directory, but nothing in it, unless a pattern takes that back.
                let is_lost = !is_read(format!("{path}/file"));
                ensure!(has_negated || !ours || is_lost, "{drawn:?} {path}");
            } else {
                ensure!(
                    is_read(format!("{path}/")) != ours,
                    "{drawn:?} {path}: we predict {ours}"
                );
            }
        }
    }
    let all = LISTS * directories.len();
    ensure!(
        (all / 10..all * 9 / 10).contains(&excluded),
        "{excluded} of {all} are excluded"
    );
    Ok(())
}

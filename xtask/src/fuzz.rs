//! The fuzz targets below `fuzz/`, for a bounded time each.
//!
//! `cargo fuzz` asks for a nightly toolchain, for the sanitizers. What it does without one is a build with LLVM's
//! coverage instrumentation and libFuzzer, and these work with the stable one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use vmtests::process::{Ended, command, start};
use vmtests::{cache, deadline};

use crate::cargo::{FUZZ, cargo, succeeds};

/// The targets, each with directories of fixtures that it starts from, in addition to its corpus.
const TARGETS: [(&str, &[&str]); 3] = [
    ("fleet", &["fixtures/fleets", "fixtures/problems"]),
    ("record", &["fixtures/records"]),
    ("serve", &[]),
];
/// Runs rustc with what instruments the code that it compiles.
const INSTRUMENT: &str = "fuzz/instrument";
/// Five times as many inputs a second as without, for a build of one minute more.
const OPTIMISED: &str = "profile.dev.package.genbackup.opt-level=1";
/// Seconds for one input; a sound one takes a thousandth.
const INPUT_LIMIT: u64 = 10;
/// Places in the code that any working instrumentation sees reached; the corpora reach thousands.
const LEAST_COVERAGE: u64 = 500;

/// How long the targets run.
#[derive(Debug, Args)]
pub(crate) struct Seconds {
    /// How long each fuzz target runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) fuzz_seconds: u64,
}

/// Builds the targets and runs all of them at once, for this number of seconds.
///
/// # Errors
/// When one does not build, or finds an input that fails: the error names the file.
pub(crate) fn run(options: &Seconds) -> anyhow::Result<()> {
    let seconds = options.fuzz_seconds;
    let mut build = cargo("build");
    build
        .args(["--quiet", "--package", FUZZ, "--bins", "--config", OPTIMISED])
        .env("RUSTC_WORKSPACE_WRAPPER", cache::workspace().join(INSTRUMENT));
    succeeds(&mut build)?;
    let binaries = cache::target_directory().join("debug");
    let directory = cache::target_directory().join("fuzz");
    let running =
        TARGETS.map(|(name, fixtures)| Running::start(name, fixtures, &directory, &binaries, seconds));
    let mut failures = Vec::new();
    for target in running {
        match target.and_then(|target| target.result(seconds)) {
            Ok(result) => println!("{result}"),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// One running target.
struct Running {
    name: &'static str,
    process: Ended,
    binary: PathBuf,
    /// Where an input that fails is kept.
    found: PathBuf,
    log: PathBuf,
    /// Inputs that it starts from, and those that it adds; a copy, so that the work tree stays as it is.
    _corpus: tempfile::TempDir,
}

impl Running {
    fn start(
        name: &'static str,
        fixtures: &[&str],
        directory: &Path,
        binaries: &Path,
        seconds: u64,
    ) -> anyhow::Result<Self> {
        let found = directory.join("artifacts").join(name);
        fs::create_dir_all(&found).with_context(|| format!("cannot make `{}`", found.display()))?;
        let corpus = tempfile::tempdir()?;
        let workspace = cache::workspace();
        copy_all(&workspace.join("fuzz/corpus").join(name), corpus.path())?;
        for from in fixtures {
            copy_all(&workspace.join(from), corpus.path())?;
        }
        let (log, binary) = (found.with_extension("log"), binaries.join(name));
        let mut target = command(&binary.to_string_lossy());
        target
            .arg(corpus.path())
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={INPUT_LIMIT}"))
            .arg("-print_final_stats=1")
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| format!("cannot make `{}`", log.display()))?);
        Ok(Self {
            name,
            process: Ended(start(&mut target)?),
            binary,
            found,
            log,
            _corpus: corpus,
        })
    }

    /// Waits for its end; what it has done, in a line.
    fn result(mut self, seconds: u64) -> anyhow::Result<String> {
        let limit = Duration::from_secs(2 * seconds + 60);
        let ended = deadline::poll(limit, || Ok(self.process.0.try_wait()?))?;
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let Self {
            name,
            binary,
            found,
            log: log_file,
            ..
        } = &self;
        let Some(status) = ended else {
            bail!(
                "fuzz target {name} did not end in {limit:?}; its output is in {}",
                log_file.display()
            );
        };
        if !status.success() {
            bail!(
                "fuzz target {name} found an input that fails:\n{}\n\nhint: the input is in {}; once more: {} INPUT",
                complaint(&log),
                found.display(),
                binary.display()
            );
        }
        let (first, last) = coverage(&log).context("libFuzzer printed no coverage")?;
        ensure!(
            first >= LEAST_COVERAGE,
            "fuzz target {name} reaches {first} places with its corpus: the instrumentation does not work"
        );
        let executions = number_after(&log, "stat::number_of_executed_units:").unwrap_or_default();
        Ok(format!(
            "{name}: {executions} inputs, {last} places of the code reached, {first} of them by the corpus"
        ))
    }
}

/// Copies the files in a directory, and in those below it, side by side.
fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            copy_all(&path, to)?;
        } else {
            let name = path.strip_prefix(cache::workspace()).unwrap_or(&path);
            let name = name.to_string_lossy().replace('/', "-");
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// The part of libFuzzer's output that has the reason: from the panic or its own error on.
fn complaint(log: &str) -> String {
    let starts = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let lines: Vec<&str> = log.lines().collect();
    let from = lines
        .iter()
        .position(starts)
        .unwrap_or(lines.len().saturating_sub(20));
    let shown = |line: &&&str| !line.starts_with("stat::") && !line.trim_start().starts_with("at ");
    let shown = lines.iter().skip(from).filter(shown).take(40);
    shown.copied().collect::<Vec<_>>().join("\n")
}

/// The places reached after the corpus, and in the end.
fn coverage(log: &str) -> Option<(u64, u64)> {
    let of = |line: &str| number_after(line, "cov: ");
    let first = log.lines().find(|line| line.contains("INITED"))?;
    let last = log.lines().rfind(|line| of(line).is_some())?;
    Some((of(first)?, of(last)?))
}

fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: seed corpus: files: 152\n#153\tINITED cov: 4038 ft: 9000 corp: 90/30Kb\n\
                       #200\tNEW    cov: 4100 ft: 9001\n#300\tDONE   cov: 4117 ft: 9011\nDone 300 runs in 31 second(s)\n\
                       stat::number_of_executed_units: 300\n";

    #[test]
    fn coverage_is_read_before_and_after() {
        assert_eq!(coverage(LOG), Some((4038, 4117)));
        assert_eq!(number_after(LOG, "stat::number_of_executed_units:"), Some(300));
    }

    #[test]
    fn the_complaint_begins_at_the_panic() {
        let log = "#1\tINITED cov: 1\nthread '<unnamed>' panicked at src/a.rs:1:1:\nno\n             at ./csu/x.h:5\n==1== ERROR: libFuzzer: deadly signal\n";
        let expected =
            "thread '<unnamed>' panicked at src/a.rs:1:1:\nno\n==1== ERROR: libFuzzer: deadly signal";
        assert_eq!(complaint(log), expected);
    }
}

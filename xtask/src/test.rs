//! `cargo xtask test`: every check, each a part with a name, a time and a result.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use vmtests::image::Images;
use vmtests::process::output_of;
use vmtests::progress::{seconds, timed};
use vmtests::release::Release;
use vmtests::side_by_side::side_by_side;
use vmtests::{cache, install, package};

use crate::cargo::{FUZZ, cargo, succeeds};
use crate::{dist, fuzz, licences, nix, project, setup};

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Without the stories, which need machines
    #[arg(long)]
    fast: bool,
    /// Only tests and stories with this in their names, and no other checks.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Go on with the next test program when one has failed. Parts always go on.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    fuzz: fuzz::Seconds,
}

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// One check. An error is a failure, and has the reason.
type Check = fn(&Options) -> anyhow::Result<Verdict>;

const PARTS: [(&str, Check, Kind); 12] = [
    ("tools", tools, Kind::Other),
    ("project files", project_files, Kind::Other),
    ("format", format, Kind::Other),
    ("lint", lint, Kind::Other),
    ("unit and snapshot tests", unit_tests, Kind::Tests),
    ("whole nixpkgs", whole_nixpkgs, Kind::Other),
    ("docs", docs, Kind::Other),
    ("licences", licences, Kind::Other),
    ("packages", packages, Kind::Other),
    ("fuzz", fuzz, Kind::Other),
    ("stories", stories, Kind::Stories),
    ("clean-up", clean_up, Kind::Stories),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tests,
    Stories,
    Other,
}

/// The images of the stories, while they are built in the background: that is mostly a download, and the parts before the
/// stories compile.
static IMAGES: Mutex<Option<JoinHandle<anyhow::Result<()>>>> = Mutex::new(None);

/// Begins to build the images of all releases, where machines are possible. Needs the packages of [`tools`].
fn begin_images() -> anyhow::Result<()> {
    if setup::is_root()? {
        let build = || Images::ready(&Release::ALL, vmtests::lab::Kind::Virtual).map(drop);
        *IMAGES.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::spawn(build));
    }
    Ok(())
}

/// Waits until the images are built.
///
/// # Errors
/// When one cannot be built.
fn wait_for_images() -> anyhow::Result<()> {
    let images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(images) = images else {
        return Ok(());
    };
    timed("waited for images", || match images.join() {
        Ok(built) => built,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Runs the parts, all of them even when one fails, and prints how each ended. Exits with 1 when one failed.
pub(crate) fn run(options: &Options) -> ExitCode {
    let began = Instant::now();
    let wanted = PARTS.iter().filter(|(_, _, kind)| match kind {
        Kind::Tests => true,
        Kind::Stories => !options.fast,
        Kind::Other => options.filter.is_none(),
    });
    let results = wanted
        .map(|(name, check, _)| part(name, *check, options))
        .collect::<Vec<_>>();
    println!();
    for (name, verdict, time) in &results {
        println!("{name:<24} {:<7} {:>9}", word(*verdict), seconds(*time));
    }
    let count = |wanted| {
        results
            .iter()
            .filter(|(_, verdict, _)| *verdict == wanted)
            .count()
    };
    let (passed, failed, skipped) = (
        count(Verdict::Passed),
        count(Verdict::Failed),
        count(Verdict::Skipped),
    );
    let if_any = |number: usize, word: &str| {
        if number == 0 {
            String::new()
        } else {
            format!(", {number} {word}")
        }
    };
    println!(
        "\n{passed} passed, {failed} failed{}, in {}",
        if_any(skipped, "skipped"),
        seconds(began.elapsed())
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn part(name: &'static str, check: Check, options: &Options) -> (&'static str, Verdict, Duration) {
    println!("== {name}");
    let started = Instant::now();
    let verdict = check(options).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        Verdict::Failed
    });
    let time = started.elapsed();
    println!("== {name}: {}, {}", word(verdict), seconds(time));
    (name, verdict, time)
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
    }
}

fn tools(options: &Options) -> anyhow::Result<Verdict> {
    setup::packages_of_tests()?;
    if !options.fast {
        begin_images()?;
    }
    setup::run()?;
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        output_of(cargo(tool).arg("--version")).with_context(|| {
            format!("`cargo {tool}` is missing\n\nhint: `rustup component add {component}`")
        })?;
    }
    Ok(Verdict::Passed)
}

fn format(_options: &Options) -> anyhow::Result<Verdict> {
    passes(cargo("fmt").args(["--all", "--check"]))
}

fn lint(_options: &Options) -> anyhow::Result<Verdict> {
    passes(cargo("clippy").args(["--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn unit_tests(options: &Options) -> anyhow::Result<Verdict> {
    let threads = threads()?;
    // A snapshot that differs is a failure, and never written.
    let test = |arguments: &[&str]| {
        let mut test = cargo("test");
        test.env("INSTA_UPDATE", "no")
            .env(THREADS, &threads)
            .args(arguments)
            .args(options.keep_going.then_some("--no-fail-fast"))
            .args(options.filter.as_deref());
        test
    };
    // The programs for fuzzing are no tests, and the stories are a separate part. The workspace is selected
    // each time: the selection decides the features of shared crates, which would otherwise be built twice.
    let all = passes(&mut test(&["--workspace", "--exclude", FUZZ, "--lib", "--bins"]));
    let others = ["--workspace", "--exclude", FUZZ, "--exclude", "vmtests", "--test"];
    let programs = passes(&mut test(&[others.as_slice(), &["*", "--no-run"]].concat())).and_then(|_| {
        // Many tests wait for something, and some programs have more of them than others.
        side_by_side(programs()?, |program| {
            let ended = test(&[others.as_slice(), &[&program]].concat()).output()?;
            print!("{}{}", text(&ended.stderr), text(&ended.stdout));
            ensure!(ended.status.success(), "tests of `{program}` failed");
            Ok(())
        })
        .map(|_| Verdict::Passed)
    });
    let documentation = passes(&mut test(&["--workspace", "--doc"]));
    all.and(programs).and(documentation)
}

/// The test programs of genbackup: files and directories of `tests`.
fn programs() -> anyhow::Result<Vec<String>> {
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(cache::workspace().join("tests")).context("tests")? {
        let path = entry?.path();
        if path.is_file() || path.join("main.rs").is_file() {
            let name = path.file_stem().context("a test program without a name")?;
            programs.push(name.display().to_string());
        }
    }
    ensure!(!programs.is_empty(), "there are no test programs");
    programs.sort();
    Ok(programs)
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// What Rust's own test harness reads: how many tests of a program run at once.
const THREADS: &str = "RUST_TEST_THREADS";

/// As many as the caller wants, or two for each processor: many of the tests wait for something.
fn threads() -> anyhow::Result<OsString> {
    if let Some(threads) = std::env::var_os(THREADS) {
        return Ok(threads);
    }
    let processors = thread::available_parallelism()?.get();
    Ok((2 * processors).to_string().into())
}

fn whole_nixpkgs(_options: &Options) -> anyhow::Result<Verdict> {
    if nix::whole()? {
        Ok(Verdict::Passed)
    } else {
        Ok(Verdict::Skipped)
    }
}

fn docs(_options: &Options) -> anyhow::Result<Verdict> {
    let of_items = passes(
        cargo("doc")
            .args(["--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    );
    let book = crate::docs::book();
    of_items.and_then(|verdict| book.map(|()| verdict))
}

fn licences(_options: &Options) -> anyhow::Result<Verdict> {
    let deny = std::fs::read_to_string(cache::workspace().join("deny.toml")).context("deny.toml")?;
    let mut metadata = cargo("metadata");
    licences::check(metadata.args(["--format-version=1", "--locked"]), &deny)?;
    Ok(Verdict::Passed)
}

/// The package of the command that the tests have built. The stories install it.
static PACKAGE: OnceLock<PathBuf> = OnceLock::new();

fn packages(_options: &Options) -> anyhow::Result<Verdict> {
    let made = dist::from_tests()?;
    project::check_bom(&made.bom)?;
    PACKAGE.get_or_init(|| made.package);
    Ok(Verdict::Passed)
}

fn project_files(_options: &Options) -> anyhow::Result<Verdict> {
    project::check()?;
    Ok(Verdict::Passed)
}

fn fuzz(options: &Options) -> anyhow::Result<Verdict> {
    fuzz::run(&options.fuzz)?;
    Ok(Verdict::Passed)
}

fn stories(options: &Options) -> anyhow::Result<Verdict> {
    setup::run()?;
    wait_for_images()?;
    succeeds(cargo("build").args(["--quiet", "--workspace", "--exclude", FUZZ, "--bins"]))?;
    let mut test = cargo("test");
    test.env("GENBACKUP", install::built())
        .args(["--package", "vmtests", "--test", "stories", "--"]);
    // Without it, the first story that wants a package makes one.
    if let Some(package) = PACKAGE.get() {
        test.env(package::VARIABLE, package);
    }
    passes(test.args(options.filter.as_deref()))
}

fn clean_up(options: &Options) -> anyhow::Result<Verdict> {
    let mut test = cargo("test");
    test.args(["--package", "vmtests", "--test", "clean_up", "--"]);
    passes(test.args(options.filter.as_deref()))
}

fn passes(command: &mut Command) -> anyhow::Result<Verdict> {
    succeeds(command).map(|()| Verdict::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_share_is_no_test_program() {
        let programs = programs().unwrap();
        assert!(programs.iter().any(|name| name == "emit"), "{programs:?}");
        assert!(
            programs.iter().any(|name| name == "record_of_any_size"),
            "{programs:?}"
        );
        assert!(!programs.iter().any(|name| name == "support"), "{programs:?}");
    }
}

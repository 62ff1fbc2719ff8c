//! A copy of the last commit that may be broken, in the target directory, with a separate target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use vmtests::process::{command, output_of};
use vmtests::{cache, package};

use super::list::Mutant;
use crate::cargo::cargo;

/// Seconds for one story, with the package or the image that it may have to make. A story's own deadlines come sooner.
const LIMIT: &str = "900";

/// The copy.
#[derive(Debug)]
pub(super) struct Checkout {
    source: PathBuf,
    target: PathBuf,
    logs: PathBuf,
    images: PathBuf,
}

/// How a story ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Whether nothing failed.
    pub(super) passed: bool,
    /// What it printed.
    pub(super) text: String,
}

impl Ended {
    /// Whether the story ran, and failed.
    pub(super) fn has_failed_story(&self) -> bool {
        self.text.contains("test result: FAILED. 0 passed; 1 failed")
    }

    /// Whether it printed this. Lines and spaces may be broken otherwise.
    pub(super) fn has_printed(&self, text: &str) -> bool {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        words(&self.text).contains(&words(text))
    }
}

impl Checkout {
    /// Makes it, or brings that of an earlier run to the last commit.
    ///
    /// # Errors
    /// When git fails, or a directory cannot be made.
    pub(super) fn of_last_commit() -> anyhow::Result<Self> {
        let directory = cache::target_directory().join("mutants");
        let checkout = Self {
            source: directory.join("source"),
            target: directory.join("target"),
            logs: directory.join("logs"),
            images: cache::directory()?,
        };
        fs::create_dir_all(&checkout.logs).with_context(|| checkout.logs.display().to_string())?;
        if !checkout.source.exists() {
            let mut clone = command("git");
            clone.args(["clone", "--quiet", "--no-checkout", "--shared"]);
            output_of(clone.arg(cache::workspace()).arg(&checkout.source))?;
        }
        output_of(checkout.git().args(["fetch", "--quiet", "origin", "HEAD"]))?;
        output_of(
            checkout
                .git()
                .args(["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]),
        )?;
        Ok(checkout)
    }

    /// Where the output of each story is.
    pub(super) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Undoes all defects.
    ///
    /// # Errors
    /// When git fails, or an old package cannot be removed.
    pub(super) fn restore(&self) -> anyhow::Result<()> {
        output_of(self.git().args(["checkout", "--quiet", "--force", "."]))?;
        // It has the defects of the group before.
        let package = self.target.join(package::DIRECTORY);
        if package.exists() {
            fs::remove_dir_all(&package).with_context(|| package.display().to_string())?;
        }
        Ok(())
    }

    /// Puts one defect into it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or does not have the text once.
    pub(super) fn apply(&self, mutant: &Mutant) -> anyhow::Result<()> {
        let path = self.source.join(&mutant.file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let count = text.matches(&mutant.old).count();
        ensure!(
            count == 1,
            "{}: `{}` has the text {count} times that the mutant replaces",
            mutant.story,
            mutant.file
        );
        fs::write(&path, text.replace(&mutant.old, &mutant.new)).with_context(|| path.display().to_string())
    }

    /// Builds the program and the stories.
    ///
    /// # Errors
    /// When they do not compile.
    pub(super) fn build(&self) -> anyhow::Result<()> {
        output_of(
            self.cargo("build")
                .args(["--quiet", "--package", "genbackup", "--bins"]),
        )?;
        output_of(self.cargo("test").args(STORIES).arg("--no-run"))?;
        Ok(())
    }

    /// Runs one story.
    ///
    /// # Errors
    /// When it cannot be started, or its output not be kept.
    pub(super) fn run_story(&self, story: &str) -> anyhow::Result<Ended> {
        let cargo = self.cargo("test");
        let mut limited = command("timeout");
        limited
            .args(["--kill-after=60", LIMIT])
            .arg(cargo.get_program())
            .args(cargo.get_args())
            .args(STORIES)
            .args(["--", story, "--exact", "--lab", "container"]);
        self.prepare(&mut limited);
        limited.env("GENBACKUP", self.target.join("debug/genbackup"));
        let output = limited.output().context("cannot start `timeout`")?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let log = self.logs.join(format!("{story}.log"));
        fs::write(&log, &text).with_context(|| log.display().to_string())?;
        Ok(Ended {
            passed: output.status.success(),
            text,
        })
    }

    fn git(&self) -> Command {
        let mut git = command("git");
        git.arg("-C").arg(&self.source);
        git
    }

    fn cargo(&self, verb: &str) -> Command {
        let mut cargo = cargo(verb);
        self.prepare(&mut cargo);
        cargo
    }

    /// Images of Debian take minutes to make, and no mutant changes them: they are those of the work tree. The package is
    /// made by the first story of a group that needs it.
    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(&self.source)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "1")
            .env("GENBACKUP_VM_CACHE", &self.images);
        match package::package_in(&self.target.join(package::DIRECTORY)) {
            Ok(package) => command.env(package::VARIABLE, package),
            Err(_) => command.env_remove(package::VARIABLE),
        };
    }
}

/// The arguments of `cargo test` for the stories.
const STORIES: [&str; 5] = ["--quiet", "--package", "vmtests", "--test", "stories"];

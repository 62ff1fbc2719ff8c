//! How the command is built for a release.

use std::env::consts::ARCH;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use vmtests::cache;
use vmtests::process::{command, output_of};

use super::{OF_TESTS, SHIPPED};
use crate::cargo::{self, FUZZ, succeeds};
use crate::project;

/// The command, built with one profile for this machine's architecture.
#[derive(Debug)]
pub(super) struct Build {
    profile: String,
    /// The version of the workspace.
    pub(super) version: String,
    /// Seconds since 1970: the time that files of the package and the SBOM have.
    pub(super) time: i64,
}

impl Build {
    /// A build with a profile of Cargo.toml.
    ///
    /// # Errors
    /// When Cargo.toml and the changelog of the package are of different versions.
    pub(super) fn new(profile: &str) -> anyhow::Result<Self> {
        let version = project::version()?;
        let of_package = changelog_field("Version")?;
        ensure!(
            of_package == format!("{version}-1"),
            "Cargo.toml has version {version}, and packaging/debian/changelog has {of_package}\n\n\
             hint: cargo xtask release {version} --write"
        );
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => changelog_field("Timestamp")?,
        };
        Ok(Self {
            profile: profile.to_owned(),
            version,
            time: time.parse().with_context(|| format!("not a time: {time}"))?,
        })
    }

    /// Whether this is what is published.
    pub(super) fn is_shipped(&self) -> bool {
        self.profile == SHIPPED
    }

    /// Builds the command for this system.
    ///
    /// # Errors
    /// When cargo fails.
    pub(super) fn command(&self) -> anyhow::Result<PathBuf> {
        let mut build = self.cargo("build", &[]);
        if self.profile == OF_TESTS {
            // As for the stories: what is built together decides the features of what is shared.
            build.args(["--workspace", "--exclude", FUZZ, "--bins"]);
        } else {
            build.args(["--package", "genbackup"]);
        }
        succeeds(&mut build)?;
        Ok(self.built(None))
    }

    /// One of cargo's commands that build, with this profile and with flags for the compiler.
    pub(super) fn cargo(&self, verb: &str, flags: &[&str]) -> Command {
        let mut cargo = cargo::cargo(verb);
        cargo.args(["--locked", "--profile", &self.profile]);
        let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        if self.is_shipped() {
            // A binary does not depend on where it was built.
            let home = std::env::var("CARGO_HOME").ok();
            let home = home.or_else(|| Some(format!("{}/.cargo", std::env::var("HOME").ok()?)));
            flags.extend(home.map(|home| format!("--remap-path-prefix={home}=/cargo")));
            flags.push(format!(
                "--remap-path-prefix={}=/genbackup",
                cache::workspace().display()
            ));
        }
        if !flags.is_empty() {
            cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        }
        cargo
    }

    /// Where cargo leaves the command, for a target or for this system.
    pub(super) fn built(&self, target: Option<&str>) -> PathBuf {
        let profile = if self.profile == OF_TESTS {
            "debug"
        } else {
            &self.profile
        };
        let mut path = cache::target_directory();
        path.extend(target);
        path.join(profile).join("genbackup")
    }
}

/// Rust's name for this system's target.
pub(super) fn target_of_this_system() -> String {
    format!("{ARCH}-unknown-linux-gnu")
}

/// A field of the newest entry of the package's changelog.
fn changelog_field(field: &str) -> anyhow::Result<String> {
    let mut parse = command("dpkg-parsechangelog");
    parse
        .current_dir(cache::workspace())
        .args(["--file=packaging/debian/changelog", "--show-field", field]);
    Ok(output_of(&mut parse)?.trim().to_owned())
}

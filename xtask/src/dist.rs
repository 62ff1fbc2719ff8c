//! `cargo xtask dist`: what a release consists of. It is in `dist` below the target directory: the Debian package, the
//! static binary, the SBOM, the notices of the dependencies, and the checksums of all of them.

mod bom;
mod build;
mod cargo_install;
mod crates;
mod debian;
mod notices;
mod static_binary;

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use vmtests::cache;
use vmtests::process::{command, output_of};
use vmtests::progress::timed;

use self::build::Build;
use self::crates::Crates;
use crate::process::finds_nothing;
use crate::setup;

/// The profile of Cargo.toml that a release is built with.
const SHIPPED: &str = "shipped";
/// The profile that the tests are built with.
const OF_TESTS: &str = "dev";
/// The fleet that a trial emits: it has every option.
const FLEET: &str = "fixtures/fleets/every-option/fleet.toml";
/// The checksums, as sha256sum(1) reads them.
const CHECKSUMS: &str = "SHA256SUMS";

/// What is made, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Make only these
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Fail if this machine cannot make all that is published
    #[arg(long)]
    all: bool,
    /// Build with this profile of Cargo.toml. Another one than the default writes into `dist-PROFILE`
    #[arg(long, value_name = "PROFILE", default_value = SHIPPED)]
    profile: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The Debian package
    Package,
    /// The static binary
    Static,
    /// The SBOM, in the form of CycloneDX
    Sbom,
}

/// Makes all of it, and tries it.
///
/// # Errors
/// When a part cannot be made, or does not do what it is for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let directory = make(options)?;
    println!("\n{}:", directory.display());
    for name in names_in(&directory)? {
        println!("  {name}");
    }
    Ok(())
}

/// Makes all of it from the command that the tests have built, and tries it.
///
/// # Errors
/// Those of [`run`].
pub(crate) fn from_tests() -> anyhow::Result<Tried> {
    let directory = make(&Options {
        only: Vec::new(),
        all: false,
        profile: OF_TESTS.to_owned(),
    })?;
    let named = |end: &str| -> anyhow::Result<PathBuf> {
        let names = names_in(&directory)?;
        let found = names.iter().find(|name| name.ends_with(end));
        Ok(directory.join(found.with_context(|| format!("no `*{end}` in {}", directory.display()))?))
    };
    Ok(Tried {
        package: named(".deb")?,
        bom: named(bom::ENDING)?,
    })
}

/// Files that were made and tried.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The Debian package.
    pub(crate) package: PathBuf,
    /// The SBOM.
    pub(crate) bom: PathBuf,
}

/// Makes the parts that are wanted; their directory, which has nothing else in it.
fn make(options: &Options) -> anyhow::Result<PathBuf> {
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let has_musl = static_binary::has_musl()?;
    ensure!(
        has_musl || !options.all,
        "this machine cannot make the static binary that is published\n\n{}",
        static_binary::hint()
    );
    timed("tools", || setup::run_for_packages(has_musl))?;
    let directory = cache::target_directory().join(name_of_directory(&options.profile));
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    }
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let build = Build::new(&options.profile)?;

    // Before the command of this system: without musl, cargo leaves both in the same place.
    let alone = wanted(Part::Static)
        .then(|| {
            timed("static binary", || {
                static_binary::make(&build, has_musl, &directory)
            })
        })
        .transpose()?;
    let genbackup = timed("command", || build.command())?;
    if let Some(alone) = &alone {
        timed("trial of the static binary", || {
            static_binary::try_out(alone, &genbackup)
        })?;
    }
    if !build.is_shipped() {
        timed("trial of `cargo install`", || {
            cargo_install::try_out(&build, &genbackup)
        })?;
    }
    let crates = Crates::of(&build)?;
    let notices = directory.join(notices::FILE);
    write(&notices, &notices::text(&crates)?)?;
    if wanted(Part::Package) {
        let package = timed("Debian package", || {
            debian::make(&build, &genbackup, &notices, &directory)
        })?;
        timed("lintian", || debian::check(&package))?;
    }
    if wanted(Part::Sbom) {
        let name = format!("genbackup-{}-{ARCH}{}", build.version, bom::ENDING);
        write(&directory.join(name), &bom::text(&build, &crates)?)?;
    }
    let mut sums = command("sha256sum");
    sums.current_dir(&directory).args(names_in(&directory)?);
    write(&directory.join(CHECKSUMS), &output_of(&mut sums)?)?;
    Ok(directory)
}

/// Fails if two builds of the command emit different files for the same fleet.
fn emits_the_same(one: &Path, other: &Path) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let emit = |genbackup: &Path, name: &str| -> anyhow::Result<PathBuf> {
        let root = directory.path().join(name);
        let mut emit = command(&genbackup.to_string_lossy());
        emit.arg("--fleet").arg(cache::workspace().join(FLEET));
        output_of(emit.args(["emit", "--all", "--root"]).arg(&root))?;
        Ok(root)
    };
    let mut compare = command("diff");
    compare
        .arg("--recursive")
        .args([emit(one, "one")?, emit(other, "other")?]);
    finds_nothing(&mut compare)
        .context("it emits different files from those of the command that the tests built")
}

/// Where the results of a profile are, below the target directory.
fn name_of_directory(profile: &str) -> String {
    if profile == SHIPPED {
        "dist".to_owned()
    } else {
        format!("dist-{profile}")
    }
}

/// The names of the files in a directory, in order.
fn names_in(directory: &Path) -> anyhow::Result<Vec<String>> {
    let names = fs::read_dir(directory)
        .with_context(|| directory.display().to_string())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<anyhow::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// cargo builds a profile into the directory of its name. `dist` empties its own first.
    #[test]
    fn results_lie_in_no_directory_of_cargo() {
        assert_eq!(name_of_directory(SHIPPED), "dist");
        let manifest: toml::Table = crate::project::read("Cargo.toml").unwrap().parse().unwrap();
        let profiles = manifest["profile"].as_table().unwrap();
        assert!(profiles.contains_key(SHIPPED));
        assert!(!profiles.contains_key("dist"));
        assert_eq!(name_of_directory("dev"), "dist-dev");
    }
}

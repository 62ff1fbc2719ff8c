//! The Debian package. debhelper packs it by the files in `packaging/debian`, from a directory with what is built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use vmtests::cache;
use vmtests::process::{command, output_of};

use super::build::Build;
use super::notices;
use crate::process::finds_nothing;

/// Files and directories of the workspace, and where they are in the directory that is packed.
const COPIED: [(&str, &str); 6] = [
    ("packaging/debian", "debian"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("README.md", "README.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("docs/src", "docs/src"),
    (
        "fixtures/fleets/one-machine/fleet.toml",
        "examples/one-machine.toml",
    ),
];
/// The shells, and where their completions are in that directory.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "completions/bash/genbackup"),
    ("fish", "completions/genbackup.fish"),
    ("zsh", "completions/_genbackup"),
];
/// What the package has to have. debhelper skips what it does not find.
const CONTENTS: [&str; 12] = [
    "/usr/bin/genbackup",
    "/usr/share/bash-completion/completions/genbackup",
    "/usr/share/doc/genbackup/README.md",
    "/usr/share/doc/genbackup/changelog.Debian.gz",
    "/usr/share/doc/genbackup/changelog.gz",
    "/usr/share/doc/genbackup/copyright",
    "/usr/share/doc/genbackup/docs/src/getting-started/one-machine.md",
    "/usr/share/doc/genbackup/third-party-notices.txt.gz",
    "/usr/share/fish/vendor_completions.d/genbackup.fish",
    "/usr/share/man/man1/genbackup.1.gz",
    "/usr/share/man/man5/genbackup-fleet.toml.5.gz",
    "/usr/share/zsh/vendor-completions/_genbackup",
];

/// Packs a command for this system into a directory.
///
/// # Errors
/// When something to pack is missing, or debhelper refuses.
pub(super) fn make(
    build: &Build,
    genbackup: &Path,
    notices: &Path,
    directory: &Path,
) -> anyhow::Result<PathBuf> {
    let staging = tempfile::Builder::new()
        .prefix("package-")
        .tempdir_in(cache::target_directory())?;
    let tree = staging.path().join(format!("genbackup-{}", build.version));
    lay_out(genbackup, notices, &tree)?;
    let mut pack = command("dpkg-buildpackage");
    pack.current_dir(&tree)
        .args([
            "--build=binary",
            "--no-sign",
            "--no-pre-clean",
            "--no-check-builddeps",
        ])
        .env("SOURCE_DATE_EPOCH", build.time.to_string());
    if !build.is_shipped() {
        // xz takes seconds, for a package that nobody downloads.
        pack.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip");
    }
    output_of(&mut pack)?;
    let architecture = output_of(command("dpkg").arg("--print-architecture"))?;
    let name = format!("genbackup_{}-1_{}.deb", build.version, architecture.trim());
    let package = directory.join(&name);
    fs::rename(staging.path().join(&name), &package).with_context(|| name.clone())?;
    Ok(package)
}

/// Makes the directory that is packed.
fn lay_out(genbackup: &Path, notices: &Path, tree: &Path) -> anyhow::Result<()> {
    let place = |name: &str| -> anyhow::Result<PathBuf> {
        let path = tree.join(name);
        let parent = path.parent().context("a place without a directory")?;
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        Ok(path)
    };
    for (from, to) in COPIED {
        let from = cache::workspace().join(from);
        output_of(command("cp").arg("--recursive").args([from, place(to)?]))?;
    }
    fs::copy(genbackup, place("genbackup")?).with_context(|| genbackup.display().to_string())?;
    fs::copy(notices, place(notices::FILE)?).with_context(|| notices.display().to_string())?;
    for (shell, path) in COMPLETIONS {
        let script = output_of(command(&genbackup.to_string_lossy()).args(["completions", shell]))?;
        fs::write(place(path)?, script).with_context(|| path.to_owned())?;
    }
    let mut man = command(&genbackup.to_string_lossy());
    output_of(man.args(["man", "--out"]).arg(place("man")?)).map(drop)
}

/// Asks lintian, Debian's own reader of packages, and looks whether anything is missing.
///
/// # Errors
/// When lintian finds an error or a warning, or something is missing.
pub(super) fn check(package: &Path) -> anyhow::Result<()> {
    let mut lintian = command("lintian");
    lintian
        .args(["--allow-root", "--fail-on", "error,warning"])
        .arg(package);
    finds_nothing(&mut lintian)?;
    let contents = output_of(command("dpkg-deb").arg("--contents").arg(package))?;
    let missing = missing_in(&contents);
    ensure!(
        missing.is_empty(),
        "{} lacks {}",
        package.display(),
        missing.join(", ")
    );
    Ok(())
}

/// What a package lacks, by the output of `dpkg-deb --contents`.
fn missing_in(contents: &str) -> Vec<&'static str> {
    let paths: Vec<&str> = contents
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5)?.strip_prefix('.'))
        .collect();
    CONTENTS
        .into_iter()
        .filter(|wanted| !paths.contains(wanted))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[test]
    fn a_file_that_is_missing_is_named() {
        let line = |path: &&str| format!("-rw-r--r-- root/root 1 2026-11-29 12:00 .{path}");
        let all: Vec<String> = CONTENTS.iter().map(line).collect();
        assert_eq!(missing_in(&all.join("\n")), [""; 0]);
        assert_eq!(missing_in(&all[1..].join("\n")), ["/usr/bin/genbackup"]);
    }

    /// apt installs what is recommended, and Debian starts a server when it is installed.
    #[test]
    fn an_nfs_server_is_only_suggested() {
        let control = project::read("packaging/debian/control").unwrap();
        let (_, rest) = control.split_once("\nSuggests:\n").unwrap();
        let suggested: Vec<_> = rest.lines().take_while(|line| line.starts_with(' ')).collect();
        assert!(suggested.contains(&" nfs-kernel-server,"), "{suggested:?}");
        assert!(!control.contains("Recommends:"));
    }

    #[test]
    fn the_package_and_the_crate_have_one_description() {
        let manifest: toml::Table = project::read("Cargo.toml").unwrap().parse().unwrap();
        let described = manifest["package"]["description"].as_str().unwrap();
        let control = project::read("packaging/debian/control").unwrap();
        assert!(control.contains(&format!("\nDescription: {described}\n")));
    }

    #[test]
    fn scripts_of_the_package_start_and_stop_nothing() {
        for script in ["postinst", "prerm"] {
            let text = project::read(&format!("packaging/debian/{script}")).unwrap();
            for word in ["systemctl", "deb-systemd", "invoke-rc.d", "kill"] {
                assert!(!text.contains(word), "{script}: {word}");
            }
        }
    }
}

//! The Debian packages that the developers' commands need, and a few other tools.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use vmtests::accelerator::{OLDEST_QEMU_FOR_TCG, qemu_version};
use vmtests::apt::{Source, codename, main_archive, sources_of_this_machine};
use vmtests::lab::Kind;
use vmtests::process::{command, output_of};

use crate::tools;

/// A program, and the package that it comes in.
type Needed = (&'static str, &'static str);

/// Programs that machines of either kind need, and the package that each comes in. The demo in containers needs no others.
const FOR_CONTAINERS: [Needed; 9] = [
    ("ip", "iproute2"),
    ("mke2fs", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("ssh", "openssh-client"),
    ("strip", "binutils"),
    ("systemd-nspawn", "systemd-container"),
    ("tar", "tar"),
];
/// What virtual machines need in addition.
const FOR_VIRTUAL_MACHINES: [Needed; 4] = [
    (QEMU, "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("vde_plug", "vdeplug"),
    ("vde_switch", "vde2"),
];
/// What the tests need in addition.
const FOR_TESTS: [Needed; 20] = [
    ("c++", "g++"),
    // For the report's tests: 124 MB to download, three times that on the disk.
    ("chromium", "chromium"),
    ("dbus-daemon", "dbus-daemon"),
    ("duk", "duktape"),
    (EXPORTFS, "nfs-kernel-server"),
    ("fish", "fish"),
    ("groff", "groff-base"),
    ("jq", "jq"),
    ("mandoc", "mandoc"),
    (PROMTOOL, "prometheus"),
    ("nix", "nix-bin"),
    (PYTHON, "python3-venv"),
    ("rclone", "rclone"),
    ("restic", "restic"),
    ("setfattr", "attr"),
    ("shellcheck", "shellcheck"),
    ("socat", "socat"),
    ("sqlite3", "sqlite3"),
    (SSHD, "openssh-server"),
    ("zsh", "zsh"),
];
/// What `cargo xtask dist` and the stories about the package need.
const FOR_PACKAGES: [Needed; 6] = [
    ("dh", "debhelper"),
    ("dpkg-buildpackage", "dpkg-dev"),
    ("lintian", "lintian"),
    ("readelf", "binutils"),
    ("strip", "binutils"),
    ANALYZER,
];
/// The C compiler for musl.
const FOR_MUSL: [Needed; 1] = [("musl-gcc", "musl-tools")];
/// What `emit` asks about calendar expressions.
const ANALYZER: Needed = ("systemd-analyze", "systemd");
/// The packages of tools that `cargo xtask bench` compares with genbackup, in addition to tools from
/// elsewhere.
const FOR_BENCHMARKS: [Needed; 2] = [(BORGMATIC, "borgmatic"), ("borg", "borgbackup")];
const BORGMATIC: &str = "borgmatic";
const QEMU: &str = "qemu-system-x86_64";
const PROMTOOL: &str = "promtool";
const PYTHON: &str = "python3";
const SSHD: &str = "sshd";
const EXPORTFS: &str = "exportfs";
/// Servers that come with packages, by their programs, and the units that would start them.
const SERVERS: [(&str, &[&str]); 5] = [
    (BORGMATIC, &["borgmatic.timer"]),
    (SSHD, &["ssh.service", "ssh.socket"]),
    (PROMTOOL, &["prometheus.service"]),
    (EXPORTFS, &["nfs-server.service"]),
    ("rpcbind", &["rpcbind.service", "rpcbind.socket"]),
];
/// Where programs may be that only root's search path has.
const FOR_ROOT: [&str; 2] = ["/usr/sbin", "/sbin"];
/// The release whose own QEMU is too old, so that it has to come from its backports.
const OLD_RELEASE: &str = "bookworm";
const SOURCES: &str = "/etc/apt/sources.list.d/genbackup-backports.sources";
const PREFERENCES: &str = "/etc/apt/preferences.d/genbackup-backports";
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that everything is there; quick when it is.
///
/// # Errors
/// When something is missing and cannot be installed: the error names it.
pub(crate) fn run() -> anyhow::Result<()> {
    packages_of_tests()?;
    tools::install()
}

/// The Debian packages of [`run`] alone.
///
/// # Errors
/// When one is missing and cannot be installed: the error names it.
pub(crate) fn packages_of_tests() -> anyhow::Result<()> {
    packages(&for_tests())
}

/// The same for what boots machines of a kind and tests nothing, such as the demo.
///
/// # Errors
/// When something is missing and cannot be installed: the error names it.
pub(crate) fn run_for_machines(kind: Kind) -> anyhow::Result<()> {
    packages(&for_machines(kind))
}

fn for_machines(kind: Kind) -> Vec<Needed> {
    match kind {
        Kind::Container => FOR_CONTAINERS.to_vec(),
        Kind::Virtual => [FOR_CONTAINERS.as_slice(), &FOR_VIRTUAL_MACHINES].concat(),
    }
}

/// The same for `cargo xtask bench`.
///
/// # Errors
/// When something is missing and cannot be installed: the error names it.
pub(crate) fn run_for_benchmarks() -> anyhow::Result<()> {
    packages(&[for_tests().as_slice(), &FOR_BENCHMARKS].concat())
}

fn for_tests() -> Vec<Needed> {
    [for_machines(Kind::Virtual).as_slice(), &FOR_TESTS, &FOR_PACKAGES].concat()
}

/// The same for `cargo xtask dist`, with or without musl.
///
/// # Errors
/// When something is missing and cannot be installed: the error names it.
pub(crate) fn run_for_packages(with_musl: bool) -> anyhow::Result<()> {
    let musl: &[Needed] = if with_musl { &FOR_MUSL } else { &[] };
    packages(&[FOR_PACKAGES.as_slice(), musl].concat())
}

/// The same for what runs the command and packs nothing.
///
/// # Errors
/// When something is missing and cannot be installed: the error names it.
pub(crate) fn run_for_command() -> anyhow::Result<()> {
    packages(&[ANALYZER])
}

fn packages(needed: &[Needed]) -> anyhow::Result<()> {
    let missing = missing(needed)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_root()? || !is_there("apt-get") {
        bail!(
            "missing packages: {list}\n\nhint: install them, or run this command as root on Debian 12 or newer"
        );
    }
    println!("installing: {list}");
    install(&missing).with_context(|| format!("cannot install: {list}"))?;
    let still = self::missing(needed)?;
    ensure!(
        still.is_empty(),
        "still missing after the installation: {}",
        still.join(" ")
    );
    Ok(())
}

/// Whether this is root.
///
/// # Errors
/// When `id` cannot be started.
pub(crate) fn is_root() -> anyhow::Result<bool> {
    Ok(output_of(command("id").arg("-u"))?.trim() == "0")
}

fn missing(needed: &[Needed]) -> anyhow::Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for &(program, package) in needed {
        let is_enough = match program {
            _ if !is_there(program) => false,
            QEMU => qemu_is_new_enough()?,
            PYTHON => makes_environments(),
            _ => true,
        };
        if !is_enough {
            missing.push(package);
        }
    }
    Ok(missing)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories = std::env::split_paths(&path).chain(FOR_ROOT.iter().map(Into::into));
    directories.any(|directory| directory.join(program).is_file())
}

fn qemu_is_new_enough() -> anyhow::Result<bool> {
    Ok(qemu_version(&output_of(command(QEMU).arg("--version"))?)? >= OLDEST_QEMU_FOR_TCG)
}

/// Debian's Python comes without what a virtual environment needs.
fn makes_environments() -> bool {
    output_of(command(PYTHON).args(["-c", "import ensurepip, venv"])).is_ok()
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let codename = codename()?;
    if codename == OLD_RELEASE && packages.contains(&"qemu-system-x86") {
        add_backports(&codename)?;
    }
    apt_get(&["update"])?;
    // A machine for development is no server: what is installed here must not start, neither now nor at the next boot.
    let guard = NothingStarts::new()?;
    let missing = SERVERS.iter().filter(|(program, _)| !is_there(program));
    let missing: Vec<_> = missing.collect();
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())?;
    drop(guard);
    if is_there("systemctl") {
        for (_, units) in missing.into_iter().filter(|(program, _)| is_there(program)) {
            output_of(
                command("systemctl")
                    .args(["--root=/", "--quiet", "disable"])
                    .args(*units),
            )?;
        }
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let mut apt_get = command("apt-get");
    apt_get
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["--quiet", "--quiet", "-o", "Dpkg::Use-Pty=0"]);
    output_of(apt_get.args(arguments)).map(drop)
}

/// Adds the release's backports, from where this machine gets the release itself, for QEMU alone.
fn add_backports(codename: &str) -> anyhow::Result<()> {
    let suite = format!("{codename}-backports");
    let sources = sources_of_this_machine()?;
    if !sources.iter().any(|source| source.suite == suite) {
        fs::write(
            SOURCES,
            backports_source(main_archive(&sources, codename)?, &suite)?,
        )?;
    }
    fs::write(PREFERENCES, preferences(&suite))?;
    Ok(())
}

fn backports_source(main: &Source, suite: &str) -> anyhow::Result<String> {
    let Source {
        uri,
        suite: _,
        components: _,
        signed_by,
    } = main;
    let mut text = format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n");
    if let Some(key_ring) = signed_by {
        writeln!(text, "Signed-By: {key_ring}")?;
    }
    Ok(text)
}

/// As much as the release's own for QEMU and its firmware, so that the newer one wins; less for all the rest.
fn preferences(suite: &str) -> String {
    format!(
        "Package: *\nPin: release n={suite}\nPin-Priority: 100\n\n\
         Package: src:qemu:any src:seabios:any\nPin: release n={suite}\nPin-Priority: 500\n"
    )
}

/// While it lives, packages that are installed start no service. An admin's own policy is left alone.
struct NothingStarts {
    is_ours: bool,
}

impl NothingStarts {
    fn new() -> anyhow::Result<Self> {
        let is_ours = !Path::new(POLICY).exists();
        let guard = Self { is_ours };
        if is_ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(guard)
    }
}

impl Drop for NothingStarts {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!(
                "cannot remove `{POLICY}`: {error}\n\nhint: remove it, or no service of a new package will start"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_installs_what_machines_need_and_nothing_else() {
        let tests = for_tests();
        let demo = for_machines(Kind::Container);
        assert!(demo.iter().all(|needed| tests.contains(needed)));
        for package in [
            "chromium",
            "prometheus",
            "nix-bin",
            "fish",
            "zsh",
            "shellcheck",
            "mandoc",
            "groff-base",
            "lintian",
            "duktape",
            "restic",
            "qemu-system-x86",
        ] {
            let has = |list: &[Needed]| list.iter().any(|(_, other)| *other == package);
            assert!(has(&tests) && !has(&demo), "{package}");
        }
    }

    #[test]
    fn backports_come_from_where_the_release_comes_from() {
        let main = Source {
            uri: "http://mirror.test/debian".to_owned(),
            suite: "bookworm".to_owned(),
            components: vec!["main".to_owned(), "contrib".to_owned()],
            signed_by: Some("/usr/share/keyrings/a.gpg".to_owned()),
        };
        let expected = "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm-backports\nComponents: main\n\
                        Signed-By: /usr/share/keyrings/a.gpg\n";
        assert_eq!(backports_source(&main, "bookworm-backports").unwrap(), expected);
    }
}

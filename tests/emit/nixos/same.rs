//! The list of all differences between a file for NixOS and the file for any other system.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// What stands at a store path, by the end of the path, and where it is on any other system.
const PLACES: [(&str, &str); 15] = [
    ("bash/bin/bash", "/bin/bash"),
    ("openssh/bin/sshd", "/usr/sbin/sshd"),
    ("socat/bin/socat", "/usr/bin/socat"),
    // With the module, in the package of the host.
    ("/libexec/genbackup", "/usr/local/libexec/genbackup"),
    // In an emitted module, each has its own store path.
    ("backup-restic", "/usr/local/libexec/genbackup/backup-restic"),
    ("keep-results", "/usr/local/libexec/genbackup/keep-results"),
    ("note-result", "/usr/local/libexec/genbackup/note-result"),
    ("stay-awake", "/usr/local/libexec/genbackup/stay-awake"),
    (
        "maintain-repository",
        "/usr/local/libexec/genbackup/maintain-repository",
    ),
    ("make-directory", "/usr/local/libexec/genbackup/make-directory"),
    ("run-backups", "/usr/local/libexec/genbackup/run-backups"),
    ("send-mail", "/usr/local/libexec/genbackup/send-mail"),
    ("run-with-path", RUN_WITH_PATH),
    // With the module, the command of its package.
    ("genbackup/bin/genbackup", "genbackup"),
    ("util-linux/bin", "(the last of PATH)"),
];

/// The script that only NixOS has: it starts what is no script of ours.
const RUN_WITH_PATH: &str = "/usr/local/libexec/genbackup/run-with-path";

/// The lines that each script has on NixOS in addition: a comment and the variable.
const PATH_COMMENT: &str = "# This script sets its own PATH, because a drop-in can replace that of the unit.";
const PATH_LINE: &str = "export PATH=";

/// What `PATH` has in our scripts, each the `bin` of a package.
const PATH: [&str; 8] = [
    "coreutils",
    "findutils",
    "gnugrep",
    "openssh",
    "restic",
    "socat",
    "systemd",
    "util-linux",
];

/// A unit file, section by section, each key with its value in the order of the file.
type Unit = Vec<(String, Vec<(String, String)>)>;

/// Takes store paths for what they stand for, and notes which of them it met.
#[derive(Debug)]
pub(crate) struct Places {
    store: String,
    met: BTreeSet<&'static str>,
}

impl Places {
    pub(crate) fn new(store: &Path) -> Self {
        Self {
            store: format!("{}/", store.display()),
            met: BTreeSet::new(),
        }
    }

    /// A text of NixOS, with each known store path replaced by the path on any other system.
    pub(crate) fn usual(&mut self, text: &str) -> String {
        // In an emitted module, the command is that of the system.
        let text = text.replace("/run/current-system/sw/bin/genbackup", "genbackup");
        let mut rest = text.as_str();
        let mut usual = String::new();
        while let Some((before, path)) = rest.split_once(&self.store) {
            usual.push_str(before);
            let end = path
                .find(|c: char| !(c.is_ascii_alphanumeric() || "+-._?=/".contains(c)))
                .unwrap_or(path.len());
            let (path, after) = path.split_at(end);
            usual.push_str(&self.place(path));
            rest = after;
        }
        usual + rest
    }

    /// What one store path, without the store's directory, stands for; itself if it is unknown.
    fn place(&mut self, path: &str) -> String {
        // The hash and its dash.
        let name = path.get(33..).unwrap_or(path);
        for (end, place) in PLACES {
            let found = if let Some(directory) = end.strip_prefix('/') {
                name.split_once(&format!("/{directory}")).map(|(_, below)| below)
            } else {
                below(name, end)
            };
            if let Some(below) = found {
                self.met.insert(end);
                return format!("{place}{below}");
            }
        }
        format!("{}{path}", self.store)
    }

    /// A script of NixOS without the lines that set `PATH`. Each script has them once, and with the packages only.
    pub(crate) fn without_path(&mut self, name: &str, text: &str) -> Result<String> {
        let comment = format!("{PATH_COMMENT}\n");
        let (before, rest) = text
            .split_once(&comment)
            .with_context(|| format!("{name}: {text}"))?;
        let (line, rest) = rest.split_once('\n').context("a script has more lines")?;
        let directories = line.strip_prefix(PATH_LINE).with_context(|| line.to_owned())?;
        ensure!(self.is_path(directories), "{name}: {line}");
        Ok(format!("{before}{rest}"))
    }

    /// `PATH` of a script: the packages, and nothing else.
    fn is_path(&mut self, directories: &str) -> bool {
        self.met.insert("util-linux/bin");
        let packages: Option<Vec<&str>> = directories
            .split(':')
            .map(|directory| {
                directory
                    .strip_prefix(&self.store)?
                    .get(33..)?
                    .strip_suffix("/bin")
            })
            .collect();
        packages.is_some_and(|mut packages| {
            // A host that copies the files of the repository has one more.
            packages.pop_if(|last| is_of(last, "rclone"));
            packages.len() == PATH.len()
                && packages
                    .iter()
                    .zip(PATH)
                    .all(|(found, package)| is_of(found, package))
        })
    }

    /// The entries of the list that were never met. An entry that is not needed could hide a difference.
    pub(crate) fn unmet(&self) -> Vec<&'static str> {
        let ends = PLACES.iter().map(|(end, _)| *end);
        ends.filter(|end| !self.met.contains(end)).collect()
    }
}

/// True for a package's own name, with or without a version and an output: `socat-1.8.0-bin`.
fn is_of(name: &str, package: &str) -> bool {
    let rest = name.strip_prefix(package);
    rest.is_some_and(|rest| {
        let mut after = rest.chars();
        rest.is_empty() || after.next() == Some('-') && after.next().is_some_and(|c| c.is_ascii_digit())
    })
}

/// What a store path is below an end of the list; whole packages have versions: `bash-5.3/bin/bash`.
fn below<'p>(name: &'p str, end: &str) -> Option<&'p str> {
    let (package, program) = end.split_once('/').unwrap_or((end, ""));
    let rest = name.strip_prefix(package)?;
    let rest = match rest.strip_prefix('-') {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            &version[version.find('/').unwrap_or(version.len())..]
        }
        _ => rest,
    };
    let rest = match program {
        "" => rest,
        program => rest.strip_prefix('/')?.strip_prefix(program)?,
    };
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A unit as NixOS has it, from the one of any other system: what is added.
fn on_nixos(name: &str, mut unit: Unit) -> Unit {
    let is = |kind: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|extension| extension == kind)
    };
    for (section, keys) in &mut unit {
        if section == "Unit" && (is("service") || is("mount")) {
            // A running unit ends as it began, even if the configuration no longer has it.
            keys.push(("X-StopOnRemoval".to_owned(), "false".to_owned()));
        }
        if section == "Service" {
            let start = keys.iter().position(|(key, _)| key == "ExecStart");
            let after = start.map_or(0, |position| position + 1);
            keys.insert(after, ("X-RestartIfChanged".to_owned(), "false".to_owned()));
            if let Some((_, command)) = start.and_then(|start| keys.get_mut(start)) {
                *command = with_path(command);
            }
        }
    }
    unit
}

/// How NixOS starts what a unit starts: our scripts set `PATH` themselves, and sshd starts programs by their paths.
fn with_path(command: &str) -> String {
    if command.starts_with("/usr/local/libexec/genbackup/") || command.starts_with("-/usr/sbin/sshd ") {
        return command.to_owned();
    }
    match command.strip_prefix(':') {
        Some(command) => format!(":{RUN_WITH_PATH} {command}"),
        None => format!("{RUN_WITH_PATH} {command}"),
    }
}

/// Reads a unit file. systemd ignores comments and empty lines.
fn unit(text: &str, mut value: impl FnMut(&str) -> String) -> Result<Unit> {
    let mut unit: Unit = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            unit.push((section.to_owned(), Vec::new()));
        } else {
            let (key, text) = line.split_once('=').with_context(|| line.to_owned())?;
            let (_, keys) = unit.last_mut().context("a key before any section")?;
            keys.push((key.to_owned(), value(text)));
        }
    }
    Ok(unit)
}

/// Checks that a unit of NixOS is the one of any other system, up to the list.
pub(crate) fn unit_is_the_same(name: &str, usual: &str, nixos: &str, places: &mut Places) -> Result<()> {
    let expected = on_nixos(name, unit(usual, str::to_owned)?);
    let actual = unit(nixos, |value| places.usual(value))?;
    assert_eq!(actual, expected, "{name}");
    Ok(())
}

//! A host's files as a NixOS module: the same texts, with programs from `pkgs`.

use askama::Template;

use super::{Access, Artifact, LIBEXEC, Platform, UNIT_DIRECTORY, calendars, emit_for};
use crate::emit::escape::filters;
use crate::emit::plan::{Connection, CoordinatorPlan, HostPlan};
use crate::model::HostName;

/// The packages in whose `bin` our scripts find their programs: those that NixOS itself uses, where it has an option.
const PACKAGES: [&str; 8] = [
    "pkgs.coreutils",
    "pkgs.findutils",
    "pkgs.gnugrep",
    "config.services.openssh.package",
    "pkgs.restic",
    "pkgs.socat",
    "config.systemd.package",
    "pkgs.util-linux",
];

/// The package that copies files of the repository elsewhere.
const RCLONE: &str = "pkgs.rclone";

#[derive(Template)]
#[template(path = "printed/host.nix")]
struct Module<'p> {
    host: &'p HostName,
    restic: String,
    systemd: String,
    packages: Vec<&'static str>,
    /// The ids of user restic, where they are fixed.
    uid: Option<u32>,
    connection: Option<&'p Connection<'p>>,
    /// Whether its units start the command.
    keeps: bool,
    /// Whether its units start the command with the fleet file.
    watches: bool,
    parts: Parts,
}

/// Artifacts by what NixOS makes of them.
#[derive(Default)]
struct Parts {
    scripts: Vec<(String, String)>,
    /// The lines of tmpfiles.d(5).
    rules: Vec<String>,
    /// Files by their paths below `/etc`.
    files: Vec<File>,
    units: Vec<(String, String)>,
    timers: Vec<Waiting>,
    sockets: Vec<Waiting>,
}

struct File {
    path: String,
    content: String,
    /// Whether sshd looks at who may write to the file and its directories: nix's store is its group's.
    is_watched: bool,
}

/// A timer or a socket, as an option of NixOS.
struct Waiting {
    /// Without its ending.
    name: String,
    /// Which unit starts it, from its `[Install]` section, which NixOS does not read.
    wanted_by: String,
    /// A socket has none.
    calendars: Vec<String>,
}

/// The module of one host, as an artifact whose path is `/HOST.nix`.
///
/// # Errors
/// As [`super::emit`].
pub fn nix_module(plan: &HostPlan<'_>) -> askama::Result<Artifact> {
    let mut parts = Parts::default();
    for artifact in emit_for(plan, &Platform::expressions())? {
        parts.add(artifact);
    }
    let HostPlan {
        host,
        versions,
        power: _,
        coordinator,
        client,
        recovery: _,
    } = plan;
    let copies_files = coordinator
        .as_ref()
        .is_some_and(|coordinator| coordinator.offsite.values().any(|copy| !copy.kind.is_restic()));
    let module = Module {
        host,
        restic: versions.restic.to_string(),
        systemd: versions.systemd.to_string(),
        packages: PACKAGES
            .into_iter()
            .chain(copies_files.then_some(RCLONE))
            .collect(),
        uid: coordinator.as_ref().map(|coordinator| coordinator.repository.uid),
        keeps: coordinator.is_some(),
        watches: coordinator
            .as_ref()
            .is_some_and(CoordinatorPlan::starts_the_command),
        connection: client.as_ref().and_then(|client| client.connection.as_ref()),
        parts,
    };
    Ok(Artifact {
        path: format!("/{host}.nix"),
        access: Access::Readable,
        content: module.render()? + "\n",
    })
}

impl Parts {
    fn add(&mut self, mut artifact: Artifact) {
        let calendars = calendars::take(&mut artifact);
        let Artifact {
            path,
            access: _,
            content,
        } = artifact;
        if let Some(name) = below(&path, UNIT_DIRECTORY) {
            self.wait(&name, &content, calendars);
            self.units.push((name, content));
        } else if let Some(name) = below(&path, LIBEXEC) {
            self.scripts.push((name, content));
        } else if below(&path, "/etc/tmpfiles.d").is_some() {
            let rules = content.lines().filter(|line| !line.starts_with('#'));
            self.rules.extend(rules.map(str::to_owned));
        } else if let Some(path) = below(&path, "/etc") {
            // Users are NixOS's own business: the module declares them.
            if !path.starts_with("sysusers.d/") {
                self.files.push(File {
                    is_watched: path == "genbackup/authorized_keys",
                    path,
                    content,
                });
            }
        }
    }

    /// Adds the option of a unit that waits for something.
    fn wait(&mut self, unit: &str, content: &str, calendars: Vec<String>) {
        let wanted_by = content.lines().find_map(|line| line.strip_prefix("WantedBy="));
        let (Some(wanted_by), Some((name, kind))) = (wanted_by, unit.rsplit_once('.')) else {
            return;
        };
        let list = match kind {
            "timer" => &mut self.timers,
            _ => &mut self.sockets,
        };
        list.push(Waiting {
            name: name.to_owned(),
            wanted_by: wanted_by.to_owned(),
            calendars,
        });
    }

    fn exports(&self) -> bool {
        self.files.iter().any(|file| file.path.starts_with("exports.d/"))
    }
}

/// What a path is below a directory.
fn below(path: &str, directory: &str) -> Option<String> {
    Some(path.strip_prefix(directory)?.strip_prefix('/')?.to_owned())
}

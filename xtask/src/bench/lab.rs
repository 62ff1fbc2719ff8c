//! The machines: a storage host with its clients, and a machine that keeps its own snapshots. All have 2,000 files.

use std::fmt::Write as _;

use anyhow::Context;
use vmtests::crowd::Crowd;
use vmtests::fleet::{MOUNT, PASSWORD_FILE, REPOSITORY, SSH_KEY_FILE, SSH_PORT};
use vmtests::hardware::Hardware;
use vmtests::install::{make_secrets, put_command_onto};
use vmtests::lab::{Kind, disk_of_storage};
use vmtests::machine::{Machine, quoted};
use vmtests::progress::timed;
use vmtests::release::Release;
use vmtests::side_by_side::on_all;

/// The clients' names.
pub(crate) const CLIENTS: [&str; 6] = ["ada", "bob", "cyd", "dan", "eve", "fay"];
/// The machine that keeps its own snapshots.
pub(crate) const SOLO: &str = "solo";
/// The keep policy of all contestants.
const KEEP: &str = "30 daily, 5 weekly, 12 monthly, 10 yearly";
/// Makes 2,000 files of 4 KiB in 20 directories of `srv/data`; no other machine has them.
pub(crate) const FILES: &str = "
    mkdir --parents srv/data && cd srv/data
    for directory in $(seq --equal-width 20); do
        mkdir \"$directory\"
        head --bytes=$((100 * 4096)) /dev/urandom | split --bytes=4096 --suffix-length=3 - \"$directory/file-\"
    done";

/// The lab, with all that the contestants need.
#[derive(Debug)]
pub(crate) struct Lab {
    crowd: Crowd,
}

impl Lab {
    /// Boots the machines and installs everything on them.
    ///
    /// # Errors
    /// When a step fails.
    pub(crate) fn boot() -> anyhow::Result<Self> {
        let names = [&["jak"], &CLIENTS[..], &[SOLO]].concat();
        let hardware = names.iter().zip(1..).map(|(name, number)| {
            let disk = ["jak", SOLO].contains(name).then(disk_of_storage);
            Hardware::new(name, number, Release::Trixie, disk)
        });
        let lab = Self {
            crowd: Crowd::boot(Kind::Container, hardware.collect())?,
        };
        timed("files", || {
            lab.crowd
                .on_all(|machine| machine.succeeds(&format!("cd /\n{FILES}")).map(drop))
        })?;
        timed("genbackup", || lab.install_genbackup())?;
        timed("the others", || lab.install_others())?;
        Ok(lab)
    }

    /// All machines.
    pub(crate) fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// The storage host.
    pub(crate) fn storage(&self) -> &Machine {
        self.crowd.storage()
    }

    /// The clients of the storage host.
    pub(crate) fn clients(&self) -> &[Machine] {
        self.crowd.clients().get(..CLIENTS.len()).unwrap_or_default()
    }

    /// The machine that keeps its own snapshots.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn solo(&self) -> anyhow::Result<&Machine> {
        self.crowd
            .clients()
            .last()
            .context("the lab has no separate machine")
    }

    fn install_genbackup(&self) -> anyhow::Result<()> {
        let solo = self.solo()?;
        for storage in [self.storage(), solo] {
            make_secrets(storage)?;
        }
        self.storage()
            .succeeds("systemctl --quiet enable --now nfs-server.service")?;
        let fleet = self.fleet(1)?;
        let install = |machine: &Machine| {
            emit_now(
                machine,
                if machine.name() == SOLO {
                    FLEET_OF_ONE
                } else {
                    &fleet
                },
            )
        };
        // The clients' names have to be exported before they mount anything.
        install(self.storage())?;
        on_all(&self.clients().iter().chain([solo]).collect::<Vec<_>>(), install)
    }

    fn install_others(&self) -> anyhow::Result<()> {
        let clients = CLIENTS.join(" ");
        let script = |text: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| quoted(argument));
            format!("set -- {}\n{text}", arguments.collect::<Vec<_>>().join(" "))
        };
        let storage = include_str!("scripts/storage.bash");
        self.storage()
            .succeeds(&script(storage, &[&clients, PASSWORD_FILE]))?;
        let key = self.storage().succeeds("cat /var/lib/bench/key.pub")?;
        let client = script(include_str!("scripts/client.bash"), &[&key]);
        on_all(&self.clients().iter().collect::<Vec<_>>(), |machine| {
            machine.succeeds(&client).map(drop)
        })
    }

    /// Lets genbackup back up this number of hosts at once from now on.
    ///
    /// # Errors
    /// When genbackup refuses the fleet.
    pub(crate) fn set_parallel(&self, hosts: u8) -> anyhow::Result<()> {
        let fleet = self.fleet(hosts)?;
        self.storage()
            .write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
        self.storage().succeeds("genbackup emit").map(drop)
    }

    fn fleet(&self, parallel: u8) -> anyhow::Result<String> {
        let public_key = self.storage().succeeds(&format!("cat {SSH_KEY_FILE}.pub"))?;
        let mut text = format!(
            "[schedule]\ncalendar = \"04:00\"\nmax-parallel = {parallel}\n\
             [repository]\nhost = \"jak\"\npath = \"{REPOSITORY}\"\nfile-system = \"/mnt/storage\"\n\
             initialize = true\npassword-file = \"{PASSWORD_FILE}\"\nkeep = \"{KEEP}\"\n\
             [nfs]\nmount = \"{MOUNT}\"\n\
             [ssh]\nport = {SSH_PORT}\nkey-file = \"{SSH_KEY_FILE}\"\npublic-key = \"{public_key}\"\n\
             [hosts.jak]\n"
        );
        for client in self.clients() {
            writeln!(
                text,
                "[hosts.{}]\ninclude = [\"/srv/data\"]\nexclude = [\"/srv/data/scratch\"]\nhost-key = \"{}\"",
                client.name(),
                client.host_key()?
            )?;
        }
        Ok(text)
    }
}

/// README.md's way to set a host up.
fn emit_now(machine: &Machine, fleet: &str) -> anyhow::Result<()> {
    put_command_onto(machine)?;
    machine.write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
    machine.succeeds("genbackup emit --now").map(drop)
}

const FLEET_OF_ONE: &str = r#"
[schedule]
calendar = "04:00"
[repository]
host = "solo"
path = "/mnt/storage/restic"
file-system = "/mnt/storage"
initialize = true
password-file = "/root/keys/restic-password"
keep = "30 daily, 5 weekly, 12 monthly, 10 yearly"
[hosts.solo]
include = ["/srv/data"]
"#;

/// Runs a command on a machine; the seconds that it took, by the machine's own clock.
///
/// # Errors
/// When it fails.
pub(crate) fn seconds_of(machine: &Machine, text: &str) -> anyhow::Result<f64> {
    let script = format!("begin=$EPOCHREALTIME\n{text} >/dev/null\necho \"$begin $EPOCHREALTIME\"");
    let times = machine.succeeds(&script)?;
    let parsed = times
        .split(' ')
        .map(str::parse::<f64>)
        .collect::<Result<Vec<_>, _>>();
    match parsed.with_context(|| times.clone())?.as_slice() {
        [begin, end] => Ok(end - begin),
        _ => anyhow::bail!("{}: no two times: `{times}`", machine.name()),
    }
}

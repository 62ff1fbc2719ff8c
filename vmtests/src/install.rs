//! genbackup onto the machines of the lab, as an admin would do it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, bail, ensure};

use crate::agent::Output;
use crate::belongings;
use crate::cache;
use crate::fleet::{PASSWORD_FILE, SSH_KEY_FILE};
use crate::lab::Lab;
use crate::machine::Machine;
use crate::process::{command, output_of};
use crate::quick_key;
use crate::side_by_side::on_all;
use crate::warm_up::warm_up;

/// The fleet, with keys that the lab's own take the place of.
const FLEET: &str = include_str!("../fleet.toml");

/// What an administrator does once the files are there, where `emit --now` does not.
pub const ON_ALL: &str = "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload";
/// What follows on the storage host.
pub const ON_STORAGE: &str = "systemctl start genbackup-init.service && \
                              systemctl --quiet enable --now nfs-server.service && exportfs -ra && \
                              systemctl --quiet enable --now genbackup.timer genbackup-backup.socket";
/// What follows on a client.
pub const ON_CLIENT: &str = "systemctl --quiet enable --now genbackup-backup.socket genbackup-sshd.socket";

/// The same after the fleet has changed: the chapter Change the fleet has it.
const AFTER_A_CHANGE: &str = "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload && \
                              systemctl try-restart 'genbackup-*.socket'";

/// Writes a fleet file for the lab, has genbackup emit every host's files, and makes them live.
///
/// # Errors
/// When genbackup refuses the fleet, or a machine what was emitted.
pub fn install(lab: &Lab) -> anyhow::Result<()> {
    lab.on_all(belongings::put_onto)?;
    make_secrets(&lab.jak)?;
    install_fleet(&lab.jak, &lab.machines(), &fleet_file(lab)?)?;
    warm_up(lab)
}

/// Makes the two secrets of a storage host. They are the admin's: no emitted file holds them.
///
/// # Errors
/// When the machine refuses.
pub fn make_secrets(storage: &Machine) -> anyhow::Result<()> {
    storage
        .succeeds(&format!(
            "install --directory --mode=0700 /root/keys
             head --bytes=24 /dev/urandom | base64 >{PASSWORD_FILE}
             chmod 0400 {PASSWORD_FILE}
             ssh-keygen -q -t ed25519 -N '' -C genbackup@{} -f {SSH_KEY_FILE}",
            storage.name()
        ))
        .map(drop)
}

/// Has genbackup emit the files of every host of a fleet, and makes them live on machines that had none. The storage
/// host is one of them. Its repository opens at once: see `quick_key`.
///
/// # Errors
/// When genbackup refuses the fleet, or a machine what was emitted.
pub fn install_fleet(storage: &Machine, machines: &[&Machine], fleet: &str) -> anyhow::Result<()> {
    put_onto(storage, machines, fleet)?;
    on_all(machines, |machine| {
        machine.succeeds(ON_ALL)?;
        let rest = if machine.name() == storage.name() {
            put_command_onto(machine)?;
            ON_STORAGE
        } else {
            ON_CLIENT
        };
        machine.succeeds(rest).map(drop)
    })?;
    quick_key::put_onto(storage)
}

/// The lab's fleet with a change, emitted for every host and live; each `from` of the file gives way to its `to`.
///
/// # Errors
/// When the file has no `from`, genbackup refuses the fleet, or a machine what was emitted.
pub fn again(lab: &Lab, changes: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut fleet = fleet_file(lab)?;
    for (from, to) in changes {
        ensure!(fleet.contains(from), "the fleet file has no `{from}`: {fleet}");
        fleet = fleet.replace(from, to);
    }
    put_onto(&lab.jak, &lab.machines(), &fleet)?;
    lab.on_all(|machine| machine.succeeds(ON_ALL).map(drop))?;
    lab.jak.succeeds("exportfs -ra").map(drop)
}

fn put_onto(storage: &Machine, machines: &[&Machine], text: &str) -> anyhow::Result<()> {
    let staging = tempfile::tempdir()?;
    let (fleet, roots) = (staging.path().join("fleet.toml"), staging.path().join("roots"));
    std::fs::write(&fleet, text)?;
    emit(&fleet, &roots)?;
    on_all(machines, |machine| {
        machine.install_tree(&roots.join(machine.name()))
    })?;
    // The command of the storage host reads it there.
    storage.write_file("/etc/genbackup/fleet.toml", text.as_bytes(), 0o644)
}

/// Emits another fleet on each machine and makes it live, as an admin would do it there. Returns the output
/// of `emit`.
///
/// # Errors
/// When genbackup refuses the fleet, or a machine what was emitted.
pub fn emit_again(machines: &[&Machine], fleet: &str) -> anyhow::Result<Vec<Output>> {
    let again = |machine: &&Machine| {
        machine.write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
        put_command_onto(machine)?;
        let emitted = machine.run("genbackup emit")?;
        ensure!(
            emitted.status == 0,
            "{}: {}",
            machine.name(),
            emitted.error_text()
        );
        machine.succeeds(AFTER_A_CHANGE)?;
        Ok(emitted)
    };
    machines.iter().map(again).collect()
}

/// Puts the command itself onto a machine.
///
/// # Errors
/// When it cannot be built, or the machine refuses it.
pub fn put_command_onto(machine: &Machine) -> anyhow::Result<()> {
    let stripped = tempfile::NamedTempFile::new()?;
    // What a debugger needs is most of it.
    output_of(command("strip").arg("-o").arg(stripped.path()).arg(genbackup()?))?;
    machine.write_file(
        "/usr/local/bin/genbackup",
        &std::fs::read(stripped.path())?,
        0o755,
    )
}

/// The fleet file of the lab, with the keys that its machines have.
///
/// # Errors
/// When a machine does not send its keys.
pub fn fleet_file(lab: &Lab) -> anyhow::Result<String> {
    with_keys_of(lab, FLEET)
}

/// Another fleet file for hosts with the names of the lab's machines, with the keys that these have.
///
/// # Errors
/// When it lacks a key, or a machine does not send its keys.
pub fn with_keys_of(lab: &Lab, fleet: &str) -> anyhow::Result<String> {
    let Keys {
        of_storage,
        of_clients,
    } = keys_of(lab, fleet)?;
    let all = std::iter::once(of_storage).chain(of_clients);
    Ok(all.fold(fleet.to_owned(), |text, (old, new)| text.replace(&old, &new)))
}

/// The keys in a fleet file, each with the one of the lab that takes its place.
#[derive(Debug)]
pub struct Keys {
    /// The storage host's public key for its clients.
    pub of_storage: (String, String),
    /// The host key of each client.
    pub of_clients: Vec<(String, String)>,
}

/// The keys in such a fleet file.
///
/// # Errors
/// When the file lacks a key, or a machine does not send its keys.
pub fn keys_of(lab: &Lab, fleet: &str) -> anyhow::Result<Keys> {
    let fleet: toml::Table = toml::from_str(fleet)?;
    let key = |way: &[&str]| {
        let key = key_in(&fleet, way).map(str::to_owned);
        key.with_context(|| format!("the fleet file has no {}", way.join(".")))
    };
    let public_key = lab.jak.succeeds(&format!("cat {SSH_KEY_FILE}.pub"))?;
    let of_client = |client: &&Machine| Ok((key(&["hosts", client.name(), "host-key"])?, client.host_key()?));
    Ok(Keys {
        of_storage: (key(&["ssh", "public-key"])?, public_key),
        of_clients: [&lab.ziz, &lab.kai]
            .iter()
            .map(of_client)
            .collect::<anyhow::Result<_>>()?,
    })
}

fn key_in<'f>(fleet: &'f toml::Table, way: &[&str]) -> Option<&'f str> {
    let (last, tables) = way.split_last()?;
    let table = tables
        .iter()
        .try_fold(fleet, |table, name| table.get(*name)?.as_table())?;
    table.get(*last)?.as_str()
}

fn emit(fleet: &Path, roots: &Path) -> anyhow::Result<()> {
    let binary = genbackup()?;
    let mut command = command(&binary.to_string_lossy());
    output_of(
        command
            .args(["emit", "--all", "--root"])
            .arg(roots)
            .arg("--fleet")
            .arg(fleet),
    )
    .map(drop)
}

/// Set once, where machines get another binary than the debug build.
static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// From now on machines get this `genbackup`, for example a release build.
///
/// # Errors
/// When another one was chosen before.
pub fn use_binary(path: PathBuf) -> anyhow::Result<()> {
    match BINARY.set(path) {
        Ok(()) => Ok(()),
        Err(path) => bail!(
            "machines have another genbackup already than `{}`",
            path.display()
        ),
    }
}

/// The `genbackup` binary: the one of [`use_binary`], that of `GENBACKUP`, or built now.
///
/// # Errors
/// When it cannot be built.
pub fn genbackup() -> anyhow::Result<PathBuf> {
    if let Some(path) = BINARY.get() {
        return Ok(path.clone());
    }
    if let Some(path) = std::env::var_os("GENBACKUP") {
        return Ok(path.into());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    output_of(command(&cargo).current_dir(cache::workspace()).args([
        "build",
        "--quiet",
        "--package",
        "genbackup",
    ]))?;
    Ok(built())
}

/// Where cargo leaves the binary that it builds.
#[must_use]
pub fn built() -> PathBuf {
    cache::target_directory().join("debug/genbackup")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The NixOS tests bring these keys along: their machines are described before they are there.
    #[test]
    fn the_keys_of_the_fleet_are_those_of_the_nixos_tests() {
        let fleet: toml::Table = toml::from_str(FLEET).unwrap();
        for (file, way) in [
            ("jak-to-its-clients", &["ssh", "public-key"][..]),
            ("ziz-host", &["hosts", "ziz", "host-key"]),
            ("kai-host", &["hosts", "kai", "host-key"]),
        ] {
            // ssh-keygen reads no key that others may read, and a checkout does not keep that mode.
            let private = tempfile::NamedTempFile::new().unwrap();
            let stored = cache::workspace().join(format!("nix/tests/keys/for-tests-only-{file}"));
            std::fs::write(private.path(), std::fs::read(stored).unwrap()).unwrap();
            let public = output_of(command("ssh-keygen").arg("-y").arg("-f").arg(private.path())).unwrap();
            let words: Vec<_> = public.split(' ').take(2).map(str::trim).collect();
            assert_eq!(key_in(&fleet, way).unwrap(), words.join(" "), "{file}");
        }
    }
}

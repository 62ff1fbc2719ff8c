//! The files of many hosts: `emit`, and a copy of the same files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use vmtests::process::{command, output_of};
use vmtests::{cache, install};

use super::measure::{Contestant, alternate};
use super::table::{Budget, Section};

/// Measures `emit`.
///
/// # Errors
/// When genbackup refuses the fleet, or the disk has no room for two times its files.
pub(crate) fn measure(rounds: usize, hosts: u32) -> anyhow::Result<Section> {
    let directory = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(cache::target_directory())?;
    let path = |name: &str| directory.path().join(name);
    let (fleet, emitted, copied, again) =
        (path("fleet.toml"), path("emitted"), path("copied"), path("again"));
    fs::write(&fleet, fleet_of(hosts)?)?;
    // What is copied, and in memory before the first round.
    emit(&fleet, &emitted)?;
    let memory = memory_of_emit(&fleet, &again)?;
    remove(&again)?;
    let contestants = [
        Contestant::new("genbackup emit --all --root", || {
            let time = emit(&fleet, &again)?;
            remove(&again)?;
            Ok(vec![time])
        }),
        Contestant::new("cp -r, and sync", || {
            let time = seconds(|| {
                output_of(command("cp").arg("-r").args([&emitted, &copied]))?;
                sync()
            })?;
            remove(&copied)?;
            Ok(vec![time])
        }),
    ];
    let phases = alternate(rounds, &contestants)?;
    let [one, copy] = phases.first().map(Vec::as_slice).unwrap_or_default() else {
        anyhow::bail!("two contestants");
    };

    let files = output_of(command("find").arg(&emitted).args(["-type", "f", "-printf", "."]))?.len();
    let mut section = Section::new(&format!("The files of {hosts} hosts"));
    section.paragraph(&format!(
        "`genbackup emit --all --root DIR` writes {files} files for {hosts} hosts, each of them whole on the disk when it \
         ends; `cp -r` copies the same files, and `sync` brings them to the disk. `emit` needs {memory:.0} MiB of memory \
         at most."
    ));
    section.comparison("all files on the disk", &[one.clone(), copy.clone()], copy);
    section.budgets = vec![
        Budget::new(
            &format!("`emit` for {hosts} hosts: times `cp -r` and `sync`"),
            one.times(copy),
            1.5,
            "",
        ),
        Budget::new(&format!("`emit` for {hosts} hosts: memory"), memory, 256.0, "MiB"),
    ];
    Ok(section)
}

fn emit(fleet: &Path, root: &Path) -> anyhow::Result<f64> {
    let genbackup = install::genbackup()?;
    seconds(|| {
        let mut emit = command(&genbackup.to_string_lossy());
        emit.args(["emit", "--all", "--root"])
            .arg(root)
            .arg("--fleet")
            .arg(fleet);
        output_of(&mut emit).map(drop)
    })
}

/// The most memory that `emit` has at any time, in MiB.
fn memory_of_emit(fleet: &Path, root: &Path) -> anyhow::Result<f64> {
    const ASK: &str = "import resource, subprocess, sys\n\
                       subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
                       print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut ask = command("python3");
    ask.args(["-c", ASK]).arg(install::genbackup()?);
    ask.args(["emit", "--all", "--root"])
        .arg(root)
        .arg("--fleet")
        .arg(fleet);
    let kibibytes = output_of(&mut ask)?;
    let kibibytes: f64 = kibibytes.trim().parse().with_context(|| kibibytes.clone())?;
    Ok(kibibytes / 1024.0)
}

/// Outside of what is measured, and on the disk before the next is.
fn remove(directory: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(directory).with_context(|| directory.display().to_string())?;
    sync()
}

fn sync() -> anyhow::Result<()> {
    output_of(&mut command("sync")).map(drop)
}

fn seconds(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

/// A fleet file with a storage host and this number of others.
pub(super) fn fleet_of(hosts: u32) -> anyhow::Result<String> {
    let mut text = "[schedule]\ncalendar = \"04:00\"\nmax-parallel = 8\n\
                    [repository]\nhost = \"jak\"\npath = \"/mnt/storage/restic\"\nfile-system = \"/mnt/storage\"\n\
                    password-file = \"/root/keys/restic-password\"\n\
                    keep = \"30 daily, 5 weekly, 12 monthly, 10 yearly\"\n\
                    [nfs]\nmount = \"/mnt/jak/restic\"\n\
                    [ssh]\nport = 50000\nkey-file = \"/root/keys/ssh_ed25519\"\npublic-key = \""
        .to_owned();
    text += &key(0);
    text += "\"\n[monitor]\nwarn-after = \"25h\"\nalert-after = \"29h\"\n[hosts.jak]\n";
    for number in 1..hosts {
        writeln!(
            text,
            "[hosts.host{number}]\ninclude = [\"/etc\", \"/home\", \"/srv\"]\n\
             exclude = [\"/home/*/.cache\", \"*.tmp\"]\nhost-key = \"{}\"",
            key(number)
        )?;
    }
    Ok(text)
}

/// A public key of a number, as ssh-keygen would write it: each host has another one.
fn key(number: u32) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |shift: u32| char::from(LETTERS[(number >> shift) as usize % 64]);
    let digits: String = [18, 12, 6, 0].map(letter).iter().collect();
    format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}{digits}", "A".repeat(39))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_of_the_fleet_has_another_key() {
        let fleet: toml::Table = toml::from_str(&fleet_of(100).unwrap()).unwrap();
        let hosts = fleet["hosts"].as_table().unwrap();
        let keys: std::collections::BTreeSet<_> = hosts
            .values()
            .filter_map(|host| host.get("host-key")?.as_str())
            .collect();
        assert_eq!((hosts.len(), keys.len()), (100, 99));
        assert!(keys.iter().all(|key| key.len() == key_length()));
    }

    fn key_length() -> usize {
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD".len()
    }
}

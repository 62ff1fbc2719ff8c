//! What the containers of one lab have around them: namespaces of mounts, processes and network in which nothing of
//! this machine is, and a bridge that connects the machines and leads nowhere.
//!
//! All of it hangs on one process. When that ends, and it does when the tests do, however that comes, the kernel ends all
//! machines and takes away their mounts, interfaces and loop devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, bail};

use super::cgroup::Cgroup;
use crate::deadline::poll;
use crate::process::{Ended, command, command_ending_with_us, output_of, start};

/// Whether containers can have NFS for real: both ends of it are in this machine's kernel, or can be loaded.
pub static NFS_IS_REAL: LazyLock<bool> = LazyLock::new(|| {
    let known = || {
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        ["nfs4", "nfsd"].iter().all(|wanted| {
            known
                .lines()
                .any(|line| line.split_whitespace().last() == Some(wanted))
        })
    };
    if !known() {
        for module in ["nfsv4", "nfsd"] {
            // A failure means that the module is missing, which the caller finds out.
            drop(output_of(command("modprobe").args(["--quiet", module])));
        }
    }
    known()
});

/// The first thing in a world: its own /run, where systemd-nspawn and `ip netns` keep their notes; the directory of the
/// machines' second disks, which all of them see; the bridge.
const BEGIN: &str = r#"
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/netns "$1"
mount -t tmpfs -o mode=0755 tmpfs "$1"
mount --make-shared "$1"
ip link set lo up
ip link add lan type bridge
ip link set lan up
echo >"$1/ready"
exec sleep infinity
"#;

/// One world.
#[derive(Debug)]
pub struct World {
    process: Ended,
    cgroup: Cgroup,
    /// A directory for the files of its machines.
    directory: PathBuf,
}

impl World {
    /// Makes a world whose machines have their files in `directory`.
    ///
    /// It ends with the thread that calls this: call it from the one that owns the lab.
    ///
    /// # Errors
    /// When a namespace cannot be made.
    pub fn begin(directory: &Path) -> anyhow::Result<Self> {
        let shared = directory.join("shared");
        let errors = directory.join("world.log");
        let mut command = command_ending_with_us("unshare");
        command.args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
        ]);
        command.args(["--propagation", "private", "--", "bash", "-c", BEGIN, "world"]);
        command.arg(&shared).stderr(fs::File::create(&errors)?);
        let process = Ended(start(&mut command)?);
        let cgroup = Cgroup::of_world(process.0.id())?;
        let mut world = Self {
            process,
            cgroup,
            directory: directory.to_path_buf(),
        };
        let ready = poll(Duration::from_secs(30), || {
            if let Some(status) = world.process.0.try_wait()? {
                let error_text = fs::read_to_string(&errors).unwrap_or_default();
                bail!(
                    "the containers' namespaces cannot be made: {status}\n{}",
                    error_text.trim_end()
                );
            }
            Ok(world.seen(&shared.join("ready")).exists().then_some(()))
        })?;
        ready.context("the containers' namespaces are missing after 30 s")?;
        Ok(world)
    }

    pub(super) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// The directory for the files of its machines.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory that all of its machines have at `/lab`, and in which mounts become theirs.
    pub(super) fn shared(&self) -> PathBuf {
        self.directory.join("shared")
    }

    /// The path by which this process sees what the world has at `path`.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.0.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A command that runs in the world.
    pub(super) fn command(&self, program: &str) -> Command {
        let namespaces = format!("/proc/{}/ns", self.process.0.id());
        let mut inside = command("nsenter");
        inside
            .arg(format!("--mount={namespaces}/mnt"))
            .arg(format!("--net={namespaces}/net"))
            .arg(format!("--pid={namespaces}/pid_for_children"))
            .args(["--", program]);
        inside
    }

    /// Runs a shell script in the world, with arguments; what it printed.
    pub(super) fn script(&self, script: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut bash = self.command("bash");
        bash.args([
            "-o", "errexit", "-o", "nounset", "-o", "pipefail", "-c", script, "world",
        ]);
        output_of(bash.args(arguments))
    }

    /// Gives a machine a new separate network, with one interface on the bridge and the address of its
    /// number.
    pub(super) fn plug_in(&self, name: &str, number: u8, plugged: bool) -> anyhow::Result<()> {
        self.script(
            r#"if [ -e "/run/netns/$1" ]; then
                   # The kernel takes its time with what is in a namespace.
                   ip link delete "port-$2"
                   ip netns delete "$1"
               fi
               ip netns add "$1"
               card=52:54:00:77:00:$(printf %02x "$2")
               ip link add "port-$2" type veth peer name host0 address "$card" netns "$1"
               ip link set "port-$2" master lan "$3"
               ip -n "$1" address add "10.77.0.$2/24" dev host0
               ip -n "$1" link set lo up
               ip -n "$1" link set host0 up"#,
            &[name, &number.to_string(), state(plugged)],
        )
        .map(drop)
    }

    /// Plugs the cable of the machine with this number in, or pulls it.
    pub(super) fn plug(&self, number: u8, plugged: bool) -> anyhow::Result<()> {
        self.script(
            r#"ip link set "port-$1" "$2""#,
            &[&number.to_string(), state(plugged)],
        )
        .map(drop)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whatever is left ends with the world's first process.
        if let Err(error) = self.cgroup.kill() {
            eprintln!("the containers do not end: {error:#}");
        }
    }
}

fn state(plugged: bool) -> &'static str {
    if plugged { "up" } else { "down" }
}

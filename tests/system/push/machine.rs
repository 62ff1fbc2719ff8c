//! Machines that are directories, and the stand-ins on them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, run};
use crate::executable::executable;

pub(super) const FLEET: &str = include_str!("../../../vmtests/fleet.toml");
/// The units of a client that wait for something.
pub(super) const SOCKETS: [&str; 2] = ["genbackup-backup.socket", "genbackup-sshd.socket"];
pub(super) const MANIFEST: &str = "etc/genbackup/manifest.json";

/// In place of ssh: the last two words are a destination and a command. A host that has a separate script
/// runs that.
const SSH: &str = r#"#!/bin/bash
words=("$@")
destination=${words[-2]} command=${words[-1]}
user=${destination%@*} host=${destination##*@}
printf '%s\n' "${words[*]:0:$# - 1}" >>"$LAB/ssh"
if [[ -e $LAB/hosts/$host.bash ]]; then
    . "$LAB/hosts/$host.bash"
    exit
fi
if [[ ! -d $LAB/hosts/$host ]]; then
    echo "ssh: connect to host $host port 22: No route to host" >&2
    exit 255
fi
# The connection breaks after this number of bytes, or all of them are kept.
if [[ -n ${CUT-} ]]; then
    exec < <(dd bs=1 count="$CUT" status=none)
elif [[ -n ${KEEP-} ]]; then
    exec < <(tee "$KEEP")
fi
# In another session: the end of ssh does not end the command that it started.
setsid --wait unshare --mount bash -c "$MACHINE" machine "$LAB/hosts/$host" "$user" "$command"
"#;
/// What runs a command on a machine: its own places, and this machine's programs.
const MACHINE: &str = r#"set -e
root=$1 user=$2 command=$3
mount --bind /usr "$root/usr"
mount --bind "$root/local" "$root/usr/local"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
for program in $(<"$root/hidden"); do
    for file in "$root"/usr/{bin,sbin}/"$program"; do
        [[ ! -e $file ]] || mount --bind /dev/null "$file"
    done
done
as=()
if [[ $user != root ]]; then
    # For the stand-in of sudo: on a file system where a program may become root.
    mount -t tmpfs tmpfs "$root/become-root"
    install --mode=4755 /bin/bash "$root/become-root/bash"
    as=(--userspec=65534:65534)
fi
chroot "${as[@]}" "$root" /usr/bin/env --ignore-environment HOME=/ \
    PATH=/stand-ins:/usr/sbin:/usr/bin:/sbin:/bin /stand-ins/login-shell -c "$command""#;
/// Keeps in /state which units are enabled, which run by which text, and which text was read when. It compares the times
/// of files, as systemd does.
const SYSTEMCTL: &str = r#"#!/bin/bash
state=/state units=/etc/systemd/system
words=()
for word; do [[ $word == -* ]] || words+=("$word"); done
verb=${words[0]} unit=${words[1]-}
case $verb in
    show)
        active=inactive load=loaded stale=no
        [[ ! -e $state/active/$unit ]] || active=active
        [[ -e $state/read/$unit ]] || load=not-found
        [[ ! $units/$unit -nt $state/read/$unit ]] || stale=yes
        printf 'ActiveState=%s\nLoadState=%s\nNeedDaemonReload=%s\n' "$active" "$load" "$stale"
        exit
        ;;
    is-enabled)
        if [[ -e $state/enabled/$unit ]]; then
            echo enabled
        elif [[ -e $units/$unit ]]; then
            echo disabled
            exit 1
        else
            echo "Failed to get unit file state for $unit: No such file or directory" >&2
            exit 1
        fi
        exit
        ;;
    list-units)
        cd "$state/active" && compgen -G "$unit"
        exit 0
        ;;
esac
asked=${words[*]}
case $verb in
    stop | disable) [[ -e $units/$unit ]] || asked+=', whose file is gone' ;;
esac
printf '%s\n' "$asked" >>"$state/asked"
if [[ -p $state/gate && $verb == daemon-reload ]]; then
    : >"$state/at-the-gate"
    read -r <"$state/gate"
fi
if grep --quiet --line-regexp --fixed-strings -- "$asked" "$state/fails" 2>/dev/null; then
    printf 'Job for %s failed.\nSee "systemctl status %s" for details.\n' "$unit" "$unit" >&2
    exit 1
fi
case $verb in
    enable) [[ -e $units/$unit ]] && : >"$state/enabled/$unit" ;;
    disable) rm --force "$state/enabled/$unit" ;;
    daemon-reload)
        rm --force "$state"/read/*
        for file in "$units"/*; do
            [[ ! -f $file ]] || cp --preserve=timestamps "$file" "$state/read/"
        done
        ;;
    start) cp "$state/read/$unit" "$state/active/$unit" ;;
    stop) rm --force "$state/active/$unit" ;;
    try-restart) [[ ! -e $state/active/$unit ]] || cp "$state/read/$unit" "$state/active/$unit" ;;
esac
"#;
/// A system tool that notes what it was started with.
const TOOL: &str = "#!/bin/bash\nprintf '%s\\n' \"${0##*/} $*\" >>/state/asked\n";
/// Becomes root without a question.
const SUDO: &str = "#!/become-root/bash -p
[[ $1 == -n && $2 == -- ]] || { echo 'sudo: a password is required' >&2; exit 1; }
shift 2
exec setpriv --reuid=0 --regid=0 --clear-groups -- \"$@\"
";

/// One file of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) text: String,
}

/// The files of a machine, by their paths there without a leading `/`.
pub(super) type Tree = BTreeMap<PathBuf, Entry>;

/// Machines, and a fleet file.
pub(super) struct Lab {
    directory: TempDir,
}

impl Lab {
    /// Two clients that never had anything of genbackup.
    pub(super) fn new() -> Result<Self> {
        let lab = Self::empty()?;
        for host in ["kai", "ziz"] {
            lab.add(host)?;
        }
        Ok(lab)
    }

    /// A fleet file, and no machine.
    pub(super) fn empty() -> Result<Self> {
        // In memory: bringing files to a disk takes its time, and shows nothing here.
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let lab = Self { directory };
        fs::create_dir_all(lab.directory.path().join("bin"))?;
        fs::create_dir_all(lab.directory.path().join("hosts"))?;
        executable(&lab.directory.path().join("bin/ssh"), SSH)?;
        lab.fleet(FLEET)?;
        Ok(lab)
    }

    /// Another one with copies of all machines.
    pub(super) fn copy(&self) -> Result<Self> {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let copied = Command::new("cp")
            .arg("--archive")
            .arg(self.directory.path().join("."))
            .arg(directory.path())
            .status()?;
        ensure!(copied.success(), "cp: {copied}");
        Ok(Self { directory })
    }

    fn add(&self, host: &str) -> Result<()> {
        for place in [
            "become-root",
            "dev",
            "etc/systemd/system",
            "local",
            "proc",
            "run",
            "stand-ins",
            "state/active",
            "state/enabled",
            "state/read",
            "tmp",
            "usr",
        ] {
            fs::create_dir_all(self.path(host, place))?;
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), self.path(host, link))?;
        }
        fs::write(self.path(host, "hidden"), "")?;
        self.stand_in(host, "login-shell", "#!/bin/sh\nexec /bin/sh \"$@\"\n")?;
        self.stand_in(host, "systemctl", SYSTEMCTL)?;
        self.stand_in(host, "sudo", SUDO)?;
        for program in ["systemd-sysusers", "systemd-tmpfiles"] {
            self.stand_in(host, program, TOOL)?;
        }
        // Whatever this machine has of them.
        for program in ["restic", "socat", "sshd", "mount.nfs4"] {
            self.stand_in(host, program, "#!/bin/sh\n")?;
        }
        Ok(())
    }

    /// A program of a machine.
    pub(super) fn stand_in(&self, host: &str, program: &str, text: &str) -> Result<()> {
        executable(&self.path(host, "stand-ins").join(program), text)
    }

    /// A host that is nothing but what this script of bash prints.
    pub(super) fn script(&self, host: &str, text: &str) -> Result<()> {
        Ok(fs::write(
            self.directory.path().join(format!("hosts/{host}.bash")),
            text,
        )?)
    }

    pub(super) fn fleet(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.directory.path().join("fleet.toml"), text)?)
    }

    /// Another fleet: a text of [`FLEET`] replaced by another.
    pub(super) fn change(&self, changes: &[(&str, &str)]) -> Result<()> {
        let mut fleet = FLEET.to_owned();
        for (old, new) in changes {
            ensure!(fleet.contains(old), "the fleet has no {old}");
            fleet = fleet.replace(old, new);
        }
        self.fleet(&fleet)
    }

    /// A path of a machine.
    pub(super) fn path(&self, host: &str, path: &str) -> PathBuf {
        let place = match path.strip_prefix("usr/local/") {
            Some(path) => Path::new("local").join(path),
            None => PathBuf::from(path),
        };
        self.directory.path().join("hosts").join(host).join(place)
    }

    /// A file of the test that belongs to no host.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with these words, ready to start. It ends before the test is killed.
    pub(super) fn command(&self, words: &[&str]) -> Result<Command> {
        let path = std::env::var("PATH").context("no PATH")?;
        let mut command = Command::new("timeout");
        command
            .args([
                "--kill-after=5",
                "120",
                env!("CARGO_BIN_EXE_genbackup"),
                "--fleet",
            ])
            .arg(self.directory.path().join("fleet.toml"))
            .args(words)
            .env("PATH", format!("{}/bin:{path}", self.directory.path().display()))
            .env("LAB", self.directory.path())
            .env("MACHINE", MACHINE)
            .env_remove("CUT")
            .env_remove("KEEP")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// `genbackup push`.
    pub(super) fn push(&self, words: &[&str]) -> Result<Outcome> {
        run(&mut self.command(&[&["push"], words].concat())?)
    }

    /// The same, where it has to succeed; what it prints.
    pub(super) fn pushed(&self, words: &[&str]) -> Result<String> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.push(words)?;
        ensure!(
            status.success() && stderr.is_empty(),
            "{status}: {stdout}{stderr}"
        );
        Ok(stdout)
    }

    /// The same, where it has to fail; standard output and error.
    pub(super) fn refused(&self, words: &[&str]) -> Result<(String, String)> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.push(words)?;
        ensure!(status.code() == Some(1), "{status}: {stdout}{stderr}");
        Ok((stdout, stderr))
    }

    /// `genbackup push` with a limit on the memory for its data.
    pub(super) fn push_within(&self, kibibytes: u32, words: &[&str]) -> Result<Outcome> {
        let command = self.command(&[&["push"], words].concat())?;
        let mut limited = Command::new("bash");
        limited
            .args(["-c", &format!("ulimit -d {kibibytes}; exec \"$@\""), "bash"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        run(&mut limited)
    }

    /// What `genbackup emit` writes for a host.
    pub(super) fn emitted(&self, host: &str) -> Result<Tree> {
        let root = tempfile::tempdir_in("/dev/shm")?;
        let root_text = root.path().to_str().context("no UTF-8")?;
        let emitted = run(&mut self.command(&["emit", "--host", host, "--root", root_text])?)?;
        ensure!(emitted.status.success(), "{}", emitted.stderr);
        let mut tree = Tree::new();
        add(root.path(), root.path(), Path::new(""), &mut tree)?;
        Ok(tree)
    }

    /// The files of a machine that a push may write.
    pub(super) fn tree(&self, host: &str) -> Result<Tree> {
        let mut tree = Tree::new();
        for (place, below) in [("etc", "etc"), ("local", "usr/local"), ("run", "run")] {
            let place = self.path(host, place);
            add(&place, &place, Path::new(below), &mut tree)?;
        }
        Ok(tree)
    }

    /// What a machine's systemd and its tools were asked to do since the last time.
    pub(super) fn asked(&self, host: &str) -> Result<Vec<String>> {
        let file = self.path(host, "state/asked");
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(Vec::new());
        };
        fs::remove_file(file)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Checks that the units that wait are enabled, and run with the texts that the machine has.
    pub(super) fn is_live(&self, host: &str) -> Result<()> {
        for unit in SOCKETS {
            let runs = fs::read_to_string(self.path(host, &format!("state/active/{unit}")));
            let runs = runs.with_context(|| format!("{unit} does not run"))?;
            let text = fs::read_to_string(self.path(host, &format!("etc/systemd/system/{unit}")))?;
            ensure!(runs == text, "{unit} runs by an older text");
            let enabled = self.path(host, &format!("state/enabled/{unit}"));
            ensure!(enabled.exists(), "{unit} is not enabled");
        }
        Ok(())
    }
}

/// The words of each line of the table that a push prints at its end.
pub(super) fn table(printed: &str) -> Vec<Vec<&str>> {
    let lines = printed.lines().skip_while(|line| !line.starts_with("HOST"));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

/// Adds all files below a directory, with another path for its root.
fn add(root: &Path, directory: &Path, below: &Path, tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            add(root, &path, below, tree)?;
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let entry = Entry {
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            text,
        };
        tree.insert(below.join(path.strip_prefix(root)?), entry);
    }
    Ok(())
}

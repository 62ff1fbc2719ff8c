//! `genbackup init` without questions: the clients that it adds, the secrets that it makes, and the next
//! steps. The machine is a directory of the test.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, and ssh-keyscan is a fake"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, run};
use crate::executable::executable;

const ZIZ: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk";
const KAI: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxUXkZEgcb3wgNBcnPrKZ2JyaEKnEbKHUFXJ2xUYIvG";
const SECRETS: [&str; 3] = ["restic-password", "ssh_ed25519", "ssh_ed25519.pub"];
/// A shell on the machine jak, whose /etc is a directory of ours, with no other programs than ours.
const THERE: &str = r#"hostname jak && cp /etc/passwd /etc/group "$1" && mount --bind "$1" /etc &&
    PATH=$2 && shift 2 && exec "$@""#;

/// The storage host.
struct Jak {
    directory: TempDir,
}

impl Jak {
    /// Its ssh-keyscan asks two hosts, and no third one.
    fn new() -> Result<Self> {
        let jak = Self {
            directory: tempfile::tempdir()?,
        };
        fs::create_dir(jak.path("etc"))?;
        fs::create_dir(jak.path("programs"))?;
        let shown = format!(
            "#!/bin/sh\nfor host; do :; done\ncase $host in\n    ziz) echo \"$host {ZIZ}\" ;;\n    192.0.2.7) echo \"$host {KAI}\" ;;\nesac\n"
        );
        executable(&jak.path("programs/ssh-keyscan"), &shown)?;
        std::os::unix::fs::symlink("/usr/bin/ssh-keygen", jak.path("programs/ssh-keygen"))?;
        Ok(jak)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn genbackup(&self, words: &[&str]) -> Result<Outcome> {
        run(Command::new("unshare")
            .args(["--uts", "--mount", "sh", "-c", THERE, "sh"])
            .arg(self.path("etc"))
            .arg(self.path("programs"))
            .arg(env!("CARGO_BIN_EXE_genbackup"))
            .args(words))
    }

    /// Runs `init` without questions.
    fn init(&self, words: &[&str]) -> Result<Outcome> {
        self.genbackup(&[&["init", "--no-questions"], words].concat())
    }

    /// The same, where it has to succeed: its standard output.
    fn prints(&self, words: &[&str]) -> Result<String> {
        let outcome = self.init(words)?;
        ensure!(outcome.status.success(), "{words:?}: {outcome:?}");
        Ok(outcome.stdout)
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path("etc/genbackup").join(name)).with_context(|| name.to_owned())
    }

    /// The fleet file that it wrote.
    fn fleet(&self) -> Result<toml::Table> {
        Ok(toml::from_str(&self.read("fleet.toml")?)?)
    }
}

const BOTH: [&str; 5] = ["--make-secrets", "--client", "ziz", "--client", "kai=192.0.2.7"];

#[test]
fn a_client_is_added_with_the_key_that_it_shows() -> Result<()> {
    let jak = Jak::new()?;
    jak.prints(&BOTH)?;
    let fleet = jak.fleet()?;
    let (ziz, kai) = (&fleet["hosts"]["ziz"], &fleet["hosts"]["kai"]);
    assert_eq!(ziz["host-key"].as_str(), Some(ZIZ));
    assert!(ziz.get("address").is_none(), "{ziz}");
    assert_eq!(kai["host-key"].as_str(), Some(KAI));
    assert_eq!(kai["address"].as_str(), Some("192.0.2.7"));
    Ok(())
}

#[test]
fn check_accepts_clients_that_init_adds() -> Result<()> {
    let jak = Jak::new()?;
    jak.prints(&BOTH)?;
    std::os::unix::fs::symlink("/usr/bin/systemd-analyze", jak.path("programs/systemd-analyze"))?;
    let checked = jak.genbackup(&["check", "--no-exposure"])?;
    assert!(
        checked.status.success() && checked.stdout.contains(": no problems, 3 hosts\n"),
        "{checked:?}"
    );
    Ok(())
}

/// Another machine on the way may have answered.
#[test]
fn a_key_that_nobody_compared_is_shown_with_its_fingerprint() -> Result<()> {
    let jak = Jak::new()?;
    let printed = jak.prints(&BOTH)?;
    for (host, key) in [("ziz", ZIZ), ("kai", KAI)] {
        let fingerprint = genbackup::model::PublicKey::try_from(key.to_owned())?.fingerprint();
        let line = format!(
            "  on {host}, `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub` must print {fingerprint}\n"
        );
        assert!(printed.contains(&line), "{printed}");
    }
    assert_eq!(
        jak.read("fleet.toml")?
            .matches("# As this host showed it over the network")
            .count(),
        2
    );
    Ok(())
}

#[test]
fn a_fleet_with_clients_has_all_next_steps_in_order() -> Result<()> {
    let printed = Jak::new()?.prints(&BOTH)?;
    let (_, steps) = printed.split_once("\nnext steps").context("no next steps")?;
    let steps: Vec<&str> = steps
        .lines()
        .filter(|line| !line.contains("ssh-keygen"))
        .collect();
    assert_eq!(
        steps,
        [
            ", on jak:",
            "  apt install restic socat openssh-client nfs-kernel-server",
            "  systemctl enable --now nfs-server.service",
            "on kai, ziz:",
            "  apt install restic socat nfs-common openssh-server",
            "open these TCP ports if a firewall blocks them:",
            "  from jak to kai, ziz: 50000 for backups, 22 for `genbackup push`",
            "  from kai, ziz to jak: 2049 for NFS",
            "compare the host keys, because jak sends the password to these hosts:",
            "on jak:",
            "  genbackup check",
            "  genbackup emit --now",
            "  genbackup push    # logs in to each client by ssh, as root or as its `push-to` sets",
            "  genbackup run",
        ]
    );
    Ok(())
}

#[test]
fn one_machine_has_no_steps_for_clients() -> Result<()> {
    let printed = Jak::new()?.prints(&[])?;
    let (_, steps) = printed.split_once("\nnext steps").context("no next steps")?;
    assert_eq!(
        steps,
        ":\n  apt install restic socat\n  (umask 077; head --bytes=32 /dev/urandom | base64 \
         >/etc/genbackup/restic-password)    # keep a copy of it elsewhere\n  genbackup check\n  genbackup emit \
         --now\n  genbackup run\n"
    );
    Ok(())
}

#[test]
fn a_client_that_shows_no_key_leaves_nothing() -> Result<()> {
    let jak = Jak::new()?;
    let outcome = jak.init(&["--make-secrets", "--client", "ziz", "--client", "off"])?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome.stderr.starts_with(
            "error: off shows no ed25519 host key on port 22; nothing was written\n\nhint: start sshd on off"
        ),
        "{outcome:?}"
    );
    assert!(!jak.path("etc/genbackup").exists());
    Ok(())
}

#[test]
fn two_clients_with_one_key_are_refused() -> Result<()> {
    let jak = Jak::new()?;
    executable(
        &jak.path("programs/ssh-keyscan"),
        &format!("#!/bin/sh\necho 'a {ZIZ}'\n"),
    )?;
    let outcome = jak.init(&BOTH)?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("error: the hosts do not fit together; nothing was written: "),
        "{outcome:?}"
    );
    assert!(!jak.path("etc/genbackup").exists());
    Ok(())
}

#[test]
fn secrets_are_made_for_root_alone() -> Result<()> {
    let jak = Jak::new()?;
    jak.prints(&BOTH)?;
    for (file, mode) in SECRETS.iter().zip([0o600, 0o600, 0o644]) {
        let found = fs::metadata(jak.path("etc/genbackup").join(file))?.permissions();
        assert_eq!(found.mode() & 0o7777, mode, "{file}");
    }
    let key = jak.read("ssh_ed25519.pub")?;
    assert_eq!(jak.fleet()?["ssh"]["public-key"].as_str(), Some(key.trim()));
    Ok(())
}

#[test]
fn a_password_that_is_made_is_not_shown() -> Result<()> {
    let jak = Jak::new()?;
    let outcome = jak.init(&["--make-secrets"])?;
    let password = jak.read("restic-password")?;
    assert_eq!(password.len(), 45);
    assert!(
        outcome.stdout.contains("keep a copy of it on another machine")
            && !outcome.stdout.contains(password.trim())
            && !outcome.stderr.contains(password.trim()),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn a_secret_that_exists_stays() -> Result<()> {
    let jak = Jak::new()?;
    jak.prints(&BOTH)?;
    let secrets = || SECRETS.map(|file| jak.read(file).ok());
    let before = secrets();
    fs::remove_file(jak.path("etc/genbackup/fleet.toml"))?;
    jak.prints(&BOTH)?;
    assert_eq!(secrets(), before);
    assert!(before.iter().all(Option::is_some), "{before:?}");
    Ok(())
}

/// A fleet file may be written on another machine, and a secret may come from a vault.
#[test]
fn without_being_asked_init_makes_no_secret() -> Result<()> {
    let jak = Jak::new()?;
    jak.prints(&[])?;
    for file in SECRETS {
        assert!(!jak.path("etc/genbackup").join(file).exists(), "{file}");
    }
    Ok(())
}

#[test]
fn clients_without_a_key_pair_are_refused_with_the_option_that_makes_it() -> Result<()> {
    let jak = Jak::new()?;
    let outcome = jak.init(&["--client", "ziz"])?;
    assert_eq!(
        outcome.stderr,
        "error: the public key /etc/genbackup/ssh_ed25519.pub for the clients is missing; nothing was written\n\n\
         hint: add `--make-secrets`, which makes the key pair and the password file\n"
    );
    assert!(!jak.path("etc/genbackup").exists());
    Ok(())
}

#[test]
fn secrets_of_another_machine_are_not_made_here() -> Result<()> {
    let jak = Jak::new()?;
    let outcome = jak.init(&["--make-secrets", "--host", "kai"])?;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome
            .stderr
            .contains("kai is another machine\n\nhint: run this on kai, or leave out `--make-secrets`"),
        "{outcome:?}"
    );
    assert!(!jak.path("etc/genbackup").exists());
    Ok(())
}

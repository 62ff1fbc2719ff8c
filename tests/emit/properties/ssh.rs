//! OpenSSH gives back keys, names and addresses.

use std::fmt::Write;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use tempfile::NamedTempFile;

use super::Reader;
use super::field::{Case, Field, Host};
use super::property::{all_come_back, same};
use crate::command::run;

/// What `ssh-keygen` prints for each key of a file: length, hash, name or comment, and kind.
fn fingerprints(lines: &str) -> Result<Vec<String>> {
    let file = NamedTempFile::new()?;
    std::fs::write(file.path(), lines)?;
    let shown = run(Command::new("ssh-keygen").arg("-lf").arg(file.path()))?;
    ensure!(shown.status.success(), "{}{}", shown.stdout, shown.stderr);
    Ok(shown.stdout.lines().map(str::to_owned).collect())
}

/// Type and base64 of a key.
fn without_comment(key: &str) -> String {
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn ssh_gives_back_every_key() -> Result<()> {
    all_come_back(Reader::SshKeys, |_| true, &|cases| {
        let (mut lines, mut keys) = (String::new(), String::new());
        for case in cases {
            let (host, file, comment) = match case.field {
                Field::PublicKey => (Host::Client, "authorized_keys", "genbackup"),
                Field::HostKey => (Host::Storage, "known_hosts", "ziz"),
                field => bail!("{field:?} is no key"),
            };
            lines.push_str(case.files(host)?.get(&format!("/etc/genbackup/{file}"))?);
            writeln!(keys, "{} {comment}", without_comment(&case.text))?;
        }
        let keys = fingerprints(&keys)?;
        ensure!(
            keys.len() == cases.len(),
            "{} of {} are keys",
            keys.len(),
            cases.len()
        );
        same(&fingerprints(&lines)?, &keys)
    })
}

#[test]
fn ssh_finds_the_key_of_every_name() -> Result<()> {
    all_come_back(Reader::SshNames, |_| true, &|cases| {
        let mut lines = String::new();
        for case in cases {
            lines.push_str(case.files(Host::Storage)?.get("/etc/genbackup/known_hosts")?);
        }
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), lines)?;
        for name in cases.iter().map(|case| &case.text) {
            let found = run(Command::new("ssh-keygen")
                .args(["-F", name, "-f"])
                .arg(file.path()))?;
            let found = found.stdout.lines().filter(|line| !line.starts_with('#'));
            let found: Vec<&str> = found.filter_map(|line| line.split(' ').next()).collect();
            ensure!(found == [name], "the key of {found:?} instead of {name:?}");
        }
        Ok(())
    })
}

#[test]
fn ssh_and_sshd_give_back_every_name_address_and_port() -> Result<()> {
    let key = HostKey::new()?;
    all_come_back(Reader::SshConfiguration, |_| true, &|cases| {
        cases.iter().try_for_each(|case| configuration(case, &key))
    })
}

fn configuration(case: &Case, key: &HostKey) -> Result<()> {
    let client = case.client()?.as_str();
    let file = NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        case.files(Host::Storage)?.get("/etc/genbackup/ssh_config")?,
    )?;
    let shown = run(Command::new("ssh")
        .arg("-G")
        .arg("-F")
        .arg(file.path())
        .args(["--", client])
        .env("CREDENTIALS_DIRECTORY", "/credentials"))?;
    ensure!(
        shown.status.success() && shown.stderr.is_empty(),
        "{}",
        shown.stderr
    );
    let key_word = match case.field {
        Field::ClientName => "hostkeyalias",
        Field::ClientAddress => "hostname",
        Field::Port => "port",
        field => bail!("{field:?} is in no configuration"),
    };
    has(&shown.stdout, key_word, &case.text)?;
    if case.field == Field::Port {
        let understood = key.sshd(case.files(Host::Client)?.get("/etc/genbackup/sshd_config")?)?;
        has(&understood, key_word, &case.text)?;
    }
    Ok(())
}

/// Checks that a program understood this value for a key. Host names are the same in upper and lower case.
fn has(understood: &str, key: &str, value: &str) -> Result<()> {
    let values = understood
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let values: Vec<&str> = values.collect();
    ensure!(
        values.len() == 1 && values.iter().all(|found| found.eq_ignore_ascii_case(value)),
        "{key} is {values:?} instead of {value:?}"
    );
    Ok(())
}

/// A host key, without which sshd shows nothing.
struct HostKey(tempfile::TempDir);

impl HostKey {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let key = directory.path().join("key");
        let made = run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key))?;
        ensure!(made.status.success(), "{}", made.stderr);
        chown(&key, Some(65534), Some(65534))?;
        Ok(Self(directory))
    }

    /// What sshd understood of its configuration; like in the unit, it is not root.
    fn sshd(&self, text: &str) -> Result<String> {
        let file = self.0.path().join("sshd_config");
        std::fs::write(&file, text)?;
        let shown = run(Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["/usr/sbin/sshd", "-T", "-f"])
            .arg(&file)
            .arg("-h")
            .arg(self.0.path().join("key")))?;
        ensure!(shown.status.success(), "{}", shown.stderr);
        Ok(shown.stdout)
    }
}

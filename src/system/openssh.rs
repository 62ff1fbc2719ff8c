//! Fetches the host key of a host with ssh-keyscan, and makes key pairs with ssh-keygen.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts ssh-keyscan and ssh-keygen"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::error::fail;
use crate::model::{Address, PublicKey};

/// How many seconds a host may take to show its key.
const PATIENCE: &str = "5";

/// The ed25519 key that a host shows on a port; `None` if it shows no key within a few seconds. The key is not
/// verified: another machine may have answered.
///
/// # Errors
/// When `ssh-keyscan` cannot be started.
pub(crate) fn shown_key(address: &Address, port: u16) -> Result<Option<PublicKey>> {
    let output = Command::new("ssh-keyscan")
        .args(["-T", PATIENCE, "-t", "ed25519", "-p", &port.to_string(), "--"])
        .arg(address.as_str())
        .stdin(Stdio::null())
        .output()
        .context("cannot start `ssh-keyscan`, which comes with OpenSSH")?;
    Ok(key_of(&String::from_utf8_lossy(&output.stdout)))
}

/// The key of the first line in the format of `known_hosts`.
fn key_of(answer: &str) -> Option<PublicKey> {
    let line = answer.lines().find(|line| !line.starts_with('#'))?;
    let (_, key) = line.split_once(' ')?;
    PublicKey::try_from(key.trim().to_owned()).ok()
}

/// Makes an ed25519 key pair without a passphrase as `FILE` and `FILE.pub`. Returns the public key.
///
/// # Errors
/// When one of the two files already exists, or cannot be made.
pub(crate) fn make_pair(file: &Path) -> Result<PublicKey> {
    let public = public_file(file);
    if public.exists() || file.exists() {
        fail!(
            what("{} or {} already exists", file.display(), public.display()),
            hint("name another file, or move these files away")
        );
    }
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "genbackup", "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .context("cannot start `ssh-keygen`, which comes with OpenSSH")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!(
            "ssh-keygen cannot make the key pair {}: {}",
            file.display(),
            why.trim()
        );
    }
    public_key(file)
}

/// The public key next to a private one.
///
/// # Errors
/// When there is none.
pub(crate) fn public_key(file: &Path) -> Result<PublicKey> {
    let public = public_file(file);
    let text = std::fs::read_to_string(&public)
        .with_context(|| format!("cannot read the public key {}", public.display()))?;
    Ok(PublicKey::try_from(text.trim().to_owned())?)
}

fn public_file(file: &Path) -> std::path::PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD";

    #[test]
    fn a_key_is_read_from_the_output_of_ssh_keyscan() {
        let answer = format!("# ziz:22 SSH-2.0-OpenSSH_9.2\n[ziz]:2222 {KEY}\n");
        assert_eq!(key_of(&answer).unwrap().as_str(), KEY);
        assert_eq!(key_of("# ziz:22 SSH-2.0-OpenSSH_9.2\n"), None);
        assert_eq!(key_of("ziz ssh-ed25519 AAAA\u{1b}\n"), None);
    }

    #[test]
    fn a_pair_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let made = make_pair(&file).unwrap();
        assert_eq!(public_key(&file).unwrap(), made);
        assert!(
            make_pair(&file)
                .unwrap_err()
                .to_string()
                .contains("already exists")
        );
    }
}

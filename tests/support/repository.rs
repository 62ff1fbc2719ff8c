//! Repositories of restic for tests that are not about its passwords.

#![expect(
    clippy::disallowed_methods,
    reason = "a repository is files, and restic makes the first"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::command::run;
use crate::keys::{Keys, hex};

/// What `restic init` makes: its configuration, sealed, and the keys.
struct Made {
    configuration: Vec<u8>,
    keys: Keys,
}

impl Made {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let init = run(Command::new("restic")
            .args(["--no-cache", "init", "--repo"])
            .arg(folder.path())
            .env("RESTIC_PASSWORD", "first"))?;
        ensure!(init.status.success(), "{}", init.stderr);
        Ok(Self {
            configuration: fs::read(folder.path().join("config"))?,
            keys: Keys::of(folder.path(), "first")?,
        })
    }
}

/// Makes a repository of the installed restic that opens quickly.
///
/// restic derives a key from the password whenever it opens a repository, and makes that slow on purpose: it is most of
/// the time of a small backup. Here the key file asks for the least that scrypt can do. `restic init` itself runs once.
pub(crate) fn make(repository: &Path, password: &str) -> Result<()> {
    static MADE: OnceLock<Result<Made>> = OnceLock::new();
    let made = match MADE.get_or_init(Made::new) {
        Ok(made) => made,
        Err(error) => bail!("{error:#}"),
    };
    for directory in ["data", "index", "keys", "locks", "snapshots"] {
        fs::create_dir_all(repository.join(directory))?;
    }
    for first in 0..=u8::MAX {
        fs::create_dir_all(repository.join("data").join(hex(&[first])))?;
    }
    fs::write(repository.join("config"), &made.configuration)?;
    let salt = [7; 64];
    let parameters = scrypt::Params::new(1, 1, 1).context("the least that scrypt can do")?;
    let derived = Keys::derived(password, &salt, &parameters)?;
    let sealed = derived.seal(made.keys.to_json().to_string().as_bytes())?;
    let key = json!({"created": "2026-11-20T04:00:00Z", "username": "root", "hostname": "jak", "kdf": "scrypt",
        "N": 2, "r": 1, "p": 1, "salt": BASE64_STANDARD.encode(salt), "data": BASE64_STANDARD.encode(sealed)});
    let key = key.to_string();
    let name = hex(&Sha256::digest(&key));
    Ok(fs::write(repository.join("keys").join(name), key)?)
}

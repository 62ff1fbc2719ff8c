//! Repositories of restic for tests that are not about its passwords.

#![expect(
    clippy::disallowed_methods,
    reason = "a repository is files, and restic makes the first"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, bail, ensure};

use crate::command::run;
use crate::keys::{Keys, hex};

/// What `restic init` makes: its configuration, sealed, and the keys.
struct Made {
    configuration: Vec<u8>,
    keys: Keys,
}

impl Made {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let init = run(Command::new("restic")
            .args(["--no-cache", "init", "--repo"])
            .arg(directory.path())
            .env("RESTIC_PASSWORD", "first"))?;
        ensure!(init.status.success(), "{}", init.stderr);
        Ok(Self {
            configuration: fs::read(directory.path().join("config"))?,
            keys: Keys::of(directory.path(), "first")?,
        })
    }
}

/// Makes a repository of the installed restic that opens quickly. `restic init` itself runs once.
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
    let (name, key) = made.keys.quick_file(password)?;
    Ok(fs::write(repository.join("keys").join(name), key)?)
}

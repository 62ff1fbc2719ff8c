//! Files that hold a secret, and that exist or are to be made.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::apply;
use crate::model::UnitPath;

/// 256 bits cannot be guessed.
const BYTES: usize = 32;

/// A file that holds a secret.
#[derive(Debug, Clone)]
pub(crate) enum Secret {
    /// The administrator made it, or will make it.
    IsThere(UnitPath),
    /// genbackup makes it after all questions are answered.
    ToBeMade(UnitPath),
}

impl Secret {
    /// Without questions, a missing file is made only on request. An existing file stays as it is.
    pub(crate) fn unasked(file: UnitPath, is_to_be_made: bool) -> Self {
        if is_to_be_made && !Path::new(file.as_str()).exists() {
            Self::ToBeMade(file)
        } else {
            Self::IsThere(file)
        }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::IsThere(path) | Self::ToBeMade(path) => path.as_str(),
        }
    }

    /// Makes a file with a random password that only its owner can read, and returns the password; `None` if the file is
    /// not to be made.
    pub(crate) fn make_password(&self) -> Result<Option<String>> {
        let Self::ToBeMade(file) = self else {
            return Ok(None);
        };
        let mut bytes = [0; BYTES];
        File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .context("cannot read /dev/urandom")?;
        let password = BASE64_STANDARD.encode(bytes);
        apply::create_secret(file.as_str().as_ref(), &format!("{password}\n"))?;
        Ok(Some(password))
    }
}

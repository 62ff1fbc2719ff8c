//! Files that hold a secret, and that exist or are to be made.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use inquire::Confirm;

use crate::apply;
use crate::cli::terminal::Steps;
use crate::model::UnitPath;

/// 256 bits cannot be guessed.
const BYTES: usize = 32;

/// A file that holds a secret.
#[derive(Debug, Clone)]
pub(super) enum Secret {
    /// The admin made it, or will.
    IsThere(UnitPath),
    /// It is made once all questions are answered.
    ToBeMade(UnitPath),
}

impl Secret {
    /// Without questions, a missing file is made only on request. An existing file stays as it is.
    pub(super) fn unasked(file: UnitPath, is_to_be_made: bool) -> Self {
        if is_to_be_made && !Path::new(file.as_str()).exists() {
            Self::ToBeMade(file)
        } else {
            Self::IsThere(file)
        }
    }

    pub(super) fn path(&self) -> &str {
        match self {
            Self::IsThere(path) | Self::ToBeMade(path) => path.as_str(),
        }
    }

    /// Makes a file with a random password that only its owner can read. Shows the password on request, if it may ask.
    pub(super) fn make_password(&self, steps: &mut Steps, may_ask: bool) -> Result<()> {
        let Self::ToBeMade(file) = self else {
            return Ok(());
        };
        let mut bytes = [0; BYTES];
        File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .context("cannot read /dev/urandom")?;
        let password = BASE64_STANDARD.encode(bytes);
        apply::create_secret(file.as_str().as_ref(), &format!("{password}\n"))?;
        steps.say(format_args!(
            "{file}: a random password, readable by its owner only"
        ));
        steps.say(
            "keep a copy of it on another machine or on paper: without it, nobody can read the snapshots",
        );
        // The file is made, so Ctrl-C here means no.
        if may_ask
            && Confirm::new("show the password now?")
                .with_default(false)
                .prompt()
                .unwrap_or(false)
        {
            steps.say(password);
        }
        Ok(())
    }
}

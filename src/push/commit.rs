//! Changes the files of a client so that each is whole at any moment, in the order of [`Steps`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use shell_quote::{Bash, QuoteRefExt};
use tar::{Builder, EntryType, Header};

use super::session::Session;
use crate::write::Steps;

/// Changes the files. A script that has begun goes on to its end when the connection breaks.
///
/// # Errors
/// When a file cannot be written, as on a full disk; then no file has changed. When the connection breaks; then each
/// file is old or new, and the next push completes the change.
pub(super) fn commit(session: &mut Session, steps: &Steps) -> Result<()> {
    let answer = session.run(&script(steps), &archive(steps)?)?;
    match answer.status {
        0 => Ok(()),
        NOTHING_CHANGED => bail!("cannot write its files: {}; nothing has changed", answer.complaint),
        _ => bail!(
            "cannot replace its files: {}\n\nhint: push again: each file is whole, old or new",
            answer.complaint
        ),
    }
}

/// The script's exit status when it could not write what is new.
const NOTHING_CHANGED: u8 = 9;

/// All new texts, each under the name under which it waits.
fn archive(steps: &Steps) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for staged in &steps.staged {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(staged.text.len() as u64);
        header.set_mode(staged.mode);
        header.set_uid(0);
        header.set_gid(0);
        let name = staged.waiting.strip_prefix("/").unwrap_or(&staged.waiting);
        archive.append_data(&mut header, name, staged.text.as_bytes())?;
    }
    Ok(archive.into_inner()?)
}

/// Extracts the archive, then renames and removes.
fn script(steps: &Steps) -> String {
    let waiting: Vec<&Path> = steps.staged.iter().map(|it| it.waiting.as_path()).collect();
    let places = steps.staged.iter().map(|it| it.place.as_path());
    let directories: BTreeSet<&Path> = places
        .chain(steps.remove.iter().map(PathBuf::as_path))
        .filter_map(Path::parent)
        .collect();
    let sync = format!("sync --file-system --{}\n", words(directories.iter().copied()));
    let mut script = "set -euo pipefail\n".to_owned();
    if !steps.strays.is_empty() {
        let strays = words(steps.strays.iter().map(PathBuf::as_path));
        script += &format!("rm --force --{strays}\n");
    }
    script += &format!(
        "if ! tar --extract --file=- --directory=/ --no-same-owner --preserve-permissions; then\n    \
         rm --force --{}\n    exit {NOTHING_CHANGED}\nfi\n",
        words(waiting.into_iter())
    );
    script += &sync;
    let Some((last, others)) = steps.staged.split_last() else {
        return script;
    };
    for staged in others {
        rename(&mut script, &staged.waiting, &staged.place);
    }
    if !steps.remove.is_empty() {
        let gone = words(steps.remove.iter().map(PathBuf::as_path));
        script += &format!("rm --force --{gone}\n");
    }
    // The manifest that knows the new state alone comes once that state is on the disk.
    script += &sync;
    rename(&mut script, &last.waiting, &last.place);
    script + &sync
}

fn rename(script: &mut String, from: &Path, to: &Path) {
    let words = words([from, to].into_iter());
    // Writing to a String never fails.
    drop(writeln!(script, "mv --force --no-target-directory --{words}"));
}

/// Words for bash, each with a space before it.
fn words<'p>(paths: impl Iterator<Item = &'p Path>) -> String {
    paths.fold(String::new(), |mut words, path| {
        let path: &OsStr = path.as_os_str();
        let quoted: Vec<u8> = path.quoted(Bash);
        let quoted: Cow<'_, str> = String::from_utf8_lossy(&quoted);
        words.push(' ');
        words.push_str(&quoted);
        words
    })
}

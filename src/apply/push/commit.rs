//! Changes the files of a client so that each is whole at any moment, in the order of [`Steps`].

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use shell_quote::{Bash, QuoteRefExt};
use tar::{Builder, EntryType, Header};

use super::session::Session;
use crate::apply::Steps;
use crate::error::fail;

/// Changes the files. If the connection breaks, a script that has begun still runs to its end.
///
/// # Errors
/// When a file cannot be written, as on a full disk; then no file has changed. When the connection breaks; then each
/// file is old or new, and the next push completes the change.
pub(super) fn commit(session: &mut Session, steps: &Steps) -> Result<()> {
    let answer = session.run(&script(steps), &archive(steps)?)?;
    let why = if answer.complaint.is_empty() {
        format!("exit status {}", answer.status)
    } else {
        answer.complaint
    };
    match answer.status {
        0 => Ok(()),
        NOTHING_CHANGED => fail!(
            what("cannot write its files: {why}; nothing was changed"),
            hint(
                "free some space there, or make its file \
             system writable, then push again"
            )
        ),
        _ => fail!(
            what("cannot replace its files: {why}"),
            hint("push again; no file is half-written")
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
    let waiting = steps.staged.iter().map(|staged| &staged.waiting);
    let places = steps.staged.iter().map(|staged| &staged.place);
    let changed = places.chain(&steps.remove);
    let directories: BTreeSet<&Path> = changed.filter_map(|path| path.parent()).collect();
    let sync = format!("sync --file-system --{}", words(directories));
    let mut script = vec!["set -euo pipefail".to_owned()];
    if !steps.strays.is_empty() {
        script.push(format!("rm --force --{}", words(&steps.strays)));
    }
    // `--touch`: by the time of a file, systemd knows that it is newer than what it has read.
    script.push(format!(
        "if ! tar --extract --file=- --directory=/ --no-same-owner --preserve-permissions --touch; then\n    \
         rm --force --{} || true\n    exit {NOTHING_CHANGED}\nfi",
        words(waiting)
    ));
    script.push(sync.clone());
    let rename = |from: &Path, to: &Path| {
        let words = words([from, to]);
        format!("mv --force --no-target-directory --{words}")
    };
    if let Some((last, others)) = steps.staged.split_last() {
        script.extend(others.iter().map(|staged| rename(&staged.waiting, &staged.place)));
        if !steps.remove.is_empty() {
            script.push(format!("rm --force --{}", words(&steps.remove)));
        }
        // The manifest that knows the new state alone comes once that state is on the disk.
        script.push(sync.clone());
        script.push(rename(&last.waiting, &last.place));
        script.push(sync);
    }
    script.join("\n") + "\n"
}

/// Words for bash, each with a space before it.
fn words(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> String {
    paths.into_iter().fold(String::new(), |words, path| {
        let word: String = path.as_ref().quoted(Bash);
        words + " " + &word
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::apply::{Counts, Staged};

    fn staged(place: &str, waiting: &str, text: &str) -> Staged {
        Staged {
            place: PathBuf::from(place),
            waiting: PathBuf::from(waiting),
            text: text.to_owned(),
            mode: 0o755,
        }
    }

    fn steps() -> Steps {
        Steps {
            strays: vec![PathBuf::from("/etc/.$(id).genbackup-new")],
            staged: vec![
                staged("/etc/m", "/etc/.m.new", "both"),
                staged("/etc/a b", "/etc/.a b.new", "a"),
                staged("/etc/m", "/etc/.m.last.new", "new"),
            ],
            remove: vec![PathBuf::from("/opt/it's")],
            counts: Counts::default(),
        }
    }

    #[test]
    fn files_are_replaced_between_the_two_manifests() {
        let script = script(&steps());
        let lines: Vec<&str> = script.lines().collect();
        let expected = [
            "set -euo pipefail",
            "rm --force -- $'/etc/.$(id).genbackup-new'",
            "if ! tar --extract --file=- --directory=/ --no-same-owner --preserve-permissions --touch; then",
            "    rm --force -- /etc/.m.new $'/etc/.a b.new' /etc/.m.last.new || true",
            "    exit 9",
            "fi",
            "sync --file-system -- /etc /opt",
            "mv --force --no-target-directory -- /etc/.m.new /etc/m",
            "mv --force --no-target-directory -- $'/etc/.a b.new' $'/etc/a b'",
            "rm --force -- $'/opt/it\\'s'",
            "sync --file-system -- /etc /opt",
            "mv --force --no-target-directory -- /etc/.m.last.new /etc/m",
            "sync --file-system -- /etc /opt",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_archive_has_each_text_where_it_waits() {
        let archive = archive(&steps()).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<(PathBuf, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (
                    entry.path().unwrap().into_owned(),
                    header.mode().unwrap(),
                    header.uid().unwrap(),
                )
            })
            .collect();
        let expected = ["etc/.m.new", "etc/.a b.new", "etc/.m.last.new"];
        assert_eq!(names, expected.map(|name| (PathBuf::from(name), 0o755, 0)));
    }
}

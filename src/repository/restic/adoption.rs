//! Takes over snapshots that no run of the fleet made, and asks restic beforehand what forget would do with
//! them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Restic, Snapshot, TAG, TO_READ};
use crate::apply;
use crate::model::{KeepPolicy, ResticVersion};

/// Ids on one command line: 500 of them are 32 KiB.
const AT_ONCE: usize = 500;

impl Restic<'_> {
    /// Gives snapshots the fleet's own tag. restic writes each again, under another id, and removes the old
    /// one; its time and its files stay. It takes an exclusive lock.
    ///
    /// # Errors
    /// When restic fails. Those before that have the tag. An id that is gone is no error of restic's.
    pub(crate) fn add_tag(&self, ids: &[&str]) -> Result<()> {
        self.change(&["tag", "--add", TAG, "--"], ids)
    }

    /// Gives snapshots another host, likewise; restic can since 0.17.
    ///
    /// # Errors
    /// As `add_tag`.
    pub fn rename_host(&self, host: &str, ids: &[&str]) -> Result<()> {
        self.change(&["rewrite", "--forget", "--new-host", host, "--"], ids)
    }

    fn change(&self, verb: &[&str], ids: &[&str]) -> Result<()> {
        for some in ids.chunks(AT_ONCE) {
            let mut command = self.command(TO_READ)?;
            command.args(verb).args(some);
            self.lines(command, |_| Ok(()))?;
        }
        Ok(())
    }

    /// The ids of those that forget would remove, were these snapshots all that one host has.
    ///
    /// restic itself decides, by a dry run over a copy of the repository that has nothing but its keys and
    /// these snapshots. So the answer is also right for snapshots that do not have our tag yet, or have
    /// another host.
    ///
    /// # Errors
    /// When the files cannot be copied, or restic fails.
    pub(crate) fn would_forget(
        &self,
        version: ResticVersion,
        snapshots: &[&Snapshot],
        keep: &KeepPolicy,
    ) -> Result<Vec<String>> {
        let repository: &Path = self.repository.path.as_str().as_ref();
        let mut names = vec![PathBuf::from("config")];
        names.extend(names_in(repository, "keys")?);
        let ids = snapshots.iter().map(|snapshot| &snapshot.id);
        names.extend(ids.map(|id| Path::new("snapshots").join(id)));
        let files: Vec<(PathBuf, PathBuf)> = names
            .into_iter()
            .map(|name| (repository.join(&name), name))
            .collect();
        let copy = apply::throw_away_copies(files.iter().map(|(from, name)| (&**from, &**name)))?;

        let mut command = self.reading(&["forget", "--dry-run", "--json", "--group-by", ""])?;
        for rule in keep.rules() {
            command.arg(rule.option()).arg(rule.value(version));
        }
        // The last one counts.
        command.arg("--repo").arg(copy.path());
        let mut first = None;
        self.lines(command, |line| {
            first.get_or_insert_with(|| line.to_owned());
            Ok(())
        })?;
        removed(&first.context("restic did not print what it would forget")?)
    }
}

fn names_in(repository: &Path, directory: &str) -> Result<Vec<PathBuf>> {
    let path = repository.join(directory);
    let entries = path
        .read_dir()
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let name = |entry: std::io::Result<std::fs::DirEntry>| Ok(Path::new(directory).join(entry?.file_name()));
    entries.map(name).collect()
}

/// The ids of a line of `restic forget --json`.
fn removed(line: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Group {
        #[serde(default)]
        remove: Option<Vec<Removed>>,
    }
    #[derive(Deserialize)]
    struct Removed {
        id: String,
    }
    let groups: Vec<Group> =
        serde_json::from_str(line).context("cannot read the list of groups that restic printed")?;
    let removed = groups.into_iter().filter_map(|group| group.remove).flatten();
    Ok(removed.map(|snapshot| snapshot.id).collect())
}

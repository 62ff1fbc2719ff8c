//! Judges the client's index files, after ours are in place: none of them stays.
//!
//! Safety does not depend on this, because prune reads only our index. But a client that lies is to be found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Settle;
use super::contents::{Contents, of_index};
use super::disk;
use super::found::{Files, INDEX, LARGEST_INDEX, is_id, path_of_pack, too_large};
use super::quarantine::Quarantine;
use super::shadow::Shadow;
use super::state::State;

/// The number of index files that are compared. restic writes one for 50,000 blobs or 10 minutes.
const MOST: usize = 256;

impl Settle<'_> {
    /// Moves index files away: those that match the headers of the packs to the replaced ones, others to the quarantine.
    ///
    /// # Errors
    /// When restic cannot judge them.
    pub(super) fn judge_indexes(
        &self,
        indexes: &BTreeSet<String>,
        files: &Files,
        state: &State,
        digests: &Contents,
        quarantine: &Quarantine<'_>,
    ) -> Result<()> {
        let bad = quarantine.files()?;
        let (mut replaced, mut lies) = (Vec::new(), Vec::new());
        for (number, index) in indexes.iter().enumerate() {
            let path = Path::new(INDEX).join(index);
            let bytes = files.get(index).map_or(0, |file| file.bytes);
            let problem = if bytes > LARGEST_INDEX {
                Some(too_large(LARGEST_INDEX))
            } else if number < MOST {
                match self.read_index(&path, index)? {
                    Ok(contents) => lie(&contents, state, digests, &bad),
                    Err(why) => Some(why),
                }
            } else {
                None
            };
            match problem {
                Some(why) => lies.push((path, why)),
                None => replaced.push(path),
            }
        }
        quarantine.put(lies)?;
        let place = disk::own(&self.repository, "replaced").join(quarantine.name());
        disk::move_all(&self.repository, &replaced, &place, self.before)
    }

    /// What an index file claims, in a shadow without the other index files, which restic may load as well.
    fn read_index(&self, path: &Path, index: &str) -> Result<Result<Contents, String>> {
        let shadow = Shadow::make(&self.repository, self.before)?;
        shadow.link(path)?;
        let answer = self.restic.run(shadow.directory(), &["cat", "index", index])?;
        Ok(match answer {
            Ok(text) => of_index(&text).ok_or_else(|| "restic does not write such an index".to_owned()),
            Err(objection) => Err(format!("restic cannot read it: {}", objection.why())),
        })
    }
}

/// The first claim of an index file that is false.
fn lie(contents: &Contents, state: &State, digests: &Contents, bad: &BTreeSet<PathBuf>) -> Option<String> {
    contents.iter().find_map(|(pack, digest)| {
        let shown = if is_id(pack) { pack } else { "(no name)" };
        match digests.get(pack) {
            Some(true_digest) if true_digest == digest => None,
            Some(_) => Some(format!("it claims blobs that pack {shown} does not hold")),
            None if bad.contains(&path_of_pack(pack)) => {
                Some(format!("it names pack {shown}, which is damaged"))
            }
            // A forget or prune that was cut off leaves an index of all packs.
            None if state.has_pack(pack) && state.maintaining => None,
            None if state.has_pack(pack) => Some(format!("it names pack {shown}, which was settled before")),
            None => Some(format!("it names pack {shown}, which does not exist")),
        }
    })
}

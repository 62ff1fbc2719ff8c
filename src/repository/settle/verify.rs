//! Separates sound packs from damaged ones, and adds the index of the sound ones to the repository.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Settle;
use super::contents::{Contents, of_index};
use super::found::path_of_pack;
use super::restic::Objection;
use super::shadow::Shadow;
use super::state::Group;

/// What was verified.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// The sound packs, each with the index files that name them.
    pub(super) groups: Vec<Group>,
    /// What their headers claim.
    pub(super) digests: Contents,
    /// The damaged packs, and why each is one.
    pub(super) bad: BTreeMap<String, String>,
}

/// What restic finds in a shadow of some packs.
enum Proof {
    /// It verified these packs, and the shadow has their index.
    Sound(Contents, Vec<String>),
    /// It objects to these packs, and has verified none.
    Damaged(BTreeMap<String, String>),
    /// It objects to some of the packs, and does not name them.
    Unclear(Objection),
}

impl Settle<'_> {
    /// Verifies packs. The headers decide which blobs they hold, and each blob is compared with its hash.
    ///
    /// # Errors
    /// When restic cannot judge them.
    pub(super) fn verify(&self, packs: &BTreeSet<String>) -> Result<Verified> {
        let mut verified = Verified::default();
        let mut sets = vec![packs.clone()];
        while let Some(mut set) = sets.pop() {
            if set.is_empty() {
                continue;
            }
            let shadow = Shadow::make(&self.repository, self.before)?;
            match self.prove(&shadow, &set)? {
                Proof::Sound(contents, indexes) => {
                    shadow.give_indexes(&indexes, self.before)?;
                    set.retain(|pack| contents.contains_key(pack));
                    verified.groups.push(Group {
                        indexes: indexes.into_iter().collect(),
                        packs: set,
                    });
                    verified.digests.extend(contents);
                }
                Proof::Damaged(packs) => {
                    set.retain(|pack| !packs.contains_key(pack));
                    verified.bad.extend(packs);
                    sets.push(set);
                }
                Proof::Unclear(objection) => match halves(set) {
                    Ok(halves) => sets.extend(halves),
                    Err(pack) => drop(verified.bad.insert(pack, objection.why().to_owned())),
                },
            }
        }
        Ok(verified)
    }

    fn prove(&self, shadow: &Shadow<'_>, packs: &BTreeSet<String>) -> Result<Proof> {
        for pack in packs {
            shadow.link(&path_of_pack(pack))?;
        }
        if let Err(objection) = self.restic.write_index(shadow.directory())? {
            return Ok(Proof::Unclear(objection));
        }
        let (mut contents, indexes) = (Contents::new(), shadow.indexes()?);
        for index in &indexes {
            match self.restic.run(shadow.directory(), &["cat", "index", index])? {
                Ok(text) => contents.extend(of_index(&text).unwrap_or_default()),
                Err(objection) => return Ok(Proof::Unclear(objection)),
            }
        }
        // restic skips a pack whose header it cannot read, and succeeds.
        let unread = packs.iter().filter(|pack| !contents.contains_key(*pack));
        let unread: BTreeMap<String, String> = unread
            .map(|pack| (pack.clone(), "its header cannot be read".to_owned()))
            .collect();
        if !unread.is_empty() {
            return Ok(Proof::Damaged(unread));
        }
        match self.restic.run(shadow.directory(), &["check", "--read-data"])? {
            Ok(_) => Ok(Proof::Sound(contents, indexes)),
            Err(objection) => {
                let named = |pack: &String| Some((pack.clone(), objection.about(pack)?.to_owned()));
                let named: BTreeMap<String, String> = packs.iter().filter_map(named).collect();
                Ok(if named.is_empty() {
                    Proof::Unclear(objection)
                } else {
                    Proof::Damaged(named)
                })
            }
        }
    }
}

/// Two halves of a set; the only element if there is one.
fn halves(set: BTreeSet<String>) -> Result<[BTreeSet<String>; 2], String> {
    let middle = set.len() / 2;
    let mut names = set.into_iter();
    if middle == 0 {
        return Err(names.next().unwrap_or_default());
    }
    let first = names.by_ref().take(middle).collect();
    Ok([first, names.collect()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_everything_and_one_is_not_divided() {
        let set = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
        assert_eq!(halves(set("a b c")), Ok([set("a"), set("b c")]));
        assert_eq!(halves(set("a")), Err("a".to_owned()));
    }
}

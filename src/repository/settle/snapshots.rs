//! Judges new snapshots: whose they are, when they were made, and whether they can be restored.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use serde::Deserialize;

use super::Settle;
use super::found::{File, Files, LARGEST_SNAPSHOT, SNAPSHOTS, too_large};
use super::quarantine::Quarantine;
use super::shadow::Shadow;
use crate::text::bounded;

/// The most characters of a client's text that a reason has.
const LONGEST: usize = 60;

/// The parts of a snapshot that are judged.
#[derive(Deserialize)]
struct Metadata {
    time: Timestamp,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    tags: Vec<String>,
}

impl Settle<'_> {
    /// Judges snapshots, and moves those that fail to the quarantine; those that are settled.
    ///
    /// If the state was lost, snapshots of earlier turns were judged before, or copied here with their true times. Then
    /// they only have to be readable and complete.
    ///
    /// # Errors
    /// When restic cannot judge them.
    pub(super) fn judge_snapshots(
        &self,
        snapshots: &BTreeSet<String>,
        files: &Files,
        is_state_lost: bool,
        quarantine: &Quarantine<'_>,
    ) -> Result<Vec<String>> {
        let of_turn = |id: &&String| files.get(*id).is_some_and(|file| self.turn.has(file.written));
        let count = snapshots.iter().filter(of_turn).count();
        let mut bad = Vec::new();
        let mut readable = Vec::new();
        for id in snapshots {
            let Some(file) = files.get(id) else { continue };
            let is_of_turn = of_turn(&id);
            let judged = if is_of_turn && count > 1 {
                Err(format!("the turn added {count} snapshots, and one is allowed"))
            } else {
                self.judge(id, *file, is_of_turn || !is_state_lost)?
            };
            match judged {
                Ok(()) => readable.push(id),
                Err(why) => bad.push((Path::new(SNAPSHOTS).join(id), why)),
            }
        }
        // restic may load all snapshots to find one, so those that it cannot read go first.
        quarantine.put(bad)?;
        let (mut settled, mut incomplete) = (Vec::new(), Vec::new());
        for id in readable {
            match self
                .restic
                .run(&self.repository, &["stats", "--mode", "raw-data", id])?
            {
                Ok(_) => settled.push(id.clone()),
                Err(objection) => {
                    let why = format!("it is not complete: {}", objection.why());
                    incomplete.push((Path::new(SNAPSHOTS).join(id), why));
                }
            }
        }
        quarantine.put(incomplete)?;
        Ok(settled)
    }

    /// What is wrong with a snapshot by itself.
    fn judge(&self, id: &str, file: File, is_time_judged: bool) -> Result<Result<(), String>> {
        if file.bytes > LARGEST_SNAPSHOT {
            return Ok(Err(too_large(LARGEST_SNAPSHOT)));
        }
        let shadow = Shadow::make(&self.repository, self.before)?;
        shadow.link(&Path::new(SNAPSHOTS).join(id))?;
        let text = match self.restic.run(shadow.directory(), &["cat", "snapshot", id])? {
            Ok(text) => text,
            Err(objection) => return Ok(Err(format!("restic cannot read it: {}", objection.why()))),
        };
        let Ok(metadata) = serde_json::from_slice::<Metadata>(&text) else {
            return Ok(Err("restic does not write such a snapshot".to_owned()));
        };
        let Metadata { time, hostname, tags } = metadata;
        if !is_time_judged {
            return Ok(Ok(()));
        }
        let turn = &self.turn;
        let problem = if hostname != turn.host {
            Some(format!("its host is `{}`", bounded(&hostname, LONGEST)))
        } else if !tags.contains(&turn.tag) {
            Some(format!("it lacks the tag `{}`", turn.tag))
        } else {
            turn.problem(time, file.written)
        };
        Ok(problem.map_or(Ok(()), Err))
    }
}

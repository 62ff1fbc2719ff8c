//! Brings the files of a client there over the administrator's own ssh, and makes them live.
//!
//! The client needs bash, tar and systemd, and nothing of ours. What is written, refused and removed follows from the same
//! manifest as with `genbackup emit` there; what is started and stopped, from the same rules as with `--now`.

mod commit;
mod session;
mod systemctl;
mod there;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use crate::emit::{Artifact, emit};
use crate::live::{Live, Transcript};
use crate::model::Destination;
use crate::plan::HostPlan;
use crate::write::{Changes, Counts, Overwrite, Place};

use session::Session;
use systemctl::Systemctl;
use there::There;

/// What is brought to a client.
#[derive(Debug)]
pub struct Push<'f> {
    /// The client's plan; none for a host that left the fleet, whose files are removed.
    pub plan: Option<HostPlan<'f>>,
    /// Where ssh reaches it.
    pub destination: Destination,
    /// The command that does what is left.
    pub again: String,
}

/// How a push goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whether files that were modified there are overwritten.
    pub overwrite: Overwrite,
    /// Whether ssh may ask the person at the terminal.
    pub may_ask: bool,
}

/// What a push did.
#[derive(Debug)]
pub struct Pushed {
    /// How many files it wrote and removed.
    pub counts: Counts,
    /// What it did and noted.
    pub lines: Transcript,
    /// Whether the client is as the fleet file says.
    pub is_live: bool,
}

/// What a push would do.
#[derive(Debug)]
pub struct Preview {
    /// The changes.
    pub changes: Changes,
    /// True when nothing keeps a push from making them.
    pub is_possible: bool,
}

impl Push<'_> {
    /// Writes the files and makes them live.
    ///
    /// # Errors
    /// When nothing has changed: the client cannot be reached, or a file there was modified or cannot be written. What
    /// fails later is reported in [`Pushed::lines`], and the rest goes on.
    pub fn carry_out(&self, manner: Manner) -> Result<Pushed> {
        let place = Place::below("/");
        let directory = place.directory_of_manifest();
        let mut session = Session::open(&self.destination, directory.to_str(), manner.may_ask)?;
        let artifacts = self.artifacts()?;
        let changes = look(&mut session, &place, &artifacts)?;
        if manner.overwrite == Overwrite::Never {
            changes.refuse_foreign()?;
        }
        let missing = self.missing_packages(&mut session)?;
        let mut live = Live::new(Systemctl(&mut session), Transcript::default(), &self.again);
        for note in &changes.notes {
            live.note(note);
        }
        let leaving: Vec<&str> = changes.leaving_units().collect();
        // While systemd still knows them.
        live.retire(&leaving);
        let steps = changes.steps()?;
        let counts = steps.counts;
        if !changes.is_empty() {
            commit::commit(live.systemd().0, &steps)?;
        }
        live.say(format_args!(
            "{} files written, {} removed",
            counts.written, counts.removed
        ));
        if !missing.is_empty() {
            live.fail(format_args!(
                "it lacks {}, whose programs the units start\n\nhint: on that host, `apt install {}`",
                missing.join(", "),
                missing.join(" ")
            ));
        }
        live.make_what_they_need(&artifacts, &changes);
        let waiting = live.enable(&artifacts, changes.changes_units());
        waiting.start(&mut live);
        if live.is_as_it_was() && counts == Counts::default() {
            live.say("nothing to change: this host matches the fleet file");
        }
        let (is_live, lines) = live.end();
        Ok(Pushed {
            counts,
            lines,
            is_live,
        })
    }

    /// What it would change.
    ///
    /// # Errors
    /// When the client cannot be reached.
    pub fn preview(&self, manner: Manner) -> Result<Preview> {
        let place = Place::below("/");
        let mut session = Session::open(&self.destination, None, manner.may_ask)?;
        let changes = look(&mut session, &place, &self.artifacts()?)?;
        let is_possible = manner.overwrite == Overwrite::Always || changes.refuse_foreign().is_ok();
        Ok(Preview { changes, is_possible })
    }

    fn artifacts(&self) -> Result<Vec<Artifact>> {
        match &self.plan {
            Some(plan) => Ok(emit(plan)?),
            None => Ok(Vec::new()),
        }
    }

    /// Debian's packages whose programs the units start, and that the client lacks.
    fn missing_packages(&self, session: &mut Session) -> Result<Vec<&'static str>> {
        let Some(plan) = &self.plan else {
            return Ok(Vec::new());
        };
        let needed = crate::doctor::needed_programs(plan);
        let words: Vec<&str> = needed.iter().map(|(program, _)| *program).collect();
        let script = "for program; do command -v -- \"$program\" >/dev/null || printf '%s\\n' \"$program\"; done";
        let (_, output, _) = Systemctl(session).ask(script, &words).map_err(|why| anyhow!(why))?;
        let lacks = |program: &str| output.lines().any(|line| line == program);
        Ok(needed
            .into_iter()
            .filter(|(program, _)| lacks(program))
            .map(|(_, package)| package)
            .collect())
    }
}

/// Compares what is wanted with what the client has.
fn look(session: &mut Session, place: &Place, artifacts: &[Artifact]) -> Result<Changes> {
    let manifest = place.manifest_path();
    let known = There::ask(session, [manifest].into_iter())?;
    let paths: BTreeSet<PathBuf> = Changes::paths_of_interest(&known, place, artifacts)?;
    let there = There::ask(session, paths.iter().map(PathBuf::as_path))?;
    Changes::on(&there, place, artifacts).context("cannot compare its files")
}

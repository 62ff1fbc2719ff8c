//! Brings the files of a client to it over the administrator's own ssh, and makes them live.
//!
//! The client needs bash, tar and systemd, and nothing of ours. The manifest decides what is written, refused
//! and removed, as with `genbackup emit` there. The rules of `--now` decide what is started and stopped.

mod commit;
mod session;
mod systemctl;
mod there;

use anyhow::{Context, Result, anyhow};

use crate::apply::live::{self, Live, Transcript, Written};
use crate::apply::{Changes, Counts, Overwrite, Place};
use crate::emit::plan::HostPlan;
use crate::emit::{Artifact, emit};
use crate::error::{fail, hinted};
use crate::model::Destination;

use session::Session;
use systemctl::Systemctl;
use there::There;

/// What is brought to a client.
#[derive(Debug)]
pub(crate) struct Push<'f> {
    /// The client's plan; none for a host that left the fleet, whose files are removed.
    pub plan: Option<HostPlan<'f>>,
    /// Where ssh reaches it.
    pub destination: Destination,
    /// The command that does what is left.
    pub again: String,
}

/// How a push is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Whether files that were modified there are overwritten.
    pub overwrite: Overwrite,
    /// Whether ssh may ask the person at the terminal.
    pub may_ask: bool,
}

/// What a push did.
#[derive(Debug)]
pub(crate) struct Pushed {
    /// The number of files that it wrote and removed; `None` if it did not finish.
    pub counts: Option<Counts>,
    /// What it did and noted.
    pub(crate) lines: Transcript,
    /// Whether the client matches the fleet file.
    pub is_live: bool,
}

/// What a push would do.
#[derive(Debug)]
pub(crate) struct Preview {
    /// The changes.
    pub changes: Changes,
    /// What it would do with units, each as a verb and a name, where that was asked for.
    pub units: Vec<(&'static str, String)>,
    /// Why a push would refuse that.
    pub refusal: Option<anyhow::Error>,
}

impl Push<'_> {
    /// Writes the files and makes them live.
    ///
    /// # Errors
    /// When nothing has changed, because the client cannot be reached or does not answer. A later failure is
    /// one of the lines of [`Pushed`], and does not stop the other steps.
    pub(crate) fn carry_out(&self, manner: Manner) -> Result<Pushed> {
        let place = Place::below("/");
        let directory = place.directory_of_manifest();
        let mut session = Session::open(&self.destination, directory.to_str(), manner.may_ask)?;
        let artifacts = self.artifacts()?;
        let changes = self.look(&mut session, &place, &artifacts)?;
        let mut live = Live::new(Systemctl(&mut session), Transcript::default(), &self.again);
        for note in &changes.notes {
            live.note(note);
        }
        if manner.overwrite == Overwrite::Never
            && let Err(error) = changes.refuse_foreign()
        {
            return Ok(unfinished(live, &error));
        }
        let steps = changes.steps()?;
        let counts = steps.counts;
        let missing = self.missing_packages(live.systemd())?;
        let leaving: Vec<&str> = changes.leaving_units().collect();
        // While systemd still knows them.
        live.retire(&leaving);
        if !changes.is_empty()
            && let Err(error) = commit::commit(live.systemd().0, &steps)
        {
            return Ok(unfinished(live, &error));
        }
        let packages = (!missing.is_empty()).then(|| {
            hinted!(
                what("it lacks packages that the units need: {}", missing.join(", ")),
                hint("run `apt install {}` on that host", missing.join(" "))
            )
        });
        let written = Written {
            artifacts: &artifacts,
            changes: &changes,
            counts,
        };
        let (is_live, lines) = live.apply(written, packages.as_slice(), |_| {});
        Ok(Pushed {
            counts: Some(counts),
            lines,
            is_live,
        })
    }

    /// What it would change; what it would do with units only if `with_units`.
    ///
    /// # Errors
    /// When the client cannot be reached, or does not answer.
    pub(crate) fn preview(&self, manner: Manner, with_units: bool) -> Result<Preview> {
        let place = Place::below("/");
        let mut session = Session::open(&self.destination, None, manner.may_ask)?;
        let artifacts = self.artifacts()?;
        let mut changes = self.look(&mut session, &place, &artifacts)?;
        changes.notes.retain(|note| !live::is_done_here(note));
        let units = if with_units {
            let units = live::preview(&mut Systemctl(&mut session), &artifacts, &changes);
            units.map_err(|why| anyhow!(why).context("cannot ask its systemd"))?
        } else {
            Vec::new()
        };
        let refusal = match manner.overwrite {
            Overwrite::Always => None,
            Overwrite::Never => changes.refuse_foreign().err(),
        };
        Ok(Preview {
            changes,
            units,
            refusal,
        })
    }

    fn artifacts(&self) -> Result<Vec<Artifact>> {
        match &self.plan {
            Some(plan) => Ok(emit(plan)?),
            None => Ok(Vec::new()),
        }
    }

    /// Compares what is wanted with what the client has.
    fn look(&self, session: &mut Session, place: &Place, artifacts: &[Artifact]) -> Result<Changes> {
        let known = There::ask(session, [place.manifest_path()])?;
        let paths = Changes::paths_of_interest(&known, place, artifacts)?;
        let there = There::ask(session, &paths)?;
        let changes = Changes::on(&there, place, artifacts).context("cannot compare its files")?;
        if self.plan.is_none() && changes.knows_nothing() {
            fail!(
                what("nothing to remove: genbackup wrote nothing there, or its manifest is missing"),
                hint("check that {} is the right host", self.destination)
            );
        }
        Ok(changes)
    }

    /// Debian's packages whose programs the units start, and that the client lacks.
    fn missing_packages(&self, systemctl: &mut Systemctl<'_>) -> Result<Vec<&'static str>> {
        let Some(plan) = &self.plan else {
            return Ok(Vec::new());
        };
        let needed = crate::doctor::needed_programs(plan);
        let words: Vec<&str> = needed.iter().map(|(program, _)| *program).collect();
        let script =
            "for program; do [[ -x $(type -P -- \"$program\") ]] || printf '%s\\n' \"$program\"; done";
        let (_, output, _) = systemctl.ask(script, &words).map_err(|why| anyhow!(why))?;
        let lacks = |program: &str| output.lines().any(|line| line == program);
        Ok(needed
            .into_iter()
            .filter(|(program, _)| lacks(program))
            .map(|(_, package)| package)
            .collect())
    }
}

/// What a push did that this error ended.
fn unfinished(mut live: Live<Systemctl<'_>, Transcript>, error: &anyhow::Error) -> Pushed {
    live.fail(error);
    let (is_live, lines) = live.end();
    Pushed {
        counts: None,
        lines,
        is_live,
    }
}

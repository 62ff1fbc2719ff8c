//! Runs a phase, and records how it ended.

use std::time::Instant;

use super::process::{Ended, Interrupt};
use crate::model::Phase;
use crate::runs::complaint::explained;
use crate::runs::record::{PhaseFinished, PhaseStarted, Status, What, Writer, in_milliseconds};
use crate::system::journal;

/// Why a phase failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// A guard refused it, or a step before restic failed.
    Refused(String),
    /// restic failed.
    Restic(Ended),
}

/// The phases of one run.
pub(super) struct Phases<'r> {
    record: &'r Writer,
    interrupt: &'r Interrupt,
    has_failed: bool,
}

impl<'r> Phases<'r> {
    pub(super) const fn new(record: &'r Writer, interrupt: &'r Interrupt) -> Self {
        Self {
            record,
            interrupt,
            has_failed: false,
        }
    }

    /// Runs one phase, which may add what it did to the event. True if it succeeded.
    pub(super) fn run(
        &mut self,
        phase: Phase,
        work: impl FnOnce(&mut PhaseFinished) -> Result<(), Failure>,
    ) -> bool {
        let clock = Instant::now();
        self.record
            .append(What::PhaseStarted(phase, PhaseStarted::default()));
        let mut finished = PhaseFinished::default();
        let (mut status, why, exit_code) = match work(&mut finished) {
            Ok(()) => (Status::Ok, None, Some(0)),
            Err(Failure::Refused(why)) => (Status::Failed, Some(why), None),
            Err(Failure::Restic(mut ended)) => {
                let message = ended.complaint.message();
                let status = if ended.complaint.is_interrupted(ended.status) {
                    Status::Interrupted
                } else {
                    Status::Failed
                };
                let why = explained(ended.status, &message);
                (status, Some(why), Some(i64::from(ended.status)))
            }
        };
        if status != Status::Ok && self.interrupt.has_come() {
            status = Status::Interrupted;
        }
        let has_succeeded = status == Status::Ok;
        self.has_failed |= !has_succeeded;
        let reason = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        journal::note(format_args!("{}: {status}{reason}", phase.name()));
        finished.status = status;
        finished.why = why;
        finished.exit_code = exit_code;
        finished.seconds = Some(in_milliseconds(clock.elapsed().as_secs_f64()));
        self.record.append(What::PhaseFinished(phase, finished));
        has_succeeded
    }

    /// True if no phase failed.
    pub(super) const fn all_succeeded(&self) -> bool {
        !self.has_failed
    }
}

//! Starts a run, or joins the one that is in progress.

use anyhow::Result;

use super::request::Request;
use crate::model::units::MAINTAIN;
use crate::system::bus::{Error, Job, JobKind, Manager, UnitState};

/// How a run is expected to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    OfItself,
    /// It is already being stopped.
    Stopped,
}

/// The state when the run was started or found.
pub(crate) struct Start {
    /// What happened, as a line for a person.
    pub(crate) what: &'static str,
    /// The job that starts it, unless the job has ended.
    pub(super) job: Option<Job>,
    pub(super) end: End,
    /// The previous state of the unit that backs up the hosts.
    pub(super) before: UnitState,
    /// The invocation ID of the last forget and prune before this run.
    pub(super) maintained: Vec<u8>,
}

/// Starts the requested run, unless its unit is running. `asks` is called before systemd is asked to start it.
///
/// # Errors
/// When systemd refuses, or does not answer.
pub(crate) fn start(manager: &Manager, request: &Request, asks: impl FnOnce()) -> Result<Start> {
    let before = manager.state(&request.unit)?;
    let maintained = manager.state(MAINTAIN)?.invocation;
    let (job, end, what) = if before.is_at_rest() {
        asks();
        let job = manager.start(&request.unit).map_err(|error| match error {
            Error::Away => anyhow::Error::new(error).context("it is unknown whether a run was started"),
            error => error.into(),
        })?;
        (Some(job), End::OfItself, "a run was started")
    } else {
        let kind = before.job.as_ref().map(|job| manager.kind_of(job));
        match (kind.transpose()?.flatten(), before.is_ending) {
            // The result of a stop job is not the result of the run.
            (Some(JobKind::Stop), _) => (
                None,
                End::Stopped,
                "a run is being stopped; no other run is started",
            ),
            (_, true) => (
                None,
                End::OfItself,
                "a run is just ending; no other run is started",
            ),
            (Some(JobKind::Start), false) => (before.job.clone(), End::OfItself, IN_PROGRESS),
            (Some(JobKind::Other) | None, false) => (None, End::OfItself, IN_PROGRESS),
        }
    };
    Ok(Start {
        what,
        job,
        end,
        before,
        maintained,
    })
}

const IN_PROGRESS: &str = "a run is already in progress; no other run is started";

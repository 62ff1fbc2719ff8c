//! Waits until systemd is done with what it was asked for.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Active, Error, Job, JobResult, Manager, Signal};

/// How often a unit is looked at whose job nobody has said anything of; systemd's word comes sooner.
const TICK: Duration = Duration::from_secs(1);

/// How long systemd may be away: `systemctl daemon-reexec` takes a second, or more on a host at work.
const AWAY: Duration = Duration::from_secs(90);

/// The time for which systemd has not answered.
#[derive(Debug, Default)]
pub struct Absence(Option<Instant>);

impl Absence {
    /// It does not answer; true while that is no reason to give up.
    pub fn may_last(&mut self) -> bool {
        self.0.get_or_insert_with(Instant::now).elapsed() < AWAY
    }

    /// It has answered.
    pub const fn is_over(&mut self) {
        self.0 = None;
    }
}

/// A manager whose jobs are waited for, one after the other.
#[derive(Debug)]
pub struct Waiting {
    /// The manager.
    pub manager: Manager,
    signals: Receiver<Signal>,
}

impl Waiting {
    /// Connects to the system's bus, and listens.
    ///
    /// # Errors
    /// When there is no bus, or no systemd behind it.
    pub fn connect() -> Result<Self, Error> {
        let manager = Manager::connect()?;
        let (sender, signals) = mpsc::channel();
        manager.watch(sender, |signal| signal)?;
        Ok(Self { manager, signals })
    }

    /// Waits for the end of a job, for as long as systemd lets the unit take. Where systemd's word is lost, since it
    /// started anew, it is judged by what has become of the unit.
    ///
    /// # Errors
    /// When systemd can no longer be asked, or has not answered for long.
    pub fn end_of(&self, job: &Job, unit: &str) -> Result<JobResult, Error> {
        let mut absence = Absence::default();
        loop {
            match self.signals.recv_timeout(TICK) {
                Ok(Signal::JobRemoved(removed, result)) if removed == *job => return Ok(result),
                Ok(Signal::JobRemoved(..)) => continue,
                Ok(Signal::ManagerIsBack) => match self.manager.subscribe() {
                    Ok(()) | Err(Error::Away) => {}
                    Err(error) => return Err(error),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Away),
            }
            match self.manager.loaded(unit) {
                Ok(loaded) if !loaded.has_job => {
                    // Its word may be on the way.
                    while let Ok(signal) = self.signals.recv_timeout(TICK) {
                        if let Signal::JobRemoved(removed, result) = signal
                            && removed == *job
                        {
                            return Ok(result);
                        }
                    }
                    return Ok(match loaded.active {
                        Active::Failed => JobResult::Failed,
                        Active::AtWork | Active::Inactive => JobResult::Done,
                    });
                }
                Ok(_) => absence.is_over(),
                Err(Error::Away) if absence.may_last() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

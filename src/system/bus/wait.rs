//! Waits for the ends of systemd's jobs.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Active, Error, Job, JobResult, Manager, Signal};

/// How often the unit of a job is polled. A signal usually arrives earlier.
const TICK: Duration = Duration::from_secs(1);

/// How long systemd may be absent: `systemctl daemon-reexec` takes a second, or more on a busy host.
const AWAY: Duration = Duration::from_secs(90);

/// The time for which systemd has not answered.
#[derive(Debug, Default)]
pub(crate) struct Absence(Option<Instant>);

impl Absence {
    /// Notes that systemd does not answer. True while it is too early to give up.
    pub(crate) fn may_last(&mut self) -> bool {
        self.0.get_or_insert_with(Instant::now).elapsed() < AWAY
    }

    /// Notes that systemd has answered.
    pub(crate) const fn is_over(&mut self) {
        self.0 = None;
    }
}

/// A manager, and the signals about its jobs.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The manager.
    pub manager: Manager,
    signals: Receiver<Signal>,
}

impl Waiting {
    /// Connects to the system bus, and listens.
    ///
    /// # Errors
    /// When there is no bus, or systemd is not on it.
    pub(crate) fn connect() -> Result<Self, Error> {
        let manager = Manager::connect()?;
        let (sender, signals) = mpsc::channel();
        manager.watch(sender, |signal| signal)?;
        Ok(Self { manager, signals })
    }

    /// Waits for the end of a job; the unit's own timeouts apply. If the signal is lost because systemd restarted, the
    /// result is derived from the state of the unit.
    ///
    /// # Errors
    /// When the connection is lost, or systemd has not answered for too long.
    pub(crate) fn end_of(&self, job: &Job, unit: &str) -> Result<JobResult, Error> {
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
                    // The signal may still arrive.
                    while let Ok(signal) = self.signals.recv_timeout(TICK) {
                        if let Signal::JobRemoved(removed, result) = signal
                            && removed == *job
                        {
                            return Ok(result);
                        }
                    }
                    return Ok(match loaded.active {
                        Active::Failed => JobResult::Failed,
                        Active::Running | Active::Inactive => JobResult::Done,
                    });
                }
                Ok(_) => absence.is_over(),
                Err(Error::Away) if absence.may_last() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

//! Ends a run whose unit is being stopped.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::record::{Event, RunStopped, What, Writer};

/// The record that gets the event `run-stopped` if a signal ends this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<Mutex<Option<Arc<Writer>>>>);

impl Stop {
    /// Waits in a thread for SIGINT and SIGTERM. Records the stop at once, then ends this process by the signal, so that
    /// systemd sees it.
    ///
    /// # Errors
    /// When this process cannot wait for signals.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
        let same = stop.clone();
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                same.end(signal);
            }
        });
        Ok(stop)
    }

    /// From now on, a stop is recorded here; `None` if no record is incomplete.
    pub(crate) fn set_record(&self, record: Option<Arc<Writer>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }

    fn end(&self, signal: i32) {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // No other event follows: this thread holds the record until the process has ended.
        let mut guard = record.as_ref().map(|record| record.guard());
        if let Some(guard) = &mut guard {
            let why = Some("the run was stopped".to_owned());
            guard.append(&Event::now(What::RunStopped(RunStopped { why })));
        }
        drop(emulate_default_handler(signal));
    }
}

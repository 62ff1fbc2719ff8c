//! Ends a run whose unit is being stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::record::{Event, RunStopped, What, Writer};

/// Whether a signal has come that ends this process, and the record that then gets the event `run-stopped`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    has_come: Arc<AtomicBool>,
    record: Arc<Mutex<Option<Arc<Writer>>>>,
}

impl Stop {
    /// Waits in a thread for SIGINT and SIGTERM. Records the stop at once, then ends this process by the signal, so that
    /// systemd sees it.
    ///
    /// # Errors
    /// When this process cannot wait for signals.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let unusable = "cannot wait for signals";
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop.has_come)).context(unusable)?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM]).context(unusable)?;
        let same = stop.clone();
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                same.end(signal);
            }
        });
        Ok(stop)
    }

    /// Returns, unless a signal has come. In that case this process ends soon, and the caller must not record
    /// what the signal did to other processes of the unit.
    pub(crate) fn wait_for_end(&self) {
        while self.has_come.load(Ordering::SeqCst) {
            thread::park();
        }
    }

    /// From now on, a stop is recorded here; `None` if no record is incomplete.
    pub(crate) fn set_record(&self, record: Option<Arc<Writer>>) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }

    fn end(&self, signal: i32) {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        // No other event follows: this thread holds the record until the process has ended.
        let mut guard = record.as_ref().map(|record| record.guard());
        if let Some(guard) = &mut guard {
            let why = Some("the run was stopped".to_owned());
            guard.append(&Event::now(What::RunStopped(RunStopped { why })));
        }
        drop(emulate_default_handler(signal));
    }
}

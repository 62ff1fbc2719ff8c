//! `genbackup stop`: stops the run in progress: first the hosts, then forget and prune.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;

use super::terminal;
use crate::model::units::{CHOSEN, HOSTS, MAINTAIN};
use crate::system::bus::{Absence, Error, Manager, Signal};

/// How often an ending unit is polled. A signal usually arrives earlier.
const TICK: Duration = Duration::from_millis(500);

pub(super) fn run() -> Result<ExitCode> {
    let (sender, signals) = mpsc::channel::<Signal>();
    let manager = Manager::connect()?;
    manager.watch(sender, |signal| signal)?;
    // In this order: the end of the hosts starts forget and prune, which are stopped next.
    let chosen = manager.running(&[CHOSEN])?;
    let units = chosen
        .iter()
        .map(|unit| (unit.as_str(), "the backup of named hosts"))
        .chain([(HOSTS, "the backup of all hosts"), (MAINTAIN, "forget and prune")]);
    for (unit, what) in units {
        if manager.state(unit)?.is_at_rest() {
            terminal::print(&format!("{what}: not running\n"))?;
            continue;
        }
        manager.stop(unit)?;
        let mut absence = Absence::default();
        loop {
            match manager.state(unit) {
                Ok(state) if state.is_at_rest() => break,
                Ok(_) => absence.is_over(),
                // systemd is restarting, and keeps its queue of jobs.
                Err(Error::Away) if absence.may_last() => {}
                Err(error) => return Err(error.into()),
            }
            // Poll again after any signal, or after the delay.
            drop(signals.recv_timeout(TICK));
        }
        terminal::print(&format!("{what}: stopped\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

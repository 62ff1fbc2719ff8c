//! `genbackup stop`: stops a run that is at work, the hosts first, then forget and prune.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;

use super::run::{CHOSEN, HOSTS, MAINTAIN};
use super::terminal;
use crate::bus::{Absence, Error, Manager, Signal};

/// How often a unit is looked at that is about to end; systemd's word comes sooner.
const TICK: Duration = Duration::from_millis(500);

pub(super) fn run() -> Result<ExitCode> {
    let (sender, signals) = mpsc::channel::<Signal>();
    let manager = Manager::connect()?;
    manager.watch(sender, |signal| signal)?;
    // In this order: the hosts' end starts forget and prune, which then have nothing to do.
    let chosen = manager.at_work(&[CHOSEN])?;
    let units = chosen
        .iter()
        .map(|unit| (unit.as_str(), "the backup of some hosts"))
        .chain([(HOSTS, "the backup of the hosts"), (MAINTAIN, "forget and prune")]);
    for (unit, what) in units {
        if manager.state(unit)?.is_at_rest() {
            terminal::say(&format!("{what}: not at work\n"))?;
            continue;
        }
        manager.stop(unit)?;
        let mut absence = Absence::default();
        loop {
            match manager.state(unit) {
                Ok(state) if state.is_at_rest() => break,
                Ok(_) => absence.is_over(),
                // It starts anew; what it was told stays told.
                Err(Error::Away) if absence.may_last() => {}
                Err(error) => return Err(error.into()),
            }
            // Whatever comes, or nothing: then is the time to look again.
            drop(signals.recv_timeout(TICK));
        }
        terminal::say(&format!("{what}: stopped\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

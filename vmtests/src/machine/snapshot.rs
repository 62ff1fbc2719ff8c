//! What the lab does to a machine to save it and put it back.

use std::time::SystemTime;

use super::Machine;
use crate::deadline::{HANGS, SOON};
use crate::lab::Kind;

impl Machine {
    /// Nothing that it does goes on until [`go_on`](Self::go_on).
    pub(crate) fn stand_still(&self) -> anyhow::Result<()> {
        self.body.stand_still(HANGS)
    }

    pub(crate) fn save(&self, snapshot: &str) -> anyhow::Result<()> {
        self.body.save(snapshot)
    }

    pub(crate) fn load(&self, snapshot: &str) -> anyhow::Result<()> {
        self.body.load(snapshot)
    }

    /// Goes on after it was saved or put back, at the present time.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.body.go_on()?;
        match self.kind {
            Kind::Container => self.wait_until_booted(),
            Kind::Virtual => {
                self.body.wait_until_answers(SOON)?;
                self.set_clock(SystemTime::now())
            }
        }
    }

    /// Makes it answer again after a story that went wrong: it may be without power, or in the middle of a command.
    pub(crate) fn wake(&self) -> anyhow::Result<()> {
        self.body.go_on()?;
        self.body.wait_until_answers(SOON)
    }
}

//! A machine's clock.

use std::time::SystemTime;

use super::Machine;

impl Machine {
    /// Sets its clock.
    ///
    /// # Errors
    /// When `when` is before 1970, or the machine is a container, which has no separate clock.
    pub fn set_clock(&self, when: SystemTime) -> anyhow::Result<()> {
        self.body.set_clock(when)
    }
}

//! A machine's clock.

use std::time::SystemTime;

use anyhow::Context;

use super::Machine;

impl Machine {
    /// Sets its clock.
    ///
    /// # Errors
    /// When `when` is before 1970.
    pub fn set_clock(&self, when: SystemTime) -> anyhow::Result<()> {
        let time = when
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("a time before 1970")?;
        self.succeeds(&format!("date --utc --set=@{:.6}", time.as_secs_f64()))
            .map(drop)
    }
}

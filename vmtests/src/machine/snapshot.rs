//! What the lab does to a machine to save it and put it back.

use std::time::SystemTime;

use super::{Machine, WAKE_LIMIT};

impl Machine {
    /// Everything it does stops here until [`go_on`](Self::go_on).
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.qemu.freeze()
    }

    pub(crate) fn save(&self, snapshot: &str) -> anyhow::Result<()> {
        self.qemu.save(snapshot)
    }

    pub(crate) fn load(&self, snapshot: &str) -> anyhow::Result<()> {
        self.qemu.plug_network(true)?;
        self.qemu.load(snapshot)
    }

    /// Goes on after a freeze, at the present time.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.qemu.go_on()?;
        self.agent().synchronize(WAKE_LIMIT)?;
        self.set_clock(SystemTime::now())
    }

    /// Makes it answer again after a story that went wrong: it may be without power, or in the middle of a command.
    pub(crate) fn wake(&self) -> anyhow::Result<()> {
        self.qemu.go_on()?;
        self.agent().synchronize(WAKE_LIMIT)
    }
}

//! What a machine of the lab consists of. There are two kinds, and stories are written against what both can do.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::agent::Output;

/// A virtual machine or a container.
pub trait Body: Debug + Send + Sync {
    /// Runs a shell command (`bash -o errexit -o nounset -o pipefail`) as root, with `input` as its standard input.
    ///
    /// # Errors
    /// When it does not answer, or the command is not done within `limit`: then its process group has been ended. A
    /// command that fails is no error.
    fn run(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output>;

    /// Waits until it answers: its systemd is there.
    ///
    /// # Errors
    /// When it does not within `limit`.
    fn wait_until_answers(&self, limit: Duration) -> anyhow::Result<()>;

    /// Boots it, whatever it was doing.
    ///
    /// # Errors
    /// When what runs it cannot be started, or has gone.
    fn boot(&self) -> anyhow::Result<()>;

    /// Takes its power away, between two instructions.
    ///
    /// # Errors
    /// When what runs it has gone.
    fn power_off_hard(&self) -> anyhow::Result<()>;

    /// Shuts it down in order, and waits until that is done.
    ///
    /// # Errors
    /// When it is not done within `limit`.
    fn power_off(&self, limit: Duration) -> anyhow::Result<()>;

    /// Plugs its network cable in, or pulls it.
    ///
    /// # Errors
    /// When what runs it has gone.
    fn plug_network(&self, plugged: bool) -> anyhow::Result<()>;

    /// Stops all of its processes where they are, or lets them go on: meanwhile its kernel answers for them alone.
    ///
    /// # Errors
    /// When its kernel is its own, or what runs it has gone.
    fn freeze(&self, frozen: bool) -> anyhow::Result<()>;

    /// Makes it ready to be saved: a virtual machine stands still, a container shuts down in order.
    ///
    /// # Errors
    /// When it does not come to that within `limit`.
    fn stand_still(&self, limit: Duration) -> anyhow::Result<()>;

    /// Saves it as it is, under a name.
    ///
    /// # Errors
    /// When it cannot be saved.
    fn save(&self, name: &str) -> anyhow::Result<()>;

    /// Puts back what was saved under a name; it then waits for [`go_on`](Self::go_on).
    ///
    /// # Errors
    /// When there is no such snapshot.
    fn load(&self, name: &str) -> anyhow::Result<()>;

    /// Goes on after it was saved or put back, or lost its power: a container boots.
    ///
    /// # Errors
    /// When it cannot.
    fn go_on(&self) -> anyhow::Result<()>;

    /// Sets its clock.
    ///
    /// # Errors
    /// When `when` is before 1970, or its clock is not its own.
    fn set_clock(&self, when: SystemTime) -> anyhow::Result<()>;

    /// The file with everything that it printed on its console.
    fn console(&self) -> PathBuf;
}

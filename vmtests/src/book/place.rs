//! The machines of the lab by the words of a page.

use anyhow::ensure;

use super::comment::Where;
use crate::lab::Lab;
use crate::machine::Machine;

impl Where {
    /// The machines that are meant.
    ///
    /// # Errors
    /// When the lab has none of that name.
    pub(crate) fn machines<'l>(&self, lab: &'l Lab) -> anyhow::Result<Vec<&'l Machine>> {
        let machines: Vec<&Machine> = match self {
            Self::EachClient => vec![&lab.ziz, &lab.kai],
            Self::Host(name) => {
                let all = lab.machines().into_iter();
                all.filter(|machine| machine.name() == name).collect()
            }
        };
        ensure!(!machines.is_empty(), "{self:?} is no machine of the lab");
        Ok(machines)
    }
}

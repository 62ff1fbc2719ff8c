//! A machine's network: cut from all, or from one.

use super::Machine;
use crate::deadline::SOON;

impl Machine {
    /// Pulls its network cable.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn cut_network(&self) -> anyhow::Result<()> {
        self.body.plug_network(false)
    }

    /// Puts its network cable back, and waits until it has its address again.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn restore_network(&self) -> anyhow::Result<()> {
        self.body.plug_network(true)?;
        self.wait_for_address()
    }

    /// From now on nothing that this machine and `other` send each other arrives; all others hear both. A
    /// connection stays open and falls silent: neither side gets an error.
    ///
    /// Lasts until [`join_again`](Self::join_again), or until both have booted or the lab is restored. Both machines
    /// have to be running.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub fn cut_off_from(&self, other: &Self) -> anyhow::Result<()> {
        self.deafen_to(other)?;
        other.deafen_to(self)
    }

    /// Ends [`cut_off_from`](Self::cut_off_from), also when one of them has booted meanwhile. A connection that has
    /// lasted goes on when TCP tries again, which takes the longer the longer they were apart.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub fn join_again(&self, other: &Self) -> anyhow::Result<()> {
        self.hear(other)?;
        other.hear(self)
    }

    /// Drops what arrives, as a network would lose it. Dropping what is sent would give the sender an error.
    fn deafen_to(&self, other: &Self) -> anyhow::Result<()> {
        let rules = format!(
            "table ip deaf-to-{} {{\n\
               chain arriving {{\n\
                 type filter hook prerouting priority raw\n\
                 ip saddr {} drop\n\
               }}\n\
             }}\n",
            other.name(),
            other.address
        );
        // Once, also when it is deaf already.
        self.hear(other)?;
        self.succeeds_with("nft --file -", rules.as_bytes()).map(drop)
    }

    fn hear(&self, other: &Self) -> anyhow::Result<()> {
        // nft can remove only a table that is there; it may have gone with a boot.
        let table = format!("table ip deaf-to-{}", other.name());
        self.succeeds(&format!("nft add {table} && nft delete {table}"))
            .map(drop)
    }

    /// Waits until its network card has its address.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn wait_for_address(&self) -> anyhow::Result<()> {
        let look = format!(
            "ip -brief -4 address show up | grep --fixed-strings ' {}'",
            self.address_with_prefix()
        );
        self.wait_until_succeeds(&look, SOON).map(drop)
    }
}

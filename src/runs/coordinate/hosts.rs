//! Which hosts a run backs up.

use anyhow::Result;

use crate::error::fail;
use crate::text::harmless;

/// The hosts of a run, in the order of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Their names.
    pub names: Vec<String>,
    /// True if somebody chose them, or a separate timer did.
    pub are_chosen: bool,
}

impl Hosts {
    /// The chosen hosts, `A_B`, because no host name contains `_`; or else the hosts without a separate timer.
    ///
    /// # Errors
    /// When no host is named, or one that is not backed up.
    pub fn choose(all: &[String], together: &[String], chosen: Option<&str>) -> Result<Self> {
        let Some(chosen) = chosen else {
            return Ok(Self {
                names: together.to_vec(),
                are_chosen: false,
            });
        };
        let wanted: Vec<&str> = chosen.split('_').filter(|name| !name.is_empty()).collect();
        let known = all.join(", ");
        if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|host| host == *name)) {
            fail!(
                what(
                    "no run started: `{}` is not a host that is backed up",
                    harmless(unknown)
                ),
                hint("name some of these hosts: {known}")
            );
        }
        if wanted.is_empty() {
            fail!(
                what("no run started: no host is named"),
                hint("name some of these hosts: {known}")
            );
        }
        let names = all.iter().filter(|host| wanted.contains(&host.as_str()));
        Ok(Self {
            names: names.cloned().collect(),
            are_chosen: true,
        })
    }
}

//! What of a record is worth reading, where only some of its hosts and phases matter.

use std::collections::BTreeSet;

use memchr::memmem::Finder;

use super::words::Phase;

/// So many names are looked for in each line; of more than that, lines are read sooner.
const NAMES: usize = 8;

/// Some hosts and phases. A line that names none of them is passed over, which is ten times as fast as to read it; and
/// so is the rest of a record whose first line names none of the hosts.
#[derive(Debug, Clone)]
pub struct About {
    hosts: BTreeSet<String>,
    has_phases: bool,
    /// What stands in every line that matters; nothing where it is too much.
    signs: Vec<Finder<'static>>,
}

impl About {
    /// About these.
    pub fn new(
        hosts: impl IntoIterator<Item: Into<String>>,
        phases: impl IntoIterator<Item = Phase>,
    ) -> Self {
        let hosts: BTreeSet<String> = hosts.into_iter().map(Into::into).collect();
        let phases: Vec<String> = phases
            .into_iter()
            .map(|phase| format!("\"{}-", phase.name()))
            .collect();
        let signs = hosts.iter().map(|host| format!("\"{host}\""));
        // How a run begins says whose it is, also where it is of others.
        let beginning = std::iter::once("\"run-started\"".to_owned());
        let signs: Vec<String> = signs.chain(phases.iter().cloned()).chain(beginning).collect();
        Self {
            hosts,
            has_phases: !phases.is_empty(),
            signs: match signs.len() {
                ..=NAMES => signs.iter().map(|sign| Finder::new(sign).into_owned()).collect(),
                _ => Vec::new(),
            },
        }
    }

    /// True when a line may tell of one of them.
    pub(super) fn may_be_in(&self, line: &[u8]) -> bool {
        self.signs.is_empty() || self.signs.iter().any(|sign| sign.find(line).is_some())
    }

    /// True when a run that begins with these hosts has nothing to tell.
    pub(super) fn is_in_no_run_of(&self, hosts: &[String]) -> bool {
        !self.has_phases && !hosts.iter().any(|host| self.hosts.contains(host))
    }
}

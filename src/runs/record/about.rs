//! What of a record is worth reading, where only some of its hosts and phases matter.

use std::collections::BTreeSet;

use memchr::memmem::Finder;

use crate::model::Phase;

/// The key before the name of a host.
const HOST: &[u8] = b"\"host\"";

/// Some hosts and phases. A line that names none of them is skipped, which is ten times as fast as to read
/// it. So is the rest of a record whose first line shows that none of them is in it.
#[derive(Debug, Clone)]
pub struct About {
    hosts: BTreeSet<String>,
    /// Whether a phase that a run does is among them, or one that is recorded ad hoc.
    has_phases_of_runs: bool,
    has_ad_hoc_phases: bool,
    key: Finder<'static>,
    /// What stands in every other line that matters.
    signs: Vec<Finder<'static>>,
}

impl About {
    /// About these.
    pub fn new(
        hosts: impl IntoIterator<Item: Into<String>>,
        phases: impl IntoIterator<Item = Phase>,
    ) -> Self {
        let phases: Vec<Phase> = phases.into_iter().collect();
        let of_phases = phases.iter().map(|phase| format!("\"{}-", phase.name()));
        // The first line of a run names its hosts, also where these are others; its last one may name what
        // stopped it.
        let of_the_run = std::iter::once("\"run-".to_owned());
        let signs = of_phases.chain(of_the_run);
        Self {
            hosts: hosts.into_iter().map(Into::into).collect(),
            has_phases_of_runs: phases.iter().any(|phase| !phase.is_ad_hoc()),
            has_ad_hoc_phases: phases.iter().any(|phase| phase.is_ad_hoc()),
            key: Finder::new(HOST),
            signs: signs.map(|sign| Finder::new(&sign).into_owned()).collect(),
        }
    }

    /// True when a line may be about one of them.
    pub(super) fn may_be_in(&self, line: &[u8]) -> bool {
        let behind_keys = self
            .key
            .find_iter(line)
            .filter_map(|at| line.get(at + HOST.len()..));
        self.signs.iter().any(|sign| sign.find(line).is_some())
            || (!self.hosts.is_empty() && { behind_keys }.any(|rest| self.may_be_named(rest)))
    }

    /// True when what follows the key of a host may be the name of one of them.
    fn may_be_named(&self, rest: &[u8]) -> bool {
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let Some(name) = rest.and_then(|rest| rest.strip_prefix(b"\"")) else {
            return true;
        };
        match memchr::memchr2(b'"', b'\\', name) {
            Some(end) if name.get(end) == Some(&b'"') => {
                let name = name.get(..end).and_then(|name| std::str::from_utf8(name).ok());
                name.is_none_or(|name| self.hosts.contains(name))
            }
            // It has an escape, or no end.
            _ => true,
        }
    }

    /// Those of these hosts that matter.
    pub(super) fn retain(&self, hosts: &mut Vec<String>) {
        hosts.retain(|host| self.hosts.contains(host));
    }

    /// True when a record that begins with these hosts, and is of a run or ad hoc, has nothing about them.
    pub(super) fn is_in_no_run_of(&self, hosts: &[String], is_ad_hoc: bool) -> bool {
        let has_phases = if is_ad_hoc {
            self.has_ad_hoc_phases
        } else {
            self.has_phases_of_runs
        };
        !has_phases && !hosts.iter().any(|host| self.hosts.contains(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_matters_that_may_name_a_sought_host() {
        let about = About::new(["ziz"], []);
        for (line, matters) in [
            (r#"{"event":"host-started","host":"ziz"}"#, true),
            (r#"{"host" : "ziz"}"#, true),
            (r#"{"message":{"host":"kai"},"host":"ziz"}"#, true),
            (r#"{"host":"zi\u007a"}"#, true),
            (r#"{"host":["ziz"]}"#, true),
            (r#"{"host":"ziz"#, true),
            (r#"{"event":"run-stopped"}"#, true),
            (r#"{"event":"host-started","host":"kai"}"#, false),
            (r#"{"host":"ziz-2"}"#, false),
            (r#"{"event":"forget-started"}"#, false),
        ] {
            assert_eq!(about.may_be_in(line.as_bytes()), matters, "{line}");
        }
    }

    #[test]
    fn only_ad_hoc_records_hold_ad_hoc_phases() {
        let offsite = About::new(["ziz"], [Phase::Offsite]);
        let forget = About::new(["ziz"], [Phase::Forget]);
        let kai = ["kai".to_owned()];
        let ziz = ["ziz".to_owned()];
        assert!(offsite.is_in_no_run_of(&kai, false));
        assert!(!offsite.is_in_no_run_of(&ziz, false));
        assert!(!offsite.is_in_no_run_of(&[], true));
        assert!(!forget.is_in_no_run_of(&kai, false));
        assert!(forget.is_in_no_run_of(&[], true));
    }
}

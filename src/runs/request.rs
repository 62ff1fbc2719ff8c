//! A run that is asked for: its hosts, and the unit that backs them up.

use anyhow::Result;

use crate::error::fail;
use crate::model::units::HOSTS;
use crate::model::{Fleet, HostName};
use crate::text::harmless;

/// The maximum length of a unit's name (systemd.unit(5)), less the prefix `genbackup-notify@` of the unit for its
/// failures.
const LONGEST_NAME: usize = 255 - "genbackup-notify@".len();

/// The requested run.
#[derive(Debug)]
pub(crate) struct Request {
    /// The hosts. Empty means all hosts without their own schedule.
    pub(crate) hosts: Vec<String>,
    /// The unit that backs them up.
    pub(crate) unit: String,
    /// The name of its directory in `/run`, with the current answers of the hosts.
    pub(crate) answers: String,
}

impl Request {
    /// The run of all hosts.
    pub(crate) fn of_all() -> Self {
        Self {
            hosts: Vec::new(),
            unit: HOSTS.to_owned(),
            answers: "genbackup-run".to_owned(),
        }
    }

    /// The run of these hosts.
    ///
    /// # Errors
    /// When a host is not backed up, or there are too many hosts for the name of a unit.
    pub(crate) fn of_hosts(fleet: &Fleet, hosts: &[String]) -> Result<Self> {
        let known: Vec<&HostName> = fleet.backed_up().collect();
        let is_unknown = |host: &&String| !known.iter().any(|name| name.as_str() == *host);
        let unknown: Vec<String> = hosts
            .iter()
            .filter(is_unknown)
            .map(|host| format!("`{}`", harmless(host)))
            .collect();
        if !unknown.is_empty() {
            fail!(
                what("no host that is backed up is named {}", unknown.join(" or ")),
                hint("name hosts that are backed up: {}", names(&known).join(", "))
            );
        }
        // The same hosts give the same unit, whatever their order.
        let chosen: Vec<&HostName> = known
            .into_iter()
            .filter(|name| hosts.iter().any(|host| host == name.as_str()))
            .collect();
        let instance = names(&chosen).join("_");
        let unit = format!("{}.service", Fleet::run_of_those(&chosen));
        if unit.len() > LONGEST_NAME {
            fail!(
                what("too many hosts for one run: the name of their unit can have {LONGEST_NAME} bytes"),
                hint("back them up in two runs, or run `genbackup run` for all hosts")
            );
        }
        Ok(Self {
            hosts: chosen.iter().map(ToString::to_string).collect(),
            unit,
            answers: format!("genbackup-run-{instance}"),
        })
    }
}

fn names<'h>(hosts: &[&'h HostName]) -> Vec<&'h str> {
    hosts.iter().map(|host| host.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    fn fleet() -> Fleet {
        let text = "[schedule]\ncalendar = \"daily\"\n[repository]\nhost = \"jak\"\npath = \"/srv/restic\"\n\
                    password-file = \"/etc/p\"\nkeep = \"7 daily\"\n[hosts.jak]\ninclude = [\"/etc\"]\n\
                    [hosts.kai]\ninclude = [\"/etc\"]\nhost-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGku6WoL8nKMHXtwn2s/Ao6KY9kMVjehewS6m4a7AGyf\"\n\
                    [nfs]\nmount = \"/mnt/restic\"\n[ssh]\nkey-file = \"/etc/k\"\npublic-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDbS9dDVH1jHoxrOjT9BHVYYixALmuwzxHpX18jZNz8E\"\n";
        crate::config::resolve::resolve(crate::config::file::read("fleet.toml", text)).unwrap()
    }

    #[test]
    fn the_order_of_hosts_does_not_change_the_unit() {
        let hosts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let fleet = fleet();
        for order in [["jak", "kai"], ["kai", "jak"]] {
            let request = Request::of_hosts(&fleet, &hosts(&order)).unwrap();
            assert_eq!(request.unit, "genbackup-run@jak_kai.service");
            assert_eq!(request.answers, "genbackup-run-jak_kai");
        }
    }

    #[test]
    fn unknown_hosts_are_all_named_with_those_that_exist() {
        let hosts = ["ziz".to_owned(), "kai".to_owned(), "\u{1b}[2J".to_owned()];
        let error = describe(&Request::of_hosts(&fleet(), &hosts).unwrap_err());
        assert_eq!(
            error,
            "no host that is backed up is named `ziz` or `\\u{1b}[2J`\n\nhint: name hosts that are backed up: jak, kai"
        );
    }
}

//! restic's command lines, as the script `maintain-repository` has them.

use std::ffi::{OsStr, OsString};

use anyhow::{Context, Result, bail};

/// The word that stands for `--host=NAME` of each host.
const HOSTS: &str = "{}";

/// restic's command lines, in the order in which they are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// Lists the snapshots of the fleet.
    pub list: Vec<OsString>,
    /// Forgets, by one keep policy each: first by that of the fleet.
    pub forget: Vec<Forget>,
    /// Prunes.
    pub prune: Vec<OsString>,
}

/// The command line for one keep policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forget {
    /// The hosts that have this policy; none for the policy of the fleet, which all other hosts have.
    pub hosts: Vec<String>,
    /// The command, with the word `{}` in the place of the hosts.
    command: Vec<OsString>,
}

impl Steps {
    /// Reads steps that `;` ends: `list COMMAND… ; forget COMMAND… ; forget-of HOST,HOST COMMAND… ; prune COMMAND… ;`
    ///
    /// # Errors
    /// When a step is unknown, empty or missing, or if a forget has no place for the hosts. Without `--host`,
    /// restic would forget snapshots of all hosts.
    pub fn parse(words: &[OsString]) -> Result<Self> {
        let (mut list, mut forget, mut prune) = (None, Vec::new(), None);
        let steps = words.split(|word| word == OsStr::new(";"));
        for step in steps.filter(|step| !step.is_empty()) {
            let (name, rest) = step.split_first().context("a step is empty")?;
            match name.to_str() {
                Some("list") => list = Some(rest.to_vec()),
                Some("prune") => prune = Some(rest.to_vec()),
                Some("forget") => forget.push(Forget::new(Vec::new(), rest)?),
                Some("forget-of") => {
                    let (hosts, rest) = rest.split_first().context("`forget-of` names no hosts")?;
                    let hosts = hosts.to_str().context("a host's name is not UTF-8")?;
                    forget.push(Forget::new(hosts.split(',').map(str::to_owned).collect(), rest)?);
                }
                _ => bail!("unknown step `{}`", name.to_string_lossy()),
            }
        }
        let has_policy_of_fleet = forget.first().is_some_and(|first| first.hosts.is_empty());
        let others = forget.iter().skip(1);
        if !has_policy_of_fleet || { others }.any(|other| other.hosts.is_empty()) {
            bail!(
                "the first step `forget` applies the keep policy of the fleet, and each other one names its hosts"
            );
        }
        Ok(Self {
            list: list.context("the step `list` is missing")?,
            forget,
            prune: prune.context("the step `prune` is missing")?,
        })
    }
}

impl Forget {
    fn new(hosts: Vec<String>, command: &[OsString]) -> Result<Self> {
        if command.iter().filter(|word| *word == OsStr::new(HOSTS)).count() != 1 {
            bail!("`forget` needs the word {HOSTS} once, in the place of its hosts");
        }
        Ok(Self {
            hosts,
            command: command.to_vec(),
        })
    }

    /// The command for these hosts; `None` if there are none.
    #[must_use]
    pub fn command(&self, hosts: &[String]) -> Option<Vec<OsString>> {
        let hosts: Vec<&String> = hosts.iter().filter(|host| !host.is_empty()).collect();
        if hosts.is_empty() {
            return None;
        }
        let mut command = Vec::with_capacity(self.command.len() + hosts.len());
        for word in &self.command {
            if word == OsStr::new(HOSTS) {
                command.extend(hosts.iter().map(|host| OsString::from(format!("--host={host}"))));
            } else {
                command.push(word.clone());
            }
        }
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn each_policy_has_its_hosts_and_its_command() {
        let text = "list restic snapshots ; forget restic forget {} --keep-last 1 ; \
                    forget-of kai,ziz restic forget {} ; prune restic prune ;";
        let steps = Steps::parse(&words(text)).unwrap();
        assert_eq!(steps.forget[0].hosts, [""; 0]);
        assert_eq!(steps.forget[1].hosts, ["kai", "ziz"]);
        let hosts = ["jak".to_owned(), "b, --host=c".to_owned()];
        let command = steps.forget[0].command(&hosts).unwrap();
        let expected = [
            "restic",
            "forget",
            "--host=jak",
            "--host=b, --host=c",
            "--keep-last",
            "1",
        ];
        assert_eq!(command, expected);
    }

    #[test]
    fn a_forget_without_hosts_is_never_run() {
        let steps = Steps::parse(&words("list a ; forget restic forget {} ; prune b")).unwrap();
        assert_eq!(steps.forget[0].command(&[]), None);
        assert_eq!(steps.forget[0].command(&[String::new()]), None);
    }

    #[test]
    fn steps_that_would_forget_too_much_are_refused() {
        for text in [
            "list a ; forget restic forget ; prune b",
            "list a ; forget restic forget {} {} ; prune b",
            "list a ; forget-of kai restic forget {} ; prune b",
            "list a ; forget restic forget {} ; forget restic forget {} ; prune b",
            "list a ; forget restic forget {}",
            "forget restic forget {} ; prune b",
            "list a ; forget restic forget {} ; prune b ; remove c",
        ] {
            assert!(Steps::parse(&words(text)).is_err(), "{text}");
        }
    }
}

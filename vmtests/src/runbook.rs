//! Follows the page that is emitted for the day when something is gone, command by command, as it is printed.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::fleet::RUN_LIMIT;
use crate::lab::Lab;
use crate::machine::Machine;
use crate::progress::timed;

/// Where it is on every host.
pub const PAGE: &str = "/etc/genbackup/RECOVERY.md";
/// Names all files of ours on a machine; the lab's own agent is none.
pub const OURS: &str = "find / -xdev -name '*genbackup*' ! -name '*vmtests*' ! -path '/proc/*'";
const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";
const COMMAND_LIMIT: Duration = RUN_LIMIT;

/// One section of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading, without backticks.
    pub title: String,
    /// Where a command runs, and the command: each line of its blocks, in order.
    pub steps: Vec<(Where, String)>,
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// On the host of that name.
    Host(String),
    /// On all hosts but the storage host.
    EachClient,
}

/// The sections of a page that have commands.
///
/// # Errors
/// When a command has no host, or a block no end.
pub fn sections(page: &str) -> anyhow::Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut place, mut is_block) = (None, false);
    for line in page.lines() {
        match line {
            "```bash" if !is_block => is_block = true,
            "```" if is_block => is_block = false,
            command if is_block => {
                let section = sections.last_mut().context("a command before all sections")?;
                let place: &Where = place.as_ref().with_context(|| format!("nowhere: {command}"))?;
                section.steps.push((place.clone(), command.to_owned()));
            }
            line if line.starts_with("```") => bail!("not a block of bash: {line}"),
            line if line.starts_with("## ") => {
                place = None;
                sections.push(Section {
                    title: line.trim_start_matches("## ").replace('`', ""),
                    steps: Vec::new(),
                });
            }
            line => place = place_of(line).or(place),
        }
    }
    ensure!(!is_block, "a block without an end");
    sections.retain(|section| !section.steps.is_empty());
    Ok(sections)
}

/// `On NAME, as root:`, which may have a word before it.
fn place_of(line: &str) -> Option<Where> {
    let place = line.strip_suffix(", as root:")?;
    match place.rsplit_once("n ")?.1 {
        "each client" | "client" => Some(Where::EachClient),
        name => Some(Where::Host(name.trim_matches('`').to_owned())),
    }
}

/// What a person brings along, and types.
#[derive(Debug)]
pub struct Person<'p> {
    /// The repository's password, from elsewhere.
    pub password: &'p str,
    /// The address of a web hook, likewise.
    pub address: &'p str,
}

impl Person<'_> {
    /// Follows the section of that heading: runs each command as it is printed, types what it asks for, and copies the
    /// fleet file where the text says so. What each command printed.
    ///
    /// # Errors
    /// When a command fails.
    pub fn follow(&self, lab: &Lab, page: &str, title: &str) -> anyhow::Result<Vec<String>> {
        let sections = sections(page)?;
        let section = sections.iter().find(|section| section.title == title);
        let section = section.with_context(|| format!("the page has no section `{title}`:\n{page}"))?;
        let mut printed: Vec<String> = Vec::new();
        // Those that have the fleet file of the storage host, as it is now.
        let mut have_file = BTreeSet::new();
        for (place, command) in &section.steps {
            let clients = [&lab.ziz, &lab.kai];
            let machines: Vec<&Machine> = match place {
                Where::EachClient => clients.to_vec(),
                Where::Host(name) => lab
                    .machines()
                    .into_iter()
                    .filter(|it| it.name() == name)
                    .collect(),
            };
            ensure!(!machines.is_empty(), "{place:?} is no machine of the lab");
            for machine in machines {
                if command.starts_with("genbackup emit")
                    && machine.name() != lab.jak.name()
                    && have_file.insert(machine.name())
                {
                    machine.write_file(FLEET_FILE, &lab.jak.read_file(FLEET_FILE)?, 0o644)?;
                }
                let typed = self.typed(command, printed.last());
                printed.push(timed(&format!("{}: {command}", machine.name()), || {
                    let output = machine.run_within(command, typed.as_bytes(), COMMAND_LIMIT)?;
                    ensure!(
                        output.status == 0,
                        "{}: `{command}` exits with {}\n{}\n{}",
                        machine.name(),
                        output.status,
                        output.text(),
                        output.error_text()
                    );
                    Ok(output.text())
                })?);
            }
        }
        Ok(printed)
    }

    /// What a command asks for.
    fn typed(&self, command: &str, before: Option<&String>) -> String {
        let asks_for_password = command.contains("'the password: '")
            || (command.starts_with("restic ") && !command.contains("--password-file"));
        if asks_for_password {
            format!("{}\n", self.password)
        } else if command.contains("read -rsp 'the address of ") {
            format!("{}\n", self.address)
        } else if command.starts_with("IFS= read -rp 'the host key of ") {
            format!("{}\n", before.map_or("", String::as_str))
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_where_the_line_above_its_block_says() {
        let page = "# A\n\n## `ziz` is lost\n\ntext\n\nOn `ziz`, as root:\n\n```bash\none\ntwo\n```\n\nThen, on `jak`, as \
                    root:\n\n```bash\nthree\n```\n\n## B\n\nOn each client, as root:\n\n```bash\nfour\n```\n\n## C\n";
        let host = |name: &str| Where::Host(name.to_owned());
        let step = |place: Where, command: &str| (place, command.to_owned());
        let found = sections(page).unwrap();
        assert_eq!(
            found,
            [
                Section {
                    title: "ziz is lost".to_owned(),
                    steps: vec![
                        step(host("ziz"), "one"),
                        step(host("ziz"), "two"),
                        step(host("jak"), "three"),
                    ],
                },
                Section {
                    title: "B".to_owned(),
                    steps: vec![step(Where::EachClient, "four")],
                },
            ]
        );
        assert!(sections("## A\n```bash\nx\n```\n").is_err(), "nowhere");
    }
}

//! Follows the emitted recovery page, command by command, as it is printed.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::agent::Output;
use crate::fleet::RUN_LIMIT;
use crate::lab::Lab;
use crate::machine::{Machine, described};
use crate::progress::timed;

/// Where it is on every host.
pub const PAGE: &str = "/etc/genbackup/RECOVERY.md";
/// Names all files of ours on a machine; the lab's own agent is none.
pub const OURS: &str = "find / -xdev -name '*genbackup*' ! -name '*vmtests*' ! -path '/proc/*'";
const COMMAND_LIMIT: Duration = RUN_LIMIT;

/// One section of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading, without backticks.
    pub title: String,
    /// The host that a command runs on, and the command: each line of its blocks, in order.
    pub steps: Vec<(String, String)>,
}

/// The sections of a page that have commands.
///
/// # Errors
/// When a command has no host, or a block no end.
pub fn sections(page: &str) -> anyhow::Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut host, mut is_block) = (None::<String>, false);
    for line in page.lines() {
        match line {
            "```bash" if !is_block => is_block = true,
            "```" if is_block => is_block = false,
            command if is_block => {
                let section = sections.last_mut().context("a command before all sections")?;
                let host = host.clone().with_context(|| format!("no host: {command}"))?;
                section.steps.push((host, command.to_owned()));
            }
            line if line.starts_with("```") => bail!("not a block of bash: {line}"),
            line if line.starts_with("## ") => {
                host = None;
                sections.push(Section {
                    title: line.trim_start_matches("## ").replace('`', ""),
                    steps: Vec::new(),
                });
            }
            line => host = host_of(line).or(host),
        }
    }
    ensure!(!is_block, "a block without an end");
    sections.retain(|section| !section.steps.is_empty());
    Ok(sections)
}

/// The host of the line `On NAME, as root:`, which may begin with other words.
fn host_of(line: &str) -> Option<String> {
    let (_, name) = line.strip_suffix(", as root:")?.rsplit_once("n ")?;
    Some(name.trim_matches('`').to_owned())
}

/// Runs a command as it is printed, with what a person types. Prints how long it took.
///
/// # Errors
/// When the command fails, or takes longer than a run may.
pub(crate) fn carry_out(machine: &Machine, command: &str, typed: &str) -> anyhow::Result<Output> {
    timed(&format!("{}: {command}", machine.name()), || {
        let output = machine.run_within(command, typed.as_bytes(), COMMAND_LIMIT)?;
        ensure!(
            output.status == 0,
            "{}: `{command}` failed: {}",
            machine.name(),
            described(&output)
        );
        Ok(output)
    })
}

/// What a person brings along, and types.
#[derive(Debug)]
pub struct Person<'p> {
    /// The repository's password, from elsewhere.
    pub password: &'p str,
    /// The address of a web hook, likewise.
    pub address: &'p str,
    /// The password of a copy of the repository, likewise.
    pub copy_password: &'p str,
}

impl Person<'_> {
    /// Follows the section of that heading: runs each command as root, as it is printed, and types what it asks for.
    /// Returns what each command printed.
    ///
    /// # Errors
    /// When a command fails.
    pub fn follow(&self, lab: &Lab, page: &str, title: &str) -> anyhow::Result<Vec<String>> {
        let sections = sections(page)?;
        let section = sections.iter().find(|section| section.title == title);
        let section = section.with_context(|| format!("the page has no section `{title}`:\n{page}"))?;
        let mut printed: Vec<String> = Vec::new();
        for (host, command) in &section.steps {
            let mut machines = lab.machines().into_iter();
            let machine = machines.find(|machine| machine.name() == host);
            let machine = machine.with_context(|| format!("{host} is no machine of the lab"))?;
            let typed = self.typed(command, printed.last());
            printed.push(carry_out(machine, command, &typed)?.text());
        }
        Ok(printed)
    }

    /// What a command asks for.
    fn typed(&self, command: &str, before: Option<&String>) -> String {
        let asks_for_password = command.contains("'the password: '")
            || command.contains("'the password of the repository: '")
            || (command.starts_with("restic ") && !command.contains("--password-file"));
        if asks_for_password {
            format!("{}\n", self.password)
        } else if command.contains("read -rsp 'the password of the copy ") {
            format!("{}\n", self.copy_password)
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
    fn the_line_above_a_block_decides_where_its_commands_run() {
        let page = "# A\n\n## `ziz` is lost\n\ntext\n\nOn `ziz`, as root:\n\n```bash\none\ntwo\n```\n\nThen, on `jak`, as \
                    root:\n\n```bash\nthree\n```\n\n## B\n\nOn `kai`, as root:\n\n```bash\nfour\n```\n\n## C\n";
        let step = |host: &str, command: &str| (host.to_owned(), command.to_owned());
        let found = sections(page).unwrap();
        assert_eq!(
            found,
            [
                Section {
                    title: "ziz is lost".to_owned(),
                    steps: vec![step("ziz", "one"), step("ziz", "two"), step("jak", "three")],
                },
                Section {
                    title: "B".to_owned(),
                    steps: vec![step("kai", "four")],
                },
            ]
        );
        assert!(sections("## A\n```bash\nx\n```\n").is_err(), "no host");
    }
}

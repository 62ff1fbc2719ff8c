//! RECOVERY.md: each command is one that bash reads, and its words are those of the fleet.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::config::resolve::resolve;
use genbackup::emit::emit;
use genbackup::emit::plan::HostPlan;
use genbackup::model::{Fleet, UnitPath};

use crate::command::run;

fn fleet(name: &str) -> Result<Fleet> {
    let path = format!("{}/fixtures/fleets/{name}/fleet.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path)?;
    resolve(genbackup::config::file::read(&path, &text)).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// The page of each host.
fn pages(fleet: &Fleet) -> Result<Vec<String>> {
    let page = |host| -> Result<String> {
        let plan = HostPlan::of(fleet, host).context("no plan")?;
        let mut artifacts = emit(&plan)?.into_iter();
        let page = artifacts.find(|artifact| artifact.path == "/etc/genbackup/RECOVERY.md");
        Ok(page.context("no page")?.content)
    };
    fleet.host_names().map(page).collect()
}

/// The lines of the blocks of bash; Markdown's own reader of them: a fence alone on its line.
fn commands(page: &str) -> Vec<&str> {
    let mut is_block = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        match line {
            "```bash" | "```" => is_block = !is_block,
            command if is_block => commands.push(command),
            _ => {}
        }
    }
    commands
}

/// The commands of a page, each with the host that they run on.
fn commands_on_hosts(page: &str) -> Result<Vec<(&str, &str)>> {
    let (mut host, mut is_block) = (None, false);
    let mut commands = Vec::new();
    for line in page.lines() {
        match line {
            "```bash" | "```" => is_block = !is_block,
            command if is_block => commands.push((host.context("a command without a host")?, command)),
            line => {
                let place = line.strip_suffix("`, as root:");
                let name = place.and_then(|place| place.rsplit_once('`'));
                host = name.map(|(_, name)| name).or(host);
            }
        }
    }
    Ok(commands)
}

#[test]
fn bash_reads_every_command_and_gives_back_the_words_of_the_fleet() -> Result<()> {
    for name in ["awkward-names", "every-option", "post", "smallest"] {
        let fleet = fleet(name)?;
        for page in pages(&fleet)? {
            ensure!(page.matches("```").count() % 2 == 0, "{page}");
            let commands = commands(&page);
            // Programs alone: their arguments are printed, and none is started.
            let mut script = String::from(
                "PATH=/nonexistent\nset -uf\nshow() { printf '%s\\0' \"$@\"; }\n\
                 for program in genbackup restic mount ls findmnt chown; do eval \"$program() { show \\\"\\$@\\\"; }\"; done\n",
            );
            for command in &commands {
                let checked = run(Command::new("bash").args(["--norc", "-n", "-c", command]))?;
                ensure!(
                    checked.status.success() && checked.stderr.is_empty(),
                    "{command}: {checked:?}"
                );
                let first = command.split(' ').next().unwrap_or_default();
                if ["genbackup", "restic", "mount", "ls", "findmnt", "chown"].contains(&first)
                    && !command.contains(" | ")
                    && !command.contains(" >")
                {
                    writeln!(script, "{command}")?;
                }
            }
            let outcome = run(Command::new("/usr/bin/setpriv")
                .args([
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    "/bin/bash",
                    "--norc",
                    "-c",
                ])
                .arg(&script))?;
            ensure!(
                outcome.status.success() && outcome.stderr.is_empty(),
                "{outcome:?}"
            );
            let words: Vec<&str> = outcome.stdout.split('\0').collect();
            let repository = &fleet.repository;
            let config = format!("{}/config", repository.path);
            let mut expected = vec![
                repository.path.as_str(),
                repository.password_file.as_str(),
                &config,
            ];
            expected.extend(repository.file_system.iter().map(UnitPath::as_str));
            let mounted = format!("{}:{}", fleet.storage.address.bracketed(), repository.path);
            if fleet.remote.is_some() {
                expected.push(&mounted);
            }
            for word in expected {
                ensure!(
                    words.contains(&word),
                    "{name}: bash does not give back {word}: {words:#?}"
                );
            }
        }
    }
    Ok(())
}

/// A block is pasted whole: what follows a question would be taken for the answer, and written down as the password.
#[test]
fn what_asks_for_something_is_the_last_of_its_block() -> Result<()> {
    for name in ["awkward-names", "every-option", "post", "smallest"] {
        let fleet = fleet(name)?;
        for page in pages(&fleet)? {
            let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
            let asks = |line: &&str| {
                line.contains("read -r")
                    || line.starts_with("ssh ")
                    || (line.starts_with("restic ") && !line.contains("--password-file "))
            };
            let asked = blocks
                .iter()
                .filter(|block| block.lines().any(|line| asks(&line)));
            ensure!(asked.clone().count() > 0, "{name}: nothing asks for anything");
            for block in asked {
                let first = block.lines().position(|line| asks(&line));
                ensure!(first == Some(block.lines().count() - 1), "{name}: {block}");
            }
        }
    }
    Ok(())
}

/// What its own backup brings back must not take the place of what was made since.
#[test]
fn a_storage_host_s_own_files_come_back_before_anything_is_made() -> Result<()> {
    for page in pages(&fleet("post")?)? {
        let section = page
            .split("\n## ")
            .find(|section| section.starts_with("`jak` is lost"));
        let section = section.context("no section")?;
        let places: Vec<_> = [
            "restic --repo",
            "tar --create",
            "read -rsp 'the password: '",
            "ssh-keygen -q",
            "genbackup emit --now\ngenbackup push\ngenbackup run",
        ]
        .iter()
        .map(|part| section.find(part))
        .collect();
        ensure!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{places:?}: {section}"
        );
    }
    Ok(())
}

#[test]
fn a_client_s_page_has_itself_and_the_storage_host_s_has_all() -> Result<()> {
    let fleet = fleet("every-option")?;
    let clients: Vec<_> = fleet
        .remote
        .iter()
        .flat_map(|remote| remote.clients.keys())
        .collect();
    let pages = pages(&fleet)?;
    ensure!(
        clients.len() > 1 && pages.len() == clients.len() + 1,
        "too few clients to compare"
    );
    for (number, page) in pages.iter().enumerate() {
        for (index, client) in clients.iter().enumerate() {
            let is_described = page.contains(&format!("## `{client}` is lost\n"));
            assert_eq!(
                is_described,
                number == 0 || number == index + 1,
                "{client} in page {number}"
            );
        }
        assert!(page.contains(&format!("## `{}` is lost\n", fleet.storage.name)));
    }
    Ok(())
}

/// Clients have no such command, and no fleet file.
#[test]
fn no_command_of_genbackup_runs_on_a_client() -> Result<()> {
    for name in ["every-option", "post"] {
        let fleet = fleet(name)?;
        let storage = fleet.storage.name.as_str();
        for page in pages(&fleet)? {
            let commands = commands_on_hosts(&page)?;
            let of_clients = commands.iter().filter(|(host, _)| *host != storage);
            ensure!(of_clients.clone().count() > 0, "{name}: nothing runs on a client");
            for (host, command) in of_clients {
                ensure!(!command.starts_with("genbackup "), "{name}: on {host}: {command}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_new_key_is_pushed_to_the_clients() -> Result<()> {
    let fleet = fleet("post")?;
    let page = pages(&fleet)?.into_iter().next().context("no page of jak")?;
    for (title, push) in [
        ("`ziz` is lost", "genbackup push ziz"),
        ("`jak` is lost", "genbackup push"),
        ("The ssh key is lost", "genbackup push"),
    ] {
        let section = page.split("\n## ").find(|section| section.starts_with(title));
        let section = section.with_context(|| format!("no section `{title}`"))?;
        let commands = format!("\ngenbackup emit --now\n{push}\n");
        ensure!(section.contains(&commands), "{section}");
    }
    Ok(())
}

/// A client that backs up `/etc` has no fleet file there.
#[test]
fn the_fleet_file_comes_from_the_storage_host() -> Result<()> {
    for (name, snapshot) in [("post", Some("--host jak ")), ("every-option", None)] {
        for page in pages(&fleet(name)?)? {
            let mut commands = commands(&page).into_iter();
            let dump = commands.find(|command| command.contains(" dump latest "));
            match snapshot {
                Some(host) => ensure!(dump.is_some_and(|dump| dump.contains(host)), "{name}: {dump:?}"),
                None => ensure!(dump.is_none(), "{name}: {dump:?}"),
            }
        }
    }
    Ok(())
}

//! `genbackup push`: brings the clients' files there over the administrator's own ssh, and makes them live.

mod table;

use std::collections::VecDeque;
use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use super::{load, terminal};
use crate::live::{Line, Transcript};
use crate::model::{Destination, Fleet, HostName};
use crate::plan::HostPlan;
use crate::problem::{did_you_mean, likely};
use crate::push::{Manner, Preview, Push, Pushed};
use crate::write::{Counts, Overwrite};
use table::Row;

/// How many clients are written to at once.
const AT_ONCE: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The clients to bring up to date; all of them without a name
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// Show how the files there would change, and change nothing; exit status 1 when one would
    #[arg(long)]
    diff: bool,
    /// List the files that would be written or removed, and change nothing
    #[arg(long, conflicts_with = "diff")]
    dry_run: bool,
    /// Overwrite files that were modified there, or that genbackup did not write
    #[arg(long)]
    force: bool,
    /// Remove what genbackup wrote, from a host that left the fleet: HOST is a destination of ssh, such as
    /// `root@old.example.net`
    #[arg(long, requires = "hosts")]
    remove: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.remove {
        let pushes = arguments.hosts.iter().map(|host| departing(host));
        return all(pushes.collect::<Result<_>>()?, arguments);
    }
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let hosts = hosts(&fleet, &arguments.hosts)?;
    let pushes = hosts.into_iter().map(|host| staying(&fleet, host));
    all(pushes.collect::<Result<_>>()?, arguments)
}

/// The clients of these names, or all of them.
fn hosts<'f>(fleet: &'f Fleet, names: &[String]) -> Result<Vec<&'f HostName>> {
    let clients = || fleet.remote.iter().flat_map(|remote| remote.clients.keys());
    if names.is_empty() {
        if clients().next().is_none() {
            bail!(
                "the fleet has no client\n\nhint: `genbackup emit --now` writes the files of the storage host, {}",
                fleet.storage.name
            );
        }
        return Ok(clients().collect());
    }
    let mut hosts = Vec::new();
    let mut refused = Vec::new();
    for name in names {
        match clients().find(|host| host.as_str() == name) {
            Some(host) if hosts.contains(&host) => {}
            Some(host) => hosts.push(host),
            None if fleet.storage.name.as_str() == name => refused.push(format!(
                "{name} is the storage host\n\nhint: on {name}, `genbackup emit --now`"
            )),
            None => {
                let known: Vec<&str> = clients().map(HostName::as_str).collect();
                let hint = match likely(name, known.iter().copied()) {
                    Some(name) => did_you_mean(name),
                    None => format!("its clients are {}", known.join(", ")),
                };
                refused.push(format!("no client of the fleet is named `{name}`\n\nhint: {hint}"));
            }
        }
    }
    if refused.is_empty() {
        Ok(hosts)
    } else {
        bail!("{}", refused.join("\n\nerror: "))
    }
}

/// A push to a client of the fleet.
fn staying<'f>(fleet: &'f Fleet, host: &'f HostName) -> Result<Job<'f>> {
    let plan = HostPlan::of(fleet, host).context("the fleet does not know its own host")?;
    let remote = fleet.remote.as_ref().and_then(|remote| remote.clients.get(host));
    let client = remote.context("the fleet does not know its own client")?;
    let push = Push {
        plan: Some(plan),
        destination: client.push_to.clone(),
        again: format!("genbackup push {host}"),
    };
    let name = host.to_string();
    Ok(Job { name, push })
}

/// A push that removes what is there.
fn departing(destination: &str) -> Result<Job<'static>> {
    let name = destination.to_owned();
    let destination = Destination::try_from(name.clone()).map_err(|refusal| anyhow!("{refusal}"))?;
    let push = Push {
        plan: None,
        destination,
        again: format!("genbackup push --remove {name}"),
    };
    Ok(Job { name, push })
}

struct Job<'f> {
    name: String,
    push: Push<'f>,
}

enum Done {
    Pushed(Result<Pushed>),
    Previewed(Result<Preview>),
}

/// Carries out all pushes, side by side, and reports each as it ends.
fn all(jobs: Vec<Job<'_>>, arguments: &Arguments) -> Result<ExitCode> {
    let manner = Manner {
        overwrite: if arguments.force { Overwrite::Always } else { Overwrite::Never },
        // Questions of several hosts at once would be mixed up.
        may_ask: jobs.len() == 1 && stdin().is_terminal(),
    };
    let number = jobs.len();
    let waiting = Mutex::new(VecDeque::from(jobs));
    let (sender, done) = channel();
    let mut rows = Vec::new();
    let mut is_good = true;
    thread::scope(|scope| {
        for _ in 0..number.min(AT_ONCE) {
            let sender = sender.clone();
            scope.spawn(|| work(&waiting, manner, arguments.diff || arguments.dry_run, sender));
        }
        drop(sender);
        for (name, outcome) in done {
            let (row, is_as_it_should_be) = match outcome {
                Done::Pushed(pushed) => show_pushed(&name, pushed)?,
                Done::Previewed(preview) => show_preview(&name, preview, arguments)?,
            };
            is_good &= is_as_it_should_be;
            rows.push(row);
        }
        Ok::<(), anyhow::Error>(())
    })?;
    rows.sort_by(|one, other| one.host.cmp(&other.host));
    if !arguments.diff {
        terminal::say(&table::of(&rows, arguments.dry_run))?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn work(waiting: &Mutex<VecDeque<Job<'_>>>, manner: Manner, only_look: bool, sender: Sender<(String, Done)>) {
    loop {
        let job = waiting.lock().ok().and_then(|mut jobs| jobs.pop_front());
        let Some(Job { name, push }) = job else { return };
        let done = if only_look {
            Done::Previewed(push.preview(manner))
        } else {
            Done::Pushed(push.carry_out(manner))
        };
        if sender.send((name, done)).is_err() {
            return;
        }
    }
}

fn show_pushed(name: &str, pushed: Result<Pushed>) -> Result<(Row, bool)> {
    Ok(match pushed {
        Ok(Pushed {
            counts,
            lines: Transcript(lines),
            is_live,
        }) => {
            for line in &lines {
                match line {
                    Line::Step(text) => terminal::say(&format!("{name}: {text}\n"))?,
                    Line::Complaint(text) => terminal::complain(format_args!("{name}: {text}")),
                }
            }
            let result = if is_live { "ok" } else { "failed" };
            (Row::new(name, result, Some(counts)), is_live)
        }
        Err(error) => {
            terminal::complain(format_args!("{name}: error: {error:#}"));
            (Row::new(name, "failed", None), false)
        }
    })
}

fn show_preview(name: &str, preview: Result<Preview>, arguments: &Arguments) -> Result<(Row, bool)> {
    Ok(match preview {
        Ok(Preview { changes, is_possible }) => {
            for note in &changes.notes {
                terminal::complain(format_args!("{name}: note: {note}"));
            }
            if arguments.diff {
                let diff = changes.diff();
                if !diff.is_empty() {
                    terminal::hand_over(format!("# {name}\n{diff}"))?;
                }
            } else {
                for (verb, path) in changes.listed() {
                    terminal::say(&format!("{name}: {verb} {}\n", path.display()))?;
                }
            }
            let (written, removed) = changes.counts();
            let would_change = changes.changes_files();
            let result = match (is_possible, would_change) {
                (false, _) => "would be refused",
                (true, true) => "would change",
                (true, false) => "up to date",
            };
            let row = Row::new(name, result, Some(Counts { written, removed }));
            (row, is_possible && !(arguments.diff && would_change))
        }
        Err(error) => {
            terminal::complain(format_args!("{name}: error: {error:#}"));
            (Row::new(name, "failed", None), false)
        }
    })
}

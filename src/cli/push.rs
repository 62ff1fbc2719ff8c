//! `genbackup push`: writes the files of clients over the administrator's ssh connection, and applies them.

mod jobs;
mod table;
mod words;

use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::load;
use super::terminal::{self, Steps};
use crate::apply::live::{Line, Transcript};
use crate::apply::push::{Manner, Preview, Push, Pushed};
use crate::apply::{Counts, Overwrite};
use crate::config::problem::{did_you_mean, likely};
use crate::emit::plan::HostPlan;
use crate::error::{describe, fail, hint, hinted};
use crate::model::{Destination, Fleet, HostName, Refusal};
use crate::system::nixos::System;
use jobs::side_by_side;
use table::Row;
use words::{complaint, printable};

/// The number of clients that are updated at the same time.
const AT_ONCE: usize = 16;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// Update only these clients; by default, all clients
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// Show how the files there would change, and change nothing; exit status: 1 if a file would change
    #[arg(long)]
    diff: bool,
    /// List the files that would be written or removed and the units that would be enabled, started, stopped or disabled,
    /// and change nothing
    #[arg(long, conflicts_with = "diff")]
    dry_run: bool,
    /// Overwrite files that were modified locally, or that genbackup did not write
    #[arg(long)]
    force: bool,
    /// Remove the files that genbackup wrote on a host that left the fleet; HOST is then a destination of ssh, such
    /// as `root@old.example.net`
    #[arg(long, requires = "hosts", conflicts_with = "force")]
    remove: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.remove {
        let mut destinations: Vec<&String> = Vec::new();
        for host in &arguments.hosts {
            if !destinations.contains(&host) {
                destinations.push(host);
            }
        }
        let pushes = destinations.into_iter().map(|host| departing(host));
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
            fail!(
                what("the fleet has no client"),
                hint(
                    "run {} on the storage host, {}",
                    System::here().apply(),
                    fleet.storage.name
                )
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
            None if fleet.storage.name.as_str() == name => refused.push(hinted!(
                what("{name} is the storage host"),
                hint("run {} on {name}", System::here().apply())
            )),
            None => {
                let known: Vec<&str> = clients().map(HostName::as_str).collect();
                let hint = match likely(name, known.iter().copied()) {
                    Some(name) => did_you_mean(name),
                    None if known.is_empty() => "the fleet has no client".to_owned(),
                    None => format!("name one of its clients: {}", known.join(", ")),
                };
                refused.push(hinted!(
                    what("no client of the fleet is named `{name}`"),
                    hint("{hint}")
                ));
            }
        }
    }
    if refused.is_empty() {
        Ok(hosts)
    } else {
        let refused: Vec<String> = refused.iter().map(describe).collect();
        bail!("{}", refused.join("\n\nerror: "))
    }
}

/// A push to a client of the fleet.
fn staying<'f>(fleet: &'f Fleet, host: &'f HostName) -> Result<Job<'f>> {
    let missing = "the fleet lacks its own host: this is a bug in genbackup";
    let plan = HostPlan::of(fleet, host).context(missing)?;
    let remote = fleet.remote.as_ref().and_then(|remote| remote.clients.get(host));
    let client = remote.context(missing)?;
    let push = Push {
        plan: Some(plan),
        destination: client.push_to.clone(),
        again: format!("genbackup push {host}"),
    };
    let name = host.to_string();
    Ok(Job { name, push })
}

/// A push that removes the files that genbackup wrote.
fn departing(destination: &str) -> Result<Job<'static>> {
    let name = destination.to_owned();
    let destination = Destination::try_from(name.clone()).map_err(Refusal::into_error)?;
    let push = Push {
        plan: None,
        destination,
        again: format!("genbackup push --remove {name}"),
    };
    Ok(Job { name, push })
}

/// A client, and the push to it.
struct Job<'f> {
    name: String,
    push: Push<'f>,
}

enum Done {
    Pushed(Result<Pushed>),
    Previewed(Result<Box<Preview>>),
}

/// Carries out all pushes in parallel, and reports them in their order.
fn all(jobs: Vec<Job<'_>>, arguments: &Arguments) -> Result<ExitCode> {
    let manner = Manner {
        overwrite: if arguments.force {
            Overwrite::Always
        } else {
            Overwrite::Never
        },
        // Questions of several hosts at once would be mixed up.
        may_ask: jobs.len() == 1 && stdin().is_terminal(),
    };
    let only_look = arguments.diff || arguments.dry_run;
    let carry_out = |Job { name, push }: Job<'_>| {
        let done = if only_look {
            Done::Previewed(push.preview(manner, arguments.dry_run).map(Box::new))
        } else {
            Done::Pushed(push.carry_out(manner))
        };
        (name, done)
    };
    // Lost output must not stop a push halfway.
    let mut steps = Steps::default();
    let mut rows = Vec::new();
    let mut is_good = true;
    side_by_side(jobs, AT_ONCE, carry_out, |(name, done)| {
        let (row, is_as_it_should_be) = match done {
            Done::Pushed(pushed) => show_pushed(&name, pushed, &mut steps),
            Done::Previewed(preview) => show_preview(&name, preview, arguments.diff, &mut steps),
        };
        is_good &= is_as_it_should_be;
        rows.push(row);
    });
    if !arguments.diff {
        steps.print(table::of(&rows, arguments.dry_run).trim_end());
    }
    steps.end()?;
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reports a push. Control characters in text from a client are escaped.
fn show_pushed(name: &str, pushed: Result<Pushed>, steps: &mut Steps) -> (Row, bool) {
    let Pushed {
        counts,
        lines: Transcript(lines),
        is_live,
    } = match pushed {
        Ok(pushed) => pushed,
        Err(error) => return failed(name, &error),
    };
    for line in &lines {
        match line {
            Line::Step(text) => steps.print(format_args!("{name}: {}", printable(text))),
            Line::Complaint(text) => terminal::complain(format_args!("{name}: {}", complaint(text, None))),
            Line::Failure { what, hint } => {
                let shown = complaint(what, hint.as_deref());
                terminal::complain(format_args!("{name}: error: {shown}"));
            }
        }
    }
    let result = if is_live { "ok" } else { "failed" };
    (Row::new(name, result, counts), is_live)
}

/// Reports what a push would do.
fn show_preview(name: &str, preview: Result<Box<Preview>>, is_diff: bool, steps: &mut Steps) -> (Row, bool) {
    let Preview {
        changes,
        units,
        refusal,
    } = match preview {
        Ok(preview) => *preview,
        Err(error) => return failed(name, &error),
    };
    for note in &changes.notes {
        terminal::complain(format_args!(
            "{name}: note: {}",
            complaint(&note.to_string(), None)
        ));
    }
    if let Some(refusal) = &refusal {
        let what = format!("{refusal:#}");
        let shown = if is_diff {
            // The differences are on standard output.
            complaint(what.split("\n\n").next().unwrap_or(&what), None)
        } else {
            complaint(&what, hint(refusal).as_deref())
        };
        terminal::complain(format_args!("{name}: error: {shown}"));
    }
    let would_change = changes.changes_files() || !units.is_empty();
    if is_diff {
        let diff = changes.diff();
        if !diff.is_empty() {
            let diff = diff.strip_suffix('\n').unwrap_or(&diff);
            steps.print(format_args!("# {name}\n{}", printable(diff)));
        }
    } else {
        for (verb, path) in changes.listed() {
            let path = path.display().to_string();
            steps.print(format_args!("{name}: {verb} {}", printable(&path)));
        }
        for (verb, unit) in &units {
            steps.print(format_args!("{name}: {verb} {}", printable(unit)));
        }
    }
    let (written, removed) = changes.counts();
    let result = match (&refusal, would_change) {
        (Some(_), _) => "would be refused",
        (None, true) => "would change",
        (None, false) => "up to date",
    };
    let row = Row::new(name, result, Some(Counts { written, removed }));
    (row, refusal.is_none() && !(is_diff && changes.changes_files()))
}

fn failed(name: &str, error: &anyhow::Error) -> (Row, bool) {
    let shown = complaint(&format!("{error:#}"), hint(error).as_deref());
    terminal::complain(format_args!("{name}: error: {shown}"));
    (Row::new(name, "failed", None), false)
}

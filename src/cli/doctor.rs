//! `genbackup doctor`: compares this host with the fleet file.

use std::path::Path;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::{Context, Result};
use clap::Args;

use super::records;
use super::{load, terminal};
use crate::doctor::{self, Finding, State};
use crate::emit::plan::HostPlan;
use crate::status::State as Health;
use crate::status::examine;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Check this machine as this host of the fleet; by default, as the host with its host name
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    records: records::Options,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let host = load::host(&fleet, arguments.host.as_deref())?;
    let plan =
        HostPlan::of(&fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
    let report = plan
        .coordinator
        .is_some()
        .then(|| examine(&fleet, &arguments.records.open()));
    let findings = doctor::examine(&fleet, &plan, report.as_ref())?;
    if arguments.json {
        terminal::hand_over(&(serde_json::to_string_pretty(&findings)? + "\n"))?;
    } else {
        terminal::print(&in_words(&findings))?;
        if !nix::unistd::geteuid().is_root() {
            terminal::complain("note: only root can check everything");
        }
    }
    let has_failed = findings.iter().any(|finding| finding.state == State::Failed);
    Ok(if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// As wide as a state and the two spaces after it.
const INDENT: &str = "         ";

/// One line for each check, the worst first, and a summary at the end.
fn in_words(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.state));
    for Finding {
        check,
        state,
        what,
        hint,
    } in sorted
    {
        let style = style(*state);
        let details = terminal::wrapped(&format!("{check}: {what}"), INDENT);
        let details = details.strip_prefix(INDENT).unwrap_or(&details);
        let line = format!("{style}{:7}{style:#}  {details}", state.name());
        text += &line;
        if let Some(hint) = hint {
            text += &terminal::wrapped(&format!("hint: {hint}"), INDENT);
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let states = [State::Failed, State::Warning, State::Unknown, State::Ok];
    let counts = states.map(|state| format!("{} {}", count(state), state.name()));
    text + "\n" + &counts.join(", ") + "\n"
}

fn style(state: State) -> Style {
    terminal::style(match state {
        State::Ok => Health::Ok,
        State::Unknown => Health::Never,
        State::Warning => Health::Warning,
        State::Failed => Health::Alert,
    })
}

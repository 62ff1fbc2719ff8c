//! `genbackup run`: starts a run, shows how far it has come, and exits with its result.

mod answer;
mod follow;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};

use anyhow::{Context, Result};
use clap::Args;
use nix::sys::signal::{SigSet, Signal as UnixSignal};

use super::records::Records;
use super::terminal;
use crate::bus::{Manager, Signal};
use follow::{Ending, Follower};
use view::View;

/// The unit of the hosts.
pub(super) const HOSTS: &str = "genbackup.service";
/// The unit of forget and prune, which systemd starts when the hosts are done.
pub(super) const MAINTAIN: &str = "genbackup-maintain.service";
/// Of a program that SIGINT ended, as a shell has it.
const DETACHED: u8 = 130;
const HOW_TO_STOP: &str =
    "`genbackup stop` stops it, `genbackup run` looks at it again, `genbackup status` says how it ended\n";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Start the run and wait for nothing
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    records: Records,
    /// The folder of the answers that hosts are giving
    #[arg(long, value_name = "DIR", hide = true, default_value = "/run/genbackup-run")]
    answers: PathBuf,
}

/// What a follower waits for.
#[derive(Debug)]
enum Event {
    /// systemd has something to say.
    Said(Signal),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (sender, events) = mpsc::channel();
    if !arguments.no_follow {
        catch_interrupts(sender.clone())?;
    }
    let manager = Manager::connect()?;
    // Before the start, so that not even the shortest run ends unseen.
    manager.watch(sender, Event::Said)?;
    let before = manager.state(HOSTS)?;
    let maintained = manager.state(MAINTAIN)?.invocation;
    let job = if before.is_at_rest() {
        let job = manager.start(HOSTS)?;
        terminal::say("a run has been started\n")?;
        Some(job)
    } else {
        terminal::say("a run is at work already; no other is started\n")?;
        before.job.clone()
    };
    if arguments.no_follow {
        terminal::say(HOW_TO_STOP)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view = View::new(&arguments.records, &arguments.answers);
    let ending = Follower::new(&manager, &events, view, job, before, maintained)
        .follow()
        .context("the run goes on, but can't be followed")?;
    match ending {
        Ending::Detached => {
            terminal::say(&format!("the run goes on: {HOW_TO_STOP}"))?;
            Ok(ExitCode::from(DETACHED))
        }
        Ending::Over { status, complaints } => {
            for complaint in complaints {
                eprintln!("error: {}", terminal::harmless(&complaint));
            }
            Ok(ExitCode::from(status))
        }
    }
}

/// Has Ctrl-C sent to `to` in the place of ending this program. To be called while there is one thread: those that it
/// starts inherit what is blocked.
fn catch_interrupts(to: Sender<Event>) -> Result<()> {
    let mut signals = SigSet::empty();
    signals.add(UnixSignal::SIGINT);
    signals.thread_block().context("can't keep Ctrl-C for later")?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            if to.send(Event::Interrupted).is_err() {
                break;
            }
        }
    });
    Ok(())
}

//! `genbackup run`: starts a run, shows its progress, and exits with its result.

mod bars;
mod display;
mod names;
mod summary;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::{Context, Result};
use clap::Args;
use nix::sys::signal::{SigSet, Signal as UnixSignal};

use super::{load, records, terminal};
use crate::model::HostName;
use crate::runs::copies::Copies;
use crate::runs::find::Finder;
use crate::runs::follow::{Ending, Event, Follower};
use crate::runs::request::Request;
use crate::runs::start::{Start, start};
use crate::system::bus::{Error, Interrupt, Manager};
use display::Display;

/// The exit status that a shell reports for a program that SIGINT ended.
const DETACHED: u8 = 130;
const HOW_TO_STOP: &str =
    "`genbackup stop` stops it, `genbackup run` follows it again, `genbackup status` shows its result\n";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Back up only these hosts; by default, all hosts without their own schedule
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// Start the run, and do not wait for it
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    records: records::Options,
    /// Read the current answers of hosts from directories below this one
    #[arg(long, value_name = "DIR", hide = true, default_value = "/run")]
    answers: PathBuf,
}

/// The state of the run, for a user who stops following it.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// No run was requested.
    Nothing,
    /// systemd was asked to start a run, and has not answered.
    Asked,
    /// A run is in progress.
    AtWork,
}

impl Progress {
    fn words(self) -> String {
        match self {
            Self::Nothing => "no run was started\n".to_owned(),
            Self::Asked => {
                "systemd has not answered, so a run may start: `genbackup run` follows it, `genbackup stop` stops it\n"
                    .to_owned()
            }
            Self::AtWork => format!("the run continues: {HOW_TO_STOP}"),
        }
    }
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(request) = request(file, &arguments.hosts)? else {
        return Ok(ExitCode::FAILURE);
    };
    let interrupt = Interrupt::default();
    let (sender, events) = mpsc::channel();
    if !arguments.no_follow {
        catch_interrupts(sender.clone(), interrupt.clone())?;
    }
    let mut progress = Progress::Nothing;
    let connected = Manager::connect_until(&interrupt).map_err(anyhow::Error::new);
    let ending = connected.and_then(|manager| {
        // Before the start, so that even the shortest run is seen.
        manager.watch(sender, Event::Signal)?;
        let start = start(&manager, &request, || progress = Progress::Asked)?;
        terminal::print(&format!("{}\n", start.what))?;
        progress = Progress::AtWork;
        if arguments.no_follow {
            terminal::print(HOW_TO_STOP)?;
            return Ok(None);
        }
        follow(&manager, &events, &request, start, file, arguments).map(Some)
    });
    match ending {
        Ok(None) => Ok(ExitCode::SUCCESS),
        Ok(Some(Ending::Detached)) => detached(progress),
        Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted)) => detached(progress),
        Ok(Some(Ending::Over { status, complaints })) => {
            for complaint in complaints {
                terminal::complain(format_args!("error: {}", terminal::harmless(&complaint)));
            }
            Ok(ExitCode::from(status))
        }
        Err(error) => Err(error),
    }
}

fn detached(progress: Progress) -> Result<ExitCode> {
    terminal::print(&progress.words())?;
    Ok(ExitCode::from(DETACHED))
}

/// The requested run; `None` if the fleet file has problems, which are shown.
fn request(file: &Path, hosts: &[String]) -> Result<Option<Request>> {
    if hosts.is_empty() {
        print_hosts_not_in_run(file)?;
        return Ok(Some(Request::of_all()));
    }
    let fleet = load::load_or_show(file)?;
    fleet.map(|fleet| Request::of_hosts(&fleet, hosts)).transpose()
}

fn follow(
    manager: &Manager,
    events: &Receiver<Event>,
    request: &Request,
    start: Start,
    file: &Path,
    arguments: &Arguments,
) -> Result<Ending> {
    // A fleet file that cannot be read or has problems names no copies.
    let copies = match load::load(file) {
        Ok(Ok(fleet)) => Copies::of(fleet, manager),
        _ => Copies::default(),
    };
    let records = arguments.records.open();
    let answers = arguments.answers.join(&request.answers);
    let view = Display::new(Finder::new(&records, &request.hosts), &answers);
    Follower::new(manager, &request.unit, events, view, start, copies)
        .follow()
        .context("the run continues, but cannot be followed")
}

/// Prints which hosts are not in the run because they have their own schedule. Ignores a fleet file that cannot be read
/// or has problems: the run uses the files that were emitted earlier.
fn print_hosts_not_in_run(fleet: &Path) -> Result<()> {
    let Ok(Ok(fleet)) = load::load(fleet) else {
        return Ok(());
    };
    let own: Vec<&HostName> = fleet.with_own_schedule().map(|(host, _)| host).collect();
    let own = names(&own);
    let what = match own[..] {
        [] => return Ok(()),
        [_] => "has its own schedule, and is",
        _ => "have their own schedules, and are",
    };
    terminal::print(&format!(
        "{} {what} not in this run; to back up now, run `genbackup run {}`\n",
        own.join(", "),
        own.join(" ")
    ))
}

fn names<'h>(hosts: &[&'h HostName]) -> Vec<&'h str> {
    hosts.iter().map(|host| host.as_str()).collect()
}

/// Sends an event on Ctrl-C instead of ending this program, and interrupts waits for the bus. Call this while there is
/// only one thread: later threads inherit the blocked signal.
fn catch_interrupts(to: Sender<Event>, interrupt: Interrupt) -> Result<()> {
    let mut signals = SigSet::empty();
    signals.add(UnixSignal::SIGINT);
    signals.thread_block().context("cannot block SIGINT")?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            interrupt.now();
            if to.send(Event::Interrupted).is_err() {
                break;
            }
        }
    });
    Ok(())
}

//! `genbackup run`: starts a run, shows its progress, and exits with its result.

mod answer;
mod bars;
mod copies;
mod find;
mod follow;
mod names;
mod summary;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use nix::sys::signal::{SigSet, Signal as UnixSignal};

use super::records::Records;
use super::{load, terminal};
use crate::model::{Fleet, HostName};
use crate::system::bus::{Error, Interrupt, JobKind, Manager, Signal};
use copies::Copies;
use find::Finder;
use follow::{End, Ending, Follower, Start};
use view::View;

/// The unit that backs up the hosts.
pub(super) const HOSTS: &str = "genbackup.service";
/// The units that back up named hosts, as in glob(7).
pub(super) const CHOSEN: &str = "genbackup-run@*.service";
/// The unit of forget and prune, which systemd starts after the hosts.
pub(super) const MAINTAIN: &str = "genbackup-maintain.service";
/// The exit status that a shell reports for a program that SIGINT ended.
const DETACHED: u8 = 130;
/// The maximum length of a unit's name (systemd.unit(5)), less the prefix `genbackup-notify@` of the unit for its
/// failures.
const LONGEST_NAME: usize = 255 - "genbackup-notify@".len();
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
    records: Records,
    /// Read the current answers of hosts from directories below this one
    #[arg(long, value_name = "DIR", hide = true, default_value = "/run")]
    answers: PathBuf,
}

/// An event for a follower.
#[derive(Debug)]
enum Event {
    /// A signal of systemd.
    Said(Signal),
    /// Ctrl-C.
    Interrupted,
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

pub(super) fn run(fleet: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(asked) = Asked::of(fleet, &arguments.hosts)? else {
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
        manager.watch(sender, Event::Said)?;
        start_and_follow(&manager, &events, &asked, fleet, arguments, &mut progress)
    });
    match ending {
        Ok(Ending::Left) => Ok(ExitCode::SUCCESS),
        Ok(Ending::Detached) => detached(progress),
        Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted)) => detached(progress),
        Ok(Ending::Over { status, complaints }) => {
            for complaint in complaints {
                terminal::complain(format_args!("error: {}", terminal::harmless(&complaint)));
            }
            Ok(ExitCode::from(status))
        }
        Err(error) => Err(error),
    }
}

fn detached(progress: Progress) -> Result<ExitCode> {
    terminal::say(&progress.words())?;
    Ok(ExitCode::from(DETACHED))
}

fn start_and_follow(
    manager: &Manager,
    events: &Receiver<Event>,
    Asked { hosts, unit, answers }: &Asked,
    fleet: &Path,
    arguments: &Arguments,
    progress: &mut Progress,
) -> Result<Ending> {
    let before = manager.state(unit)?;
    let maintained = manager.state(MAINTAIN)?.invocation;
    let (job, end) = if before.is_at_rest() {
        *progress = Progress::Asked;
        let job = manager.start(unit).map_err(|error| match error {
            Error::Away => anyhow!("it is unknown whether a run was started: {error}"),
            error => error.into(),
        })?;
        terminal::say("a run was started\n")?;
        (Some(job), End::OfItself)
    } else {
        let kind = before.job.as_ref().map(|job| manager.kind_of(job));
        let (job, end, how) = match (kind.transpose()?.flatten(), before.is_ending) {
            // The result of a stop job is not the result of the run.
            (Some(JobKind::Stop), _) => (None, End::Stopped, "is being stopped"),
            (_, true) => (None, End::OfItself, "is just ending"),
            (Some(JobKind::Start), false) => (before.job.clone(), End::OfItself, "is already in progress"),
            (Some(JobKind::Other) | None, false) => (None, End::OfItself, "is already in progress"),
        };
        terminal::say(&format!("a run {how}; no other run is started\n"))?;
        (job, end)
    };
    *progress = Progress::AtWork;
    if arguments.no_follow {
        terminal::say(HOW_TO_STOP)?;
        return Ok(Ending::Left);
    }
    let start = Start {
        job,
        end,
        before,
        maintained,
        copies: Copies::of(fleet, manager),
    };
    let answers = arguments.answers.join(answers);
    let view = View::new(Finder::new(&arguments.records, hosts), &answers);
    Follower::new(manager, unit, events, view, start)
        .follow()
        .context("the run continues, but cannot be followed")
}

/// The requested run.
struct Asked {
    /// The hosts. Empty means all hosts.
    hosts: Vec<String>,
    /// The unit that backs them up.
    unit: String,
    /// The name of its directory in `/run`.
    answers: String,
}

impl Asked {
    /// The run of these hosts, or of all hosts; `None` if the fleet file has problems, which are shown.
    ///
    /// # Errors
    /// When a host is not backed up, or there are too many hosts for the name of a unit.
    fn of(fleet: &Path, hosts: &[String]) -> Result<Option<Self>> {
        if hosts.is_empty() {
            say_who_is_left_out(fleet)?;
            return Ok(Some(Self {
                hosts: Vec::new(),
                unit: HOSTS.to_owned(),
                answers: "genbackup-run".to_owned(),
            }));
        }
        let Some(fleet) = load::load_or_show(fleet)? else {
            return Ok(None);
        };
        let known: Vec<&HostName> = fleet.backed_up().collect();
        let is_unknown = |host: &&String| !known.iter().any(|name| name.as_str() == *host);
        let unknown: Vec<String> = hosts
            .iter()
            .filter(is_unknown)
            .map(|host| format!("`{}`", terminal::harmless(host)))
            .collect();
        if !unknown.is_empty() {
            bail!(
                "no host that is backed up is named {}\n\nhint: name hosts that are backed up: {}",
                unknown.join(" or "),
                names(&known).join(", ")
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
            bail!(
                "too many hosts for one run: the name of their unit can have {LONGEST_NAME} bytes\n\nhint: back them up in two runs, or run `genbackup run` for all hosts"
            );
        }
        Ok(Some(Self {
            hosts: chosen.iter().map(ToString::to_string).collect(),
            unit,
            answers: format!("genbackup-run-{instance}"),
        }))
    }
}

/// Prints which hosts are not in the run because they have their own schedule. Ignores a fleet file that cannot be read
/// or has problems: the run uses the files that were emitted earlier.
fn say_who_is_left_out(fleet: &Path) -> Result<()> {
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
    terminal::say(&format!(
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

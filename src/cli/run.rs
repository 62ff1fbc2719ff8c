//! `genbackup run`: starts a run, shows how far it has come, and exits with its result.

mod answer;
mod bars;
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
use crate::bus::{Error, Interrupt, JobKind, Manager, Signal};
use crate::model::{Fleet, HostName};
use find::Finder;
use follow::{End, Ending, Follower, Start};
use view::View;

/// The unit of the hosts.
pub(super) const HOSTS: &str = "genbackup.service";
/// Units of hosts that somebody chose, as in glob(7).
pub(super) const CHOSEN: &str = "genbackup-run@*.service";
/// The unit of forget and prune, which systemd starts when the hosts are done.
pub(super) const MAINTAIN: &str = "genbackup-maintain.service";
/// Of a program that SIGINT ended, as a shell has it.
const DETACHED: u8 = 130;
/// Of a unit's name (systemd.unit(5)), with room for `genbackup-notify@` before it, which tells that it failed.
const LONGEST_NAME: usize = 255 - "genbackup-notify@".len();
const HOW_TO_STOP: &str =
    "`genbackup stop` stops it, `genbackup run` looks at it again, `genbackup status` says how it ended\n";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Back up these hosts alone; by default, all that have no schedule of their own
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// Start the run and wait for nothing
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    records: Records,
    /// The folder of the folders of the answers that hosts are giving
    #[arg(long, value_name = "DIR", hide = true, default_value = "/run")]
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

/// How far it has come, for who wants to see no more.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// systemd knows of nothing.
    Nothing,
    /// systemd has been asked to start a run, and has not answered.
    Asked,
    /// A run is at work.
    AtWork,
}

impl Progress {
    fn words(self) -> String {
        match self {
            Self::Nothing => "no run has been asked for\n".to_owned(),
            Self::Asked => {
                "systemd has not answered, so a run may begin or not: `genbackup run` follows it, `genbackup stop` stops it\n"
                    .to_owned()
            }
            Self::AtWork => format!("the run goes on: {HOW_TO_STOP}"),
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
        // Before the start, so that not even the shortest run ends unseen.
        manager.watch(sender, Event::Said)?;
        start_and_follow(&manager, &events, &asked, arguments, &mut progress)
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
    arguments: &Arguments,
    progress: &mut Progress,
) -> Result<Ending> {
    let before = manager.state(unit)?;
    let maintained = manager.state(MAINTAIN)?.invocation;
    let (job, end) = if before.is_at_rest() {
        *progress = Progress::Asked;
        let job = manager.start(unit).map_err(|error| match error {
            Error::Away => anyhow!("whether a run has been started is not known: {error}"),
            error => error.into(),
        })?;
        terminal::say("a run has been started\n")?;
        (Some(job), End::OfItself)
    } else {
        let kind = before.job.as_ref().map(|job| manager.kind_of(job));
        let (job, end, how) = match (kind.transpose()?.flatten(), before.is_ending) {
            // Its end is no word for how the run ended.
            (Some(JobKind::Stop), _) => (None, End::Stopped, "is being stopped"),
            (_, true) => (None, End::OfItself, "is ending just now"),
            (Some(JobKind::Start), false) => (before.job.clone(), End::OfItself, "is at work already"),
            (Some(JobKind::Other) | None, false) => (None, End::OfItself, "is at work already"),
        };
        terminal::say(&format!("a run {how}; no other is started\n"))?;
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
    };
    let answers = arguments.answers.join(answers);
    let view = View::new(Finder::new(&arguments.records, hosts), &answers);
    Follower::new(manager, unit, events, view, start)
        .follow()
        .context("the run goes on, but can't be followed")
}

/// What somebody wants to be backed up.
struct Asked {
    /// These hosts; none where it is all of them.
    hosts: Vec<String>,
    /// The unit that does it.
    unit: String,
    /// The name of its folder in `/run`.
    answers: String,
}

impl Asked {
    /// Those hosts, or all; none where the fleet file has problems, which are shown.
    ///
    /// # Errors
    /// When one of them is not backed up, or they are too many for the name of a unit.
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
                "no host that is backed up is named {}\n\nhint: these are: {}",
                unknown.join(" or "),
                names(&known).join(", ")
            );
        }
        // The same unit for the same hosts, in whatever order they are named.
        let chosen: Vec<&HostName> = known
            .into_iter()
            .filter(|name| hosts.iter().any(|host| host == name.as_str()))
            .collect();
        let instance = names(&chosen).join("_");
        let unit = format!("{}.service", Fleet::run_of_those(&chosen));
        if unit.len() > LONGEST_NAME {
            bail!(
                "these are too many hosts for one run: systemd leaves {LONGEST_NAME} bytes for the name of their unit\n\nhint: back them up in two runs, or all of the fleet"
            );
        }
        Ok(Some(Self {
            hosts: chosen.iter().map(ToString::to_string).collect(),
            unit,
            answers: format!("genbackup-run-{instance}"),
        }))
    }
}

/// The hosts that the fleet's run leaves to runs of their own. Nothing is said of a fleet file that can't be read, or has
/// problems: what runs is what was emitted from it when it had none.
fn say_who_is_left_out(fleet: &Path) -> Result<()> {
    let Ok(Ok(fleet)) = load::load(fleet) else {
        return Ok(());
    };
    let own: Vec<&HostName> = fleet.with_own_schedule().map(|(host, _)| host).collect();
    let own = names(&own);
    let what = match own[..] {
        [] => return Ok(()),
        [_] => "has a schedule of its own, and is",
        _ => "have schedules of their own, and are",
    };
    terminal::say(&format!(
        "{} {what} not in this run; to back up now: `genbackup run {}`\n",
        own.join(", "),
        own.join(" ")
    ))
}

fn names<'h>(hosts: &[&'h HostName]) -> Vec<&'h str> {
    hosts.iter().map(|host| host.as_str()).collect()
}

/// Has Ctrl-C sent to `to` in the place of ending this program, and ends what waits for the bus. To be called while there
/// is one thread: those that it starts inherit what is blocked.
fn catch_interrupts(to: Sender<Event>, interrupt: Interrupt) -> Result<()> {
    let mut signals = SigSet::empty();
    signals.add(UnixSignal::SIGINT);
    signals.thread_block().context("can't keep Ctrl-C for later")?;
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

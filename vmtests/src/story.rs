//! Runs stories: a lab is booted once, and each story starts from the same snapshot of it.
//!
//! Most stories run in containers, at the same time, in two labs for each processor. Stories that need a
//! separate kernel or clock run in virtual machines, after the last story in containers: programs in an
//! emulated machine would time out while others run.

mod journals;
mod needs;
mod options;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

pub use journals::{complaints, no_complaints};
pub use needs::Needs;

use self::options::Options;
use crate::collect::leave_behind;
use crate::container::NFS_IS_REAL;
use crate::lab::{FRESH, Kind, Lab};
use crate::progress::{seconds, timed};

/// The snapshot that each story starts from.
const INSTALLED: &str = "installed";
/// Labs of virtual machines at once. A third one makes all of them slower than the stories' deadlines expect.
const VIRTUAL_LABS: usize = 2;
/// A second lab has a cost: one lab runs fewer stories than this in less time than two.
const STORIES_FOR_A_SECOND_LAB: usize = 4;

/// One story: a fact about the fleet that is tried out on the lab.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The fact, which is also the name of the story's module or file.
    pub name: &'static str,
    /// Where it can run.
    pub needs: Needs,
    /// Runs it. An error or a panic means that the fact does not hold.
    pub run: fn(&Lab) -> anyhow::Result<()>,
}

/// A list of [`Story`] from their names, those of modules with a function `story`. What the story needs
/// follows its name: nothing, `needs "its own clock"` of a separate kernel, `in both` labs, or `in
/// containers` alone.
#[macro_export]
macro_rules! stories {
    (@needs) => { $crate::story::Needs::Nothing };
    (@needs needs $what:literal) => { $crate::story::Needs::Kernel($what) };
    (@needs in both) => { $crate::story::Needs::Both };
    (@needs in containers) => { $crate::story::Needs::Containers };
    ($($name:ident $(needs $what:literal)? $(in $labs:ident)?),* $(,)?) => {
        [$($crate::story::Story {
            name: stringify!($name),
            needs: $crate::stories!(@needs $(needs $what)? $(in $labs)?),
            run: $name::story,
        }),*]
    };
}

/// Runs the stories that the arguments of the command line ask for (those of cargo's own tests, and `--lab`),
/// after `install` has put genbackup onto the machines. Prints the seconds of each step and story, and at the
/// end all of them.
pub fn run(stories: &[Story], install: fn(&Lab) -> anyhow::Result<()>) -> ExitCode {
    let Options { arguments, lab } = match Options::of_command_line() {
        Ok(options) => options,
        Err(error) => return error_exit(&error),
    };
    let times = Arc::new(Mutex::default());
    let run_all = |kind: Kind| {
        let in_lab = |story: &&Story| match story.needs.labs(lab) {
            Ok(labs) => labs.contains(&kind),
            // Named in the lab in which they would have run.
            Err(_) => lab == Some(kind),
        };
        let stories: Vec<Story> = stories.iter().filter(in_lab).copied().collect();
        run_in(kind, &stories, lab, &arguments, install, &times)
    };
    let conclusions = [Kind::Container, Kind::Virtual].map(|kind| (kind, run_all(kind)));
    let mut exit = ExitCode::SUCCESS;
    let mut ran = 0;
    for (kind, conclusion) in conclusions {
        match conclusion {
            Ok(None) => {}
            Ok(Some(conclusion)) => {
                ran += conclusion.num_passed + conclusion.num_failed;
                if conclusion.has_failed() {
                    exit = ExitCode::from(101);
                }
            }
            Err(error) => exit = error_exit(&error.context(format!("the lab is not ready: {}", kind.name()))),
        }
    }
    if arguments.list {
        return exit;
    }
    println!("{}", table(&lock(&times)));
    if ran == 0 && exit == ExitCode::SUCCESS {
        return error_exit(&anyhow::anyhow!(
            "no story ran\n\nhint: `-- --list` has their names"
        ));
    }
    exit
}

fn error_exit(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// The seconds of each story, by its name and the lab in which it ran.
type Times = BTreeMap<(&'static str, &'static str), Duration>;

/// Runs the stories of one kind of lab; none if the arguments ask for none of them.
fn run_in(
    kind: Kind,
    stories: &[Story],
    asked: Option<Kind>,
    arguments: &Arguments,
    install: fn(&Lab) -> anyhow::Result<()>,
    times: &Arc<Mutex<Times>>,
) -> anyhow::Result<Option<Conclusion>> {
    let refusal = |story: &Story| story.needs.labs(asked).err();
    let wanted = stories
        .iter()
        .filter(|story| options::is_wanted(story.name, arguments));
    let (refused, wanted): (Vec<&Story>, Vec<&Story>) = wanted.partition(|story| refusal(story).is_some());
    if wanted.is_empty() && refused.is_empty() {
        return Ok(None);
    }
    let number = if arguments.list {
        0
    } else {
        labs_for(kind, wanted.len())
    };
    if number > 0 && kind == Kind::Container && !*NFS_IS_REAL {
        println!(
            "this machine's kernel has no NFS: a bind mount of one directory stands in for it in containers"
        );
    }
    // The machines end with the thread that started them: that is this one, which waits for the last story.
    let labs = ready(kind, number, install)?;
    let labs = Arc::new(Mutex::new(labs));
    let trials = stories.iter().map(|&story| {
        if let Some(reason) = refusal(&story) {
            return Trial::test(format!("{} ({reason})", story.name), || Ok(())).with_ignored_flag(true);
        }
        let (labs, times) = (Arc::clone(&labs), Arc::clone(times));
        let trial = Trial::test(story.name, move || {
            // As many stories run at once as there are labs, so one is free.
            let lab = lock(&labs).pop().ok_or_else(|| Failed::from("there is no lab"))?;
            let started = Instant::now();
            let result = run_one(story, &lab);
            lock(&times).insert((story.name, kind.name()), started.elapsed());
            lock(&labs).push(lab);
            result.map_err(Failed::from)
        });
        match kind {
            Kind::Container => trial,
            Kind::Virtual => trial.with_kind(kind.name()),
        }
    });
    let arguments = Arguments {
        test_threads: Some(number.max(1)),
        ..arguments.clone()
    };
    Ok(Some(libtest_mimic::run(&arguments, trials.collect())))
}

/// The number of labs for this number of stories.
fn labs_for(kind: Kind, stories: usize) -> usize {
    let most = match kind {
        // While one machine of a lab works, the others wait for it.
        Kind::Container => 2 * thread::available_parallelism().map_or(1, usize::from),
        Kind::Virtual if stories < STORIES_FOR_A_SECOND_LAB => 1,
        Kind::Virtual => VIRTUAL_LABS,
    };
    let memory_of_a_lab: u64 = match kind {
        Kind::Container => 1 << 30,
        Kind::Virtual => 5 << 30,
    };
    let memory = available_memory().unwrap_or(memory_of_a_lab);
    let labs = usize::try_from(memory / memory_of_a_lab).unwrap_or(most);
    labs.clamp(1, most).min(stories)
}

/// Bytes of memory that can be had, `MemAvailable` of proc(5).
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// This number of labs, installed. The first is booted; the others are copies of it, for a fraction of the
/// time.
fn ready(kind: Kind, number: usize, install: fn(&Lab) -> anyhow::Result<()>) -> anyhow::Result<Vec<Lab>> {
    let Some(others) = number.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let lab = Lab::boot(kind)?;
    lab.snapshot(FRESH)?;
    if let Err(error) = timed("install", || install(&lab)) {
        return Err(error.context(leave_behind(&lab.machines(), "install")));
    }
    lab.snapshot(INSTALLED)?;
    let mut labs = vec![lab];
    for _ in 0..others {
        let twin = labs[0].twin(INSTALLED)?;
        labs.push(twin);
    }
    Ok(labs)
}

fn run_one(story: Story, lab: &Lab) -> Result<(), String> {
    // The test's name stands on a separate line.
    println!();
    let started = Instant::now();
    lab.restore(INSTALLED)
        .map_err(|error| error.context(leave_behind(&lab.machines(), story.name)))
        .map_err(failed)?;
    let restored = started.elapsed();
    let result = catch_unwind(AssertUnwindSafe(|| (story.run)(lab))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(anyhow::anyhow!(
            text.unwrap_or_else(|| "a panic without a text".to_owned())
        ))
    });
    let result = result.and_then(|()| no_complaints(&lab.machines()));
    println!(
        "{}: {}, of it {} to restore the lab",
        story.name,
        seconds(started.elapsed()),
        seconds(restored)
    );
    result.map_err(|error| {
        let error = failed(error.context(leave_behind(&lab.machines(), story.name)));
        // Now, and not only at the end, which a run that takes too long does not see.
        println!("{}: {error}", story.name);
        error
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: anyhow::Error) -> String {
    format!("{error:#}")
}

/// The stories with their seconds, the longest first.
fn table(times: &Times) -> String {
    let mut rows: Vec<_> = times.iter().collect();
    rows.sort_by_key(|(_, time)| std::cmp::Reverse(**time));
    let lines = rows
        .iter()
        .map(|((name, lab), time)| format!("{:>9}  {lab:<9}  {name}", seconds(**time)));
    lines.collect::<Vec<_>>().join("\n")
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

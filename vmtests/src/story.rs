//! Telling stories: a lab is booted once, and each story starts from the same snapshot of it.
//!
//! Most of a story's time is waiting: one machine works while two look on. So two labs tell stories side by side where
//! there is memory for them, which takes two thirds of the time that one takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::collect::{collect, folder_for};
use crate::lab::{FRESH, Lab};
use crate::limit::Limit;
use crate::progress::{seconds, timed};
use crate::second_chance::SecondChances;

/// The snapshot that each story starts from.
const INSTALLED: &str = "installed";
/// Labs at once. A third one makes all of them slower than the stories' deadlines expect.
const LABS: usize = 2;
/// A second lab has a cost: fewer stories are told sooner by one.
const STORIES_FOR_A_SECOND_LAB: usize = 4;
/// Stories that may fail and be told once more, where all are told: not where a few are tried out.
const TOLD_ONCE_MORE: usize = 2;
/// Memory that the machines of one lab and what runs beside them may take.
const MEMORY_OF_A_LAB: u64 = 5 << 30;

/// One story: a fact about the fleet that is tried out on the lab.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The fact, which is also the name of the story's module or file.
    pub name: &'static str,
    /// Tells it. An error or a panic means that the fact does not hold.
    pub tell: fn(&Lab) -> anyhow::Result<()>,
}

/// A list of [`Story`] from their names: of modules, each of which has a function `story`, and of files in
/// `vmtests/steps`, which have `from steps` behind their names.
#[macro_export]
macro_rules! stories {
    (@tell $name:ident) => { $name::story };
    (@tell $name:ident steps) => { |lab| $crate::steps::story(lab, stringify!($name)) };
    ($($name:ident $(from $source:ident)?),* $(,)?) => {
        [$($crate::story::Story { name: stringify!($name), tell: $crate::stories!(@tell $name $($source)?) }),*]
    };
}

/// Tells the stories that the arguments of the command line ask for (those of cargo's own tests), after `install` has
/// put genbackup onto the machines. Prints the seconds of each step and story, and cargo's summary as the last line.
pub fn tell(stories: &[Story], install: fn(&Lab) -> anyhow::Result<()>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let limit = match Limit::of_environment() {
        Ok(limit) => Arc::new(limit),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let wanted = stories
        .iter()
        .filter(|story| is_wanted(story, &arguments))
        .count();
    let number = if arguments.list || limit.is_over() {
        0
    } else {
        labs_for(wanted)
    };
    arguments.test_threads = Some(number.max(1));
    // QEMU ends with the thread that started it: that is this one, which waits for the last story.
    let labs = match ready(number, install) {
        Ok(labs) => Arc::new(Mutex::new(labs)),
        Err(error) => {
            eprintln!("error: the lab is not ready: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let all = wanted == stories.len();
    let chances = if all { TOLD_ONCE_MORE } else { 0 };
    let chances = Arc::new(SecondChances::of(chances, Arc::clone(&limit)));
    let trials = stories.iter().map(|&story| {
        let labs = Arc::clone(&labs);
        let (chances, limit) = (Arc::clone(&chances), Arc::clone(&limit));
        Trial::ignorable_test(story.name, move || {
            if limit.is_over() {
                limit.leave_out(story.name);
                return Ok(Completion::ignored_with("no time is left"));
            }
            // As many stories are told at once as there are labs, so one is free.
            let free = || labs.lock().unwrap_or_else(PoisonError::into_inner);
            let lab = free().pop().ok_or_else(|| Failed::from("there is no lab"))?;
            let told = chances.give(story.name, || tell_one(story, &lab));
            free().push(lab);
            told?;
            Ok(Completion::Completed)
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    for text in chances.taken() {
        println!("{text}");
    }
    if let Err(error) = limit.tell() {
        eprintln!("error: what was left out can't be said: {error:#}");
        return ExitCode::FAILURE;
    }
    // What was left out altogether has shown nothing.
    if limit.is_over() && conclusion.num_passed == 0 {
        eprintln!("error: no story was told");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// How many labs tell so many stories.
fn labs_for(stories: usize) -> usize {
    let memory = available_memory().unwrap_or(MEMORY_OF_A_LAB);
    let labs = usize::try_from(memory / MEMORY_OF_A_LAB)
        .unwrap_or(LABS)
        .clamp(1, LABS);
    match stories {
        0 => 0,
        few if few < STORIES_FOR_A_SECOND_LAB => 1,
        _ => labs,
    }
}

/// Bytes of memory that can be had, `MemAvailable` of proc(5).
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// So many labs, installed. The first is booted; the others are copies of it, for a fraction of the time.
fn ready(number: usize, install: fn(&Lab) -> anyhow::Result<()>) -> anyhow::Result<Vec<Lab>> {
    let Some(others) = number.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let lab = Lab::boot()?;
    lab.snapshot(FRESH)?;
    if let Err(error) = timed("install", || install(&lab)) {
        return Err(leave_behind(&lab, "install", error));
    }
    lab.snapshot(INSTALLED)?;
    let mut labs = vec![lab];
    for _ in 0..others {
        let twin = labs[0].twin(INSTALLED)?;
        labs.push(twin);
    }
    Ok(labs)
}

fn is_wanted(story: &Story, arguments: &Arguments) -> bool {
    let hits = |pattern: &String| {
        if arguments.exact {
            story.name == pattern
        } else {
            story.name.contains(pattern)
        }
    };
    arguments.filter.as_ref().is_none_or(hits) && !arguments.skip.iter().any(hits)
}

fn tell_one(story: Story, lab: &Lab) -> Result<(), String> {
    // The test's name stands on a line of its own.
    println!();
    let started = Instant::now();
    lab.restore(INSTALLED)
        .map_err(|error| leave_behind(lab, story.name, error))
        .map_err(failed)?;
    let restored = started.elapsed();
    let result = catch_unwind(AssertUnwindSafe(|| (story.tell)(lab))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(anyhow::anyhow!(
            text.unwrap_or_else(|| "a panic without a text".to_owned())
        ))
    });
    println!(
        "{}: {}, of it {} to restore the lab",
        story.name,
        seconds(started.elapsed()),
        seconds(restored)
    );
    result.map_err(|error| {
        let error = failed(leave_behind(lab, story.name, error));
        // Now, and not only at the end, which a run that takes too long does not see.
        println!("{}: {error}", story.name);
        error
    })
}

/// Collects what helps to find the reason, and says where it is.
fn leave_behind(lab: &Lab, name: &str, error: anyhow::Error) -> anyhow::Error {
    match folder_for(name).and_then(|folder| collect(lab, &folder).map(|()| folder)) {
        Ok(folder) => error.context(format!("journals and consoles are in `{}`", folder.display())),
        Err(second) => error.context(format!("no journals: {second:#}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: anyhow::Error) -> String {
    format!("{error:#}")
}

//! Telling stories: the lab is booted once, and each story starts from the same snapshot of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::collect::{collect, folder_for};
use crate::lab::Lab;
use crate::progress::{seconds, timed};

/// The snapshot that each story starts from.
const INSTALLED: &str = "installed";

/// One story: a fact about the fleet that is tried out on the lab.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// The fact, which is also the name of the story's module.
    pub name: &'static str,
    /// Tells it. An error or a panic means that the fact does not hold.
    pub tell: fn(&Lab) -> anyhow::Result<()>,
}

/// A list of [`Story`] from the names of their modules, each of which has a function `story`.
#[macro_export]
macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        [$($crate::story::Story { name: stringify!($name), tell: $name::story }),*]
    };
}

/// Tells the stories that the arguments of the command line ask for (those of cargo's own tests), after `install` has
/// put genbackup onto the machines. Prints the seconds of each step and story, and cargo's summary as the last line.
pub fn tell(stories: &[Story], install: fn(&Lab) -> anyhow::Result<()>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The stories share three machines, and QEMU ends with the thread that started it.
    arguments.test_threads = Some(1);
    let lab = if !arguments.list && stories.iter().any(|story| is_wanted(story, &arguments)) {
        match ready(install) {
            Ok(lab) => Some(Arc::new(lab)),
            Err(error) => {
                eprintln!("error: the lab is not ready: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        None
    };
    let trials = stories.iter().map(|&story| {
        let lab = lab.clone();
        Trial::test(story.name, move || {
            lab.map_or(Ok(()), |lab| tell_one(story, &lab))
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    conclusion.exit_code()
}

fn ready(install: fn(&Lab) -> anyhow::Result<()>) -> anyhow::Result<Lab> {
    let lab = Lab::boot()?;
    if let Err(error) = timed("install", || install(&lab)) {
        return Err(leave_behind(&lab, "install", error));
    }
    lab.snapshot(INSTALLED)?;
    Ok(lab)
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

fn tell_one(story: Story, lab: &Lab) -> Result<(), Failed> {
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
    result.map_err(|error| failed(leave_behind(lab, story.name, error)))
}

/// Collects what helps to find the reason, and says where it is.
fn leave_behind(lab: &Lab, name: &str, error: anyhow::Error) -> anyhow::Error {
    match folder_for(name).and_then(|folder| collect(lab, &folder).map(|()| folder)) {
        Ok(folder) => error.context(format!("journals and consoles are in `{}`", folder.display())),
        Err(second) => error.context(format!("no journals: {second:#}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

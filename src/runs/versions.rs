//! The versions of this host's programs, for the record: another version can change durations.

use std::collections::BTreeMap;
use std::thread;

use crate::system::command::ask_with;

/// The time limit of each program in seconds.
const LIMIT: u32 = 5;

/// The version of genbackup, of systemd and of restic. A program that is missing or does not answer is omitted.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let programs = [
        ("systemd", "systemctl", "--version"),
        // This restic forgets and prunes.
        ("restic", "restic", "version"),
    ];
    let answers: Vec<_> = thread::scope(|scope| {
        let asked = programs.map(|(name, program, argument)| {
            (
                name,
                scope.spawn(move || ask_with(program, &[argument], "", LIMIT)),
            )
        });
        let answers = asked.map(|(name, answer)| (name, answer.join().ok()));
        answers.into_iter().collect()
    });
    let answers = answers.into_iter().filter_map(|(name, answer)| {
        let answer = answer?;
        let line = answer.output()?.lines().next().filter(|line| !line.is_empty())?;
        Some((name.to_owned(), line.to_owned()))
    });
    let own = ("genbackup".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    answers.chain([own]).collect()
}

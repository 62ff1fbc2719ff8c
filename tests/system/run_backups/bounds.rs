//! An answer of any size takes bounded memory and time.

use std::fs;

use anyhow::Result;

use super::{Night, WELL};
use crate::command::genbackup;

/// The most bytes of an answer.
const SIZE: usize = 16 << 20;
/// The most address space of the process that reads it, in bytes; its threads alone have stacks of 2 MiB each.
const MEMORY: u64 = 128 << 20;

/// `hello restic`, and then as much as fits.
fn of_size(start: &str, part: &str) -> String {
    let mut text = start.to_owned();
    text.push_str(&part.repeat(SIZE.div_ceil(part.len())));
    text
}

/// Without these bounds, each host could take 1.7 GB of the storage host's memory.
#[test]
fn no_answer_takes_much_memory() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    let binary = genbackup().get_program().display().to_string();
    night.program(
        "genbackup",
        &format!("#!/bin/bash\nexec prlimit --as={MEMORY} --cpu=60 {binary} \"$@\"\n"),
    )?;
    let line = format!("out {}\n", "[],".repeat(50));
    let longest = format!("out [{}[]]\n", "[],".repeat(21_840));
    for text in [
        of_size("hello restic\nout [", "[],"),
        of_size("hello restic\nout {", "\"a\":{},"),
        of_size("hello restic\n", &line),
        of_size("hello restic\n", &longest),
        of_size("hello restic\nout \"", "\\u0001"),
        of_size("hello restic\nmissing ", "\u{7f}"),
    ] {
        let begin: String = text.chars().take(40).collect();
        night.answers("ziz", &text)?;
        drop(fs::remove_dir_all(night.path("state/runs")));
        drop(fs::remove_file(night.path("state/current")));
        let ended = night.run()?;
        let ends = night.ends()?;
        let (status, why) = (&ends[1]["status"], ends[1]["why"].to_string());
        assert_eq!(status, "failed", "{begin}: {why}");
        assert!(why.contains("and was cut off"), "{begin}: {why}");
        assert_eq!(ends[0]["status"], "ok", "{begin}: {}", ended.stderr);
    }
    Ok(())
}

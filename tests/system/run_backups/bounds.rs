//! An answer of any size takes bounded memory and time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{FLEET, Night, SUCCESS};
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
    night.answers("kai", SUCCESS)?;
    let binary = genbackup().get_program().display().to_string();
    night.program(
        "genbackup",
        // Otherwise each thread may reserve 64 MiB of address space, which it does not use, for its allocations.
        &format!(
            "#!/bin/bash\nexport MALLOC_ARENA_MAX=1\nexec prlimit --as={MEMORY} --cpu=60 {binary} \"$@\"\n"
        ),
    )?;
    let longest = format!("out [{}[]]\n", "[],".repeat(21_840));
    for text in [
        of_size("hello restic\nout [", "[],"),
        of_size("hello restic\nout {", "\"a\":{},"),
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
        assert_eq!(ends.len(), 2, "{begin}: {}", ended.stderr);
        let (status, why) = (&ends[1]["status"], ends[1]["why"].to_string());
        assert_eq!(status, "failed", "{begin}: {why}");
        assert!(why.contains("and was cut off"), "{begin}: {why}");
        assert_eq!(ends[0]["status"], "ok", "{begin}: {}", ended.stderr);
    }
    Ok(())
}

/// A fleet whose hosts have this time limit.
fn limited(limit: &str) -> String {
    FLEET.replace("[schedule]\n", &format!("[schedule]\ntime-limit = \"{limit}\"\n"))
}

#[test]
fn a_host_over_its_time_limit_costs_no_other() -> Result<()> {
    let night = Night::of(&limited("2s"))?;
    night.answers("ziz", SUCCESS)?;
    // A process that ssh has started holds its output, and also has to end.
    night.program(
        "ssh",
        "#!/bin/bash\nread -r _; read -r _\n[[ ${!#} == kai ]] || exec cat \"$ANSWERS/${!#}\"\n\
         echo hello restic\nsleep 600 &\necho $! >\"$ANSWERS/pid\"\nwait\n",
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let ends = night.ends()?;
    assert_eq!(ends[0]["status"], "failed");
    assert_eq!(ends[0]["why"], "its backup took longer than `time-limit`");
    assert_eq!(ends[1]["status"], "ok");
    let pid = fs::read_to_string(night.path("answers/pid"))?;
    // A process that has ended has no command line, also while nobody has reaped it.
    let command_line = Path::new("/proc").join(pid.trim()).join("cmdline");
    let deadline = Instant::now() + Duration::from_secs(30);
    while fs::read(&command_line).is_ok_and(|words| !words.is_empty()) {
        assert!(Instant::now() < deadline, "{pid} is left");
        std::thread::yield_now();
    }
    Ok(())
}

/// A client takes 25 s of silence for the end of the storage host.
#[test]
fn a_host_gets_a_line_every_five_seconds() -> Result<()> {
    let night = Night::new()?;
    night.answers("ziz", SUCCESS)?;
    night.program(
        "ssh",
        "#!/bin/bash\nread -r _; read -r _; read -r _\n[[ ${!#} == kai ]] || exec cat \"$ANSWERS/${!#}\"\n\
         for line in 1 2 3; do read -r -t 20 _ || exit 1; done\ncat \"$ANSWERS/ziz\"\n",
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    Ok(())
}

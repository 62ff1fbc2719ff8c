//! A record of any size is read in little memory. The test measures its own process, so it is a separate
//! program: another test in the same process would add to the memory.

use std::io::{self, BufRead, Read};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use genbackup::runs::record::{BadLine, Reason, Run};

const GOOD: &[u8] = b"{\"event\":\"warning\",\"time\":\"2026-11-23T06:06:53Z\",\"why\":\"\"}\n";
/// Bytes: room for a line of the limit and its copies; a gigabyte held would be thirty times this.
const MEMORY: u64 = 32 << 20;
const TIME: Duration = Duration::from_secs(60);

/// The most memory that this process has had so far, `proc_pid_status(5)`.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = line.context("no VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}

/// Many bytes of one kind, of which only some are in memory.
struct Repeated {
    chunk: Vec<u8>,
    left: u64,
}

impl BufRead for Repeated {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let there = self
            .chunk
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(&self.chunk[..there])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
    }
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

fn gigabyte_of(byte: u8) -> Repeated {
    Repeated {
        chunk: vec![byte; 1 << 16],
        left: 1 << 30,
    }
}

#[test]
fn a_line_of_a_gigabyte_costs_little_memory_and_no_good_line() -> Result<()> {
    let short_lines = b"\n".repeat(100_000);
    let (before, started) = (peak_memory()?, Instant::now());
    let record = GOOD
        .chain(gigabyte_of(b'{'))
        .chain(&b"\n"[..])
        .chain(GOOD)
        .chain(&short_lines[..])
        .chain(GOOD)
        .chain(gigabyte_of(0));
    let run = Run::read("20261123T060640Z".parse()?, record)?;
    let (grown, elapsed) = (peak_memory()? - before, started.elapsed());
    assert_eq!(run.warnings.len(), 3, "each good line is read");
    assert_eq!((run.bad_lines.count, run.bad_lines.first.len()), (100_002, 100));
    let too_long = BadLine {
        number: 2,
        reason: Reason::TooLong,
    };
    assert_eq!(run.bad_lines.first[0], too_long);
    assert!(grown < MEMORY, "it took {grown} bytes more");
    assert!(elapsed < TIME, "it took {elapsed:?}");
    Ok(())
}

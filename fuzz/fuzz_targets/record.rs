//! Any bytes as the record of a run: each line comes out once, an event or counted as bad, however the bytes come in.

#![no_main]
#![expect(clippy::disallowed_methods, reason = "libFuzzer's macro writes to a file")]

use std::io::BufReader;

use genbackup::runs::record::{Line, Lines, Run};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let read: Vec<Line> = Lines::of(bytes)
        .map(|line| line.expect("memory does not fail"))
        .collect();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(read.len(), lines.len());
    for (index, (line, bytes)) in read.iter().zip(lines).enumerate() {
        match line {
            Line::Good(_) => match serde_json::from_slice::<Value>(bytes) {
                Ok(value) => assert!(value["event"].is_string() && value["time"].is_string(), "{value}"),
                // A number that no f64 holds, in a field that nobody reads, does not spoil an event.
                Err(error) => assert!(error.to_string().contains("number out of range"), "{error}"),
            },
            Line::Bad(bad) => assert_eq!(bad.number, index as u64 + 1),
        }
    }
    for chunk in [1, 1 + bytes.len() / 3] {
        let in_chunks = Lines::of(BufReader::with_capacity(chunk, bytes));
        assert!(
            in_chunks
                .map(|line| line.expect("memory does not fail"))
                .eq(read.iter().cloned())
        );
    }
    let id = "20261123T060640Z".parse().expect("the name of a run");
    let run = Run::read(id, bytes).expect("memory does not fail");
    let bad = read.iter().filter(|line| matches!(line, Line::Bad(_))).count();
    assert_eq!(run.bad_lines.count, bad as u64);
});

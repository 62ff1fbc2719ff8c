//! Any text as a fleet file: it is refused, each problem with a place in it, or every host's files are emitted, the
//! same bytes each time.

#![no_main]
#![expect(clippy::disallowed_methods, reason = "libFuzzer's macro writes to a file")]

use genbackup::config::file::read;
use genbackup::config::problem::Problem;
use genbackup::config::resolve::resolve;
use genbackup::emit::plan::HostPlan;
use genbackup::emit::{Artifact, emit};
use genbackup::model::Fleet;
use libfuzzer_sys::fuzz_target;

const FILE: &str = "fleet.toml";

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match resolve(read(FILE, text)) {
        Ok(fleet) => {
            let again = resolve(read(FILE, text)).expect("what was a fleet is one");
            assert_eq!(emit_all(&fleet), emit_all(&again));
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in problems {
                has_a_place(&problem, text);
            }
        }
    }
});

fn emit_all(fleet: &Fleet) -> Vec<Artifact> {
    let plans = fleet
        .host_names()
        .map(|host| HostPlan::of(fleet, host).expect("a host has a plan"));
    plans
        .flat_map(|plan| emit(&plan).expect("a valid fleet is emitted"))
        .collect()
}

fn has_a_place(problem: &Problem, text: &str) {
    let (line, column) = problem.position;
    let shown = problem.to_string();
    assert!(
        shown.contains(&format!("\n  --> {FILE}:{line}:{column}")),
        "{shown}"
    );
    let there = text.split('\n').nth(line - 1).expect("the line is there");
    // A place at the end of a line is behind its last character.
    assert!(
        column > 0 && column - 1 <= there.chars().count(),
        "no such column: {shown}"
    );
}

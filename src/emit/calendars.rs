//! On NixOS, the calendar of a timer is in a drop-in that NixOS writes from its options.
//!
//! `OnCalendar=` is a list: a drop-in adds to the list of the unit. So the unit has none, and a configuration that replaces
//! the option replaces the calendar.

use std::path::Path;

use super::Artifact;

const KEY: &str = "OnCalendar=";

/// Takes the calendar expressions out of a timer. Other units have none.
pub(super) fn take(artifact: &mut Artifact) -> Vec<String> {
    if Path::new(&artifact.path).extension() != Some("timer".as_ref()) {
        return Vec::new();
    }
    let expressions = artifact
        .content
        .lines()
        .filter_map(|line| line.strip_prefix(KEY))
        .map(str::to_owned)
        .collect();
    artifact.content = artifact
        .content
        .split_inclusive('\n')
        .filter(|line| !line.starts_with(KEY))
        .collect();
    expressions
}

//! How many hosts are asked at once.

use std::fs;

use anyhow::Result;

use super::{FLEET, Night, SUCCESS};

/// Notes how many hosts are asked, once there are two or a second is over.
const WAY: &str = r#"#!/bin/bash
read -r _; read -r _
touch "$ANSWERS/running.${!#}"
for ((tries = 0; tries < 50; tries++)); do
    running=("$ANSWERS"/running.*)
    ((${#running[@]} < 2)) || break
    sleep 0.02
done
echo "${#running[@]}" >>"$ANSWERS/at-once"
cat "$ANSWERS/${!#}"
((${#running[@]} > 1)) || rm "$ANSWERS/running.${!#}"
"#;

fn at_once(fleet: &str) -> Result<Vec<String>> {
    let night = Night::of(fleet)?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    night.program("ssh", WAY)?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let expected = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
    assert_eq!(night.statuses()?, expected);
    let counts = fs::read_to_string(night.path("answers/at-once"))?;
    Ok(counts.lines().map(str::to_owned).collect())
}

#[test]
fn one_host_is_asked_after_the_other() -> Result<()> {
    // Each waits a second for company that does not come.
    assert_eq!(at_once(FLEET)?, ["1", "1"]);
    Ok(())
}

#[test]
fn as_many_hosts_are_asked_at_once_as_the_fleet_file_allows() -> Result<()> {
    let fleet = FLEET.replace("[schedule]", "[schedule]\nmax-parallel = 2");
    assert_eq!(at_once(&fleet)?, ["2", "2"]);
    Ok(())
}

//! How many hosts are asked at once.

use std::fs;

use anyhow::Result;

use super::{FLEET, Night, WELL};

/// Notes how many hosts are asked, once there are two or a second is over.
const WAY: &str = r#"#!/bin/bash
read -r _; read -r _
touch "$ANSWERS/at-work.${!#}"
for ((tries = 0; tries < 50; tries++)); do
    at_work=("$ANSWERS"/at-work.*)
    ((${#at_work[@]} < 2)) || break
    sleep 0.02
done
echo "${#at_work[@]}" >>"$ANSWERS/at-once"
cat "$ANSWERS/${!#}"
((${#at_work[@]} > 1)) || rm "$ANSWERS/at-work.${!#}"
"#;

fn at_once(fleet: &str) -> Result<Vec<String>> {
    let night = Night::of(fleet)?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    night.program("ssh", WAY)?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let well = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
    assert_eq!(night.statuses()?, well);
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

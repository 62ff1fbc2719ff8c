//! How many hosts are asked at once.

use std::fs;

use anyhow::Result;

use super::{FLEET, Night, WELL};

/// A way to a host that notes who is on it, and hangs up when `others` more have come, or after a second.
fn way(others: usize) -> String {
    format!(
        "#!/bin/bash\nread -r _; read -r _\ntouch \"$ANSWERS/at-work.${{!#}}\"\n\
         for ((tries = 0; tries < 50; tries++)); do\n\
         at_work=(\"$ANSWERS\"/at-work.*)\n\
         ((${{#at_work[@]}} <= {others})) || break\nsleep 0.02\ndone\n\
         echo \"${{#at_work[@]}}\" >>\"$ANSWERS/at-once\"\n\
         cat \"$ANSWERS/${{!#}}\"\n((${{#at_work[@]}} > 1)) || rm \"$ANSWERS/at-work.${{!#}}\"\n"
    )
}

fn at_once(fleet: &str, others: usize) -> Result<Vec<String>> {
    let night = Night::of(fleet)?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    night.program("ssh", &way(others))?;
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
    assert_eq!(at_once(FLEET, 1)?, ["1", "1"]);
    Ok(())
}

#[test]
fn as_many_hosts_are_asked_at_once_as_the_fleet_file_allows() -> Result<()> {
    let fleet = FLEET.replace("[schedule]", "[schedule]\nmax-parallel = 2");
    assert_eq!(at_once(&fleet, 1)?, ["2", "2"]);
    Ok(())
}

//! How many hosts are asked at once.

use std::fs;
use std::time::{Duration, Instant};

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
((${#running[@]} > 1)) || rm "$ANSWERS/running.${!#}"
cat "$ANSWERS/${!#}"
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

/// Without this, each host would cost the time that ssh takes to close its connection.
#[test]
fn the_next_host_need_not_wait_until_ssh_ends() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    // ssh to kai ends once ziz was asked.
    night.program(
        "ssh",
        "#!/bin/bash\nread -r _; read -r _\ntouch \"$ANSWERS/asked.${!#}\"\ncat \"$ANSWERS/${!#}\"\n\
         [[ ${!#} == kai ]] || exit 0\n\
         for ((tries = 0; tries < 1000; tries++)); do [[ ! -e $ANSWERS/asked.ziz ]] || break; sleep 0.02; done\n\
         [[ ! -e $ANSWERS/asked.ziz ]] || touch \"$ANSWERS/next-was-asked\"\n",
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(night.path("answers/next-was-asked").exists());
    Ok(())
}

#[test]
fn an_ssh_that_stays_after_the_answer_is_ended() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", SUCCESS)?;
    night.answers("ziz", SUCCESS)?;
    night.program(
        "ssh",
        "#!/bin/bash\nread -r _; read -r _\ncat \"$ANSWERS/${!#}\"\nexec sleep 600\n",
    )?;
    let start = Instant::now();
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let all_ok = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
    assert_eq!(night.statuses()?, all_ok);
    assert!(
        start.elapsed() < Duration::from_secs(300),
        "{:?}",
        start.elapsed()
    );
    Ok(())
}

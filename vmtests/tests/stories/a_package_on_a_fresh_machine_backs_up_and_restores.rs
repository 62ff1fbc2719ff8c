//! Without this, the first commands after `apt install` end in an error on a release that the package is for: something
//! is missing that it depends on, or the units do not find the command.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::package::{self, COMMAND};
use vmtests::side_by_side::on_all;

const LIMIT: Duration = Duration::from_secs(600);
/// As the book has it.
const PASSWORD: &str = "(umask 077; head --bytes=32 /dev/urandom | base64 >/etc/genbackup/restic-password)";

/// Debian 13 and Debian 12.
pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let package = package::package()?;
    let machines = [&lab.ziz, &lab.kai];
    for machine in machines {
        lab.replace(machine)?;
    }
    on_all(&machines, |machine| {
        goes_from_apt_to_a_restored_file(machine, &package)
    })
}

fn goes_from_apt_to_a_restored_file(machine: &Machine, package: &Path) -> anyhow::Result<()> {
    let name = machine.name();
    machine
        .succeeds("test ! -e /etc/genbackup && ! command -v genbackup && echo 'dear kim' >/root/letter")?;
    let printed = package::install(machine, package)?;
    // Nothing is left to do by hand.
    ensure!(!printed.contains("genbackup: "), "{name}: {printed}");
    assert_eq!(machine.succeeds("command -v genbackup")?, COMMAND, "{name}");
    machine.succeeds("genbackup init --no-questions")?;
    machine.succeeds(PASSWORD)?;
    for command in [
        "genbackup emit --now".to_owned(),
        "genbackup run".to_owned(),
        "genbackup status".to_owned(),
        format!("genbackup restore {name} /root/letter --to /root/restored"),
    ] {
        let done = machine.run_within(&command, b"", LIMIT)?;
        ensure!(
            done.status == 0,
            "{name}: {command}: {} {}",
            done.text(),
            done.error_text()
        );
    }
    assert_eq!(
        machine.succeeds("cat /root/restored/root/letter")?,
        "dear kim",
        "{name}"
    );
    Ok(())
}

//! Without this, the first commands that a new user types end in an error, and there is no backup.

use std::time::Duration;

use vmtests::install::put_command_onto;
use vmtests::lab::Lab;
use vmtests::machine::Machine;

const LIMIT: Duration = Duration::from_secs(600);
/// Presses Enter at each question, in a terminal; script(1) ends with the status of the program.
const ALL_BY_ENTER: &str = "for question in {1..12}; do printf '\\r'; done |
     script --quiet --return --command 'genbackup init' /dev/null >/root/conversation";
/// Asks nothing, as in README.md.
const NO_QUESTIONS: &str = "genbackup init --no-questions --make-secrets >/root/conversation";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    for (machine, init) in [(&lab.ziz, ALL_BY_ENTER), (&lab.kai, NO_QUESTIONS)] {
        lab.replace(machine)?;
        put_command_onto(machine)?;
        goes_from_init_to_a_restored_file(machine, init)?;
    }
    Ok(())
}

/// Nothing is edited on the way.
fn goes_from_init_to_a_restored_file(machine: &Machine, init: &str) -> anyhow::Result<()> {
    let name = machine.name();
    machine.succeeds(
        "test ! -e /etc/genbackup && test ! -e /srv/backup
         install --directory /home/kim && echo 'dear kim' >/home/kim/letter",
    )?;
    machine.succeeds(init)?;
    let fleet = machine.succeeds("cat /etc/genbackup/fleet.toml")?;
    for line in [
        "path = \"/srv/backup/restic\"",
        "file-system = \"/\"",
        "initialize = true",
    ] {
        assert!(fleet.contains(line), "{name}: {fleet}");
    }
    // With a run every night, `status` is OK until 25 hours have passed.
    assert!(!fleet.contains("\nwarn-after"), "{name}: {fleet}");
    assert_eq!(
        machine.succeeds("stat --format='%U %a' /etc/genbackup/restic-password")?,
        "root 600"
    );

    let emitted = machine.run_within("genbackup emit --now", b"", LIMIT)?;
    assert_eq!(emitted.status, 0, "{name}: {}", emitted.error_text());
    assert_eq!(
        machine.succeeds("stat --format='%U %a' /srv/backup /srv/backup/restic")?,
        "root 755\nrestic 700"
    );
    let run = machine.run_within("genbackup run", b"", LIMIT)?;
    assert_eq!(run.status, 0, "{name}: {} {}", run.text(), run.error_text());
    let status = machine.run("genbackup status")?;
    assert_eq!(status.status, 0, "{name}: {}", status.text());

    // No backup sees what is there, also where all of /root is included.
    let restore = format!("genbackup restore {name} /home/kim/letter --to /var/tmp/restored");
    let restored = machine.run_within(&restore, b"", LIMIT)?;
    assert_eq!(
        (restored.status, restored.error_text().contains("note: ")),
        (0, false),
        "{name}: {}",
        restored.error_text()
    );
    assert_eq!(
        machine.succeeds("cat /var/tmp/restored/home/kim/letter")?,
        "dear kim"
    );
    let again = format!("genbackup restore {name} /home/kim/letter --to /root/restored --dry-run");
    let noted = machine.run_within(&again, b"", LIMIT)?.error_text();
    let note = format!("note: the next backup of {name} saves /root/restored again; ");
    assert!(noted.contains(&note), "{name}: {noted}");
    Ok(())
}

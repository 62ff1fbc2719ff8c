//! Without this, one careless line of a script writes the key to all snapshots into a log that is backed up itself.

use std::time::Duration;

use anyhow::{Context, ensure};
use vmtests::fleet::{self, PASSWORD_FILE, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// Environment and arguments of every process, the journal, and every file of every file system that is not the
/// kernel's own; the pattern is the standard input, so that the search does not find itself.
const SEARCH: &str = r#"
# Where nothing is found, grep fails; that it finds what is there is tried out first.
set +o errexit +o pipefail
pattern=/run/pattern
install --mode=0600 /dev/stdin "$pattern"
found() { sed "s|^|$1: |"; }
for process in /proc/[0-9]*; do
    grep --quiet --binary --text --fixed-strings --file="$pattern" "$process/environ" 2>/dev/null && echo "environment of $(tr '\0' ' ' <"$process/cmdline")"
    grep --quiet --binary --text --fixed-strings --file="$pattern" "$process/cmdline" 2>/dev/null && echo "arguments of $process"
done
journalctl --boot --no-pager --output=json --all | grep --fixed-strings --file="$pattern" | head --lines=3 | found journal
EVERYWHERE
rm "$pattern"
exit 0
"#;

/// Files: all of them, when nothing runs; but not those of the channel that this search came over, nor those of the other
/// machines, which containers have at `/lab` in the place of NFS.
const FILES: &str = r#"
roots=$(findmnt --noheadings --list --types overlay,ext4,tmpfs,nfs4,devtmpfs,ramfs --output TARGET | grep --invert-match '^/lab')
while read -r root; do
    find "$root" -xdev -type f ! -path "$pattern" ! -path '/usr/*' ! -path '/run/genbackup-vmtests/*' -exec grep --files-with-matches --text --fixed-strings --file="$pattern" {} + 2>/dev/null | found file
done <<<"$roots"
"#;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let password = lab.jak.read_file(PASSWORD_FILE)?;
    the_search_finds_what_is_there(&lab.kai, &password)?;

    // Enough to read that restic is still at it while we look.
    fleet::put_large_file(&lab.ziz, 60_000_000)?;
    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    let found = search(&lab.ziz, &password, "")?;
    lab.ziz
        .succeeds("pgrep --exact restic")
        .context("restic was done before the search was")?;
    assert_eq!(found, "", "on ziz, while its restic runs");
    // The storage host hands it on at this moment.
    lab.jak
        .succeeds("pgrep --exact ssh")
        .context("ssh was done before the search was")?;
    assert_eq!(
        search(&lab.jak, &password, "")?,
        "",
        "on jak, while it waits for ziz"
    );

    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    for machine in lab.machines() {
        let found = search(machine, &password, FILES)?;
        let expected = if machine.name() == "jak" {
            format!("file: {PASSWORD_FILE}")
        } else {
            String::new()
        };
        assert_eq!(found, expected, "on {}, after the run", machine.name());
    }
    Ok(())
}

fn search(machine: &Machine, password: &[u8], files: &str) -> anyhow::Result<String> {
    let script = SEARCH.replace("EVERYWHERE", files);
    let output = machine.run_within(&script, password, Duration::from_secs(400))?;
    ensure!(
        output.status == 0,
        "{}: the search failed: {}",
        machine.name(),
        output.error_text()
    );
    Ok(output.text())
}

/// A search that can find nothing proves nothing.
fn the_search_finds_what_is_there(machine: &Machine, password: &[u8]) -> anyhow::Result<()> {
    machine.succeeds_with(
        "read -r secret
         printf 'before %s after' \"$secret\" >/srv/data/leak
         SECRET=$secret systemd-run --quiet --unit=leak --property=Environment=SECRET=\"$secret\" sleep infinity
         printf 'leak %s\\n' \"$secret\" | logger",
        password,
    )?;
    let found = search(machine, password, FILES)?;
    for place in [
        "environment of /usr/bin/sleep infinity",
        "journal: ",
        "file: /srv/data/leak",
    ] {
        assert!(
            found.contains(place),
            "the search does not find the {place}: {found}"
        );
    }
    // All that was planted goes, its journal included.
    machine.succeeds(
        "systemctl stop leak.service; rm /srv/data/leak; rm -f /run/systemd/transient/leak.service
         journalctl --quiet --rotate; journalctl --quiet --vacuum-time=1s; rm -f /var/log/journal/*/*@*",
    )?;
    assert_eq!(search(machine, password, FILES)?, "", "what was planted is gone");
    Ok(())
}

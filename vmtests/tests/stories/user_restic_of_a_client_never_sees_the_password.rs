//! Without this, other processes of user restic on a client could take the password and the rights of the
//! process that reads all files. The first of them is sshd, which faces the network.

use anyhow::ensure;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// Tries what user restic may try with each process whose number is an argument: one line for each that works, and
/// the number of processes that were there until the end. Short-lived ones come and go meanwhile.
const PRY: &str = r#"
looked_at=0
for process in "$@"; do
    name=$(cat "/proc/$process/comm" 2>/dev/null) || continue
    for file in environ mem maps auxv; do
        (exec 3<"/proc/$process/$file") 2>/dev/null && echo "$name: $file"
    done
    readlink "/proc/$process/fd/0" >/dev/null && echo "$name: link of standard input"
    (exec 3<"/proc/$process/fd/0") 2>/dev/null && echo "$name: standard input"
    (exec 3<"/proc/$process/root/root/.") 2>/dev/null && echo "$name: root"
    # PTRACE_SEIZE
    perl -e 'exit(syscall(101, 0x4206, $ARGV[0] + 0, 0, 0) == 0 ? 0 : 1)' "$process" && echo "$name: ptrace"
    [[ -e /proc/$process ]] && looked_at=$((looked_at + 1))
done
echo "$looked_at"
"#;

/// Prying takes a slow machine longer than a backup: the one that has the password is held where it is. `restic version`
/// comes before it, and is over at once.
const HOLD_RESTIC: &str = "process=$(pgrep --exact restic)
    grep --quiet --null-data --line-regexp backup /proc/$process/cmdline
    kill -STOP $process";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::put_large_file(&lab.ziz, 60_000_000)?;
    lab.ziz.write_file("/usr/local/bin/pry", PRY.as_bytes(), 0o755)?;
    prying_works_where_nothing_is_in_the_way(&lab.ziz)?;

    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    lab.ziz.wait_until_succeeds(HOLD_RESTIC, RUN_LIMIT)?;
    for unit in ["backup", "sshd"] {
        let processes =
            format!("cat /sys/fs/cgroup/system.slice/system-genbackup*{unit}.slice/*/cgroup.procs");
        let owners = lab.ziz.succeeds(&format!(
            "ps -o user=,comm= --pid \"$({processes} | paste --serial --delimiters=,)\""
        ))?;
        let of_restic = owners.lines().filter(|line| line.starts_with("restic ")).count();
        ensure!(of_restic >= 2, "genbackup-{unit}@.service: {owners}");
        let (worked, looked_at) = pry(&lab.ziz, &format!("$({processes})"))?;
        assert_eq!(worked, "", "genbackup-{unit}@.service");
        ensure!(looked_at >= 2, "genbackup-{unit}@.service: {looked_at} processes");
    }
    lab.ziz.succeeds("pkill --signal CONT --exact restic")?;
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    Ok(())
}

/// What worked, and with how many processes it was tried.
fn pry(machine: &Machine, processes: &str) -> anyhow::Result<(String, usize)> {
    let mut worked = machine.succeeds(&format!(
        "setpriv --reuid=restic --regid=restic --clear-groups bash /usr/local/bin/pry {processes}"
    ))?;
    let last = worked.trim_end().rfind('\n').map_or(0, |newline| newline + 1);
    let looked_at = worked.split_off(last).trim_end().parse()?;
    Ok((worked, looked_at))
}

/// A process of user restic without a sandbox keeps nothing from user restic but root's directory.
fn prying_works_where_nothing_is_in_the_way(machine: &Machine) -> anyhow::Result<()> {
    machine.succeeds("systemd-run --quiet --unit=open --uid=restic sleep infinity")?;
    let (found, looked_at) = pry(
        machine,
        "$(systemctl show --property=MainPID --value open.service)",
    )?;
    let expected = [
        "environ",
        "mem",
        "maps",
        "auxv",
        "link of standard input",
        "standard input",
        "ptrace",
    ];
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        expected.map(|thing| format!("sleep: {thing}"))
    );
    assert_eq!(looked_at, 1);
    machine.succeeds("systemctl stop open.service").map(drop)
}

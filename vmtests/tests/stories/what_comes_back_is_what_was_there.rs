//! Without this, lost owners, times, attributes or bytes are noticed only on the day of a restore.

use anyhow::ensure;
use vmtests::belongings::{describe, describe_what_is_backed_up};
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // What has to come back, and a check that there is something to exclude.
    let all = describe(&lab.ziz, "")?.join("\n");
    let of_ziz = describe_what_is_backed_up(&lab.ziz)?;
    let of_kai = describe_what_is_backed_up(&lab.kai)?;
    let backed_up = of_ziz.join("\n");
    for excluded in ["data/scratch", "notes.tmp"] {
        ensure!(all.contains(excluded), "{all}");
        ensure!(!backed_up.contains(excluded), "{backed_up}");
    }
    // The comparison looks at what it should look at: owners, modes, times to the nanosecond, attributes, odd names.
    for part in [
        "f 400 0:0",
        "f 4755 0:0",
        "f 640 8:12 981173106.7890123450",
        "user.note",
        "root-only",
        "größe",
    ] {
        ensure!(backed_up.contains(part), "no `{part}`: {backed_up}");
    }
    fleet::successful_run(lab)?;

    // By root of the client itself, over the export that backups use, with the password that somebody brings.
    let password = lab.jak.succeeds(&format!("cat {PASSWORD_FILE}"))?;
    lab.ziz.succeeds(&format!(
        "mkdir /tmp/repository && mount -t nfs4 jak:{REPOSITORY} /tmp/repository"
    ))?;
    restores(
        &lab.ziz,
        "restic --repo /tmp/repository --no-cache restore latest --host ziz --target /root/restored",
        &password,
    )?;
    lab.ziz.succeeds("umount /tmp/repository")?;
    assert_eq!(describe(&lab.ziz, "/root/restored")?, of_ziz);

    // On the storage host, as when the client is no more.
    restores(
        &lab.jak,
        &format!(
            "export RESTIC_PASSWORD_FILE={PASSWORD_FILE}
             restic --repo {REPOSITORY} --no-cache restore latest --host kai --target /root/restored"
        ),
        "",
    )?;
    assert_eq!(describe(&lab.jak, "/root/restored")?, of_kai);
    Ok(())
}

fn restores(machine: &Machine, command: &str, input: &str) -> anyhow::Result<()> {
    let restored = machine.run_within(command, input.as_bytes(), RUN_LIMIT)?;
    ensure!(
        restored.status == 0,
        "{}: {}",
        machine.name(),
        restored.error_text()
    );
    Ok(())
}

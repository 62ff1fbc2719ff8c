//! Without this, the sandbox is a text: here it is asked from inside a running unit what it lets through.

use vmtests::fleet::{MOUNT, ask_from_inside};
use vmtests::lab::{Kind, Lab};

/// Reads what only root may read.
const READ: &str =
    "id --user --name; cat /srv/data/root-only; cat /srv/data/locked/file; wc --bytes </etc/shadow";

/// Asks for sockets of each kind that leads anywhere, and prints socat's error for each.
const CONNECT: &str = r"
for place in TCP4:10.77.0.1:2049 TCP4:127.0.0.1:50000 TCP6:[::1]:50000 UDP4:10.77.0.1:53 UNIX-CONNECT:/run/systemd/private VSOCK-CONNECT:2:22; do
    printf '%s: ' $place
    if error=$(socat -u OPEN:/dev/null $place 2>&1); then echo connected; else echo ${error##*: }; fi
done";

/// Tries to write into every directory that access(2) calls writable; those where it could.
const WRITE: &str = r#"
find / -path /proc -prune -o -type d -writable -print 2>/dev/null | while IFS= read -r directory; do
    if (: >"$directory/probe") 2>/dev/null; then echo "$directory"; rm -f "$directory/probe"; fi
done"#;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // The repository's directory has to be there to be mounted.
    vmtests::fleet::successful_run(lab)?;
    let ziz = &lab.ziz;

    let read = ask_from_inside(ziz, READ)?;
    let shadow = ziz.succeeds("wc --bytes </etc/shadow")?;
    assert_eq!(
        read.text(),
        format!("restic\nonly root may read this\nin a directory of root\n{shadow}")
    );
    // It is the capability that lets it: the same user outside the unit is refused.
    let outside =
        ziz.fails("setpriv --reuid=restic --regid=restic --clear-groups cat /srv/data/root-only")?;
    assert!(
        outside.error_text().contains("Permission denied"),
        "{}",
        outside.error_text()
    );

    let connect = ask_from_inside(ziz, CONNECT)?.text();
    assert_eq!(connect.lines().count(), 6, "{connect}");
    for line in connect.lines() {
        let refused = line.ends_with("Address family not supported by protocol");
        assert!(refused, "a socket for {line}");
    }
    // The same calls do work outside.
    let outside = ziz.succeeds("socat -u OPEN:/dev/null TCP4:10.77.0.1:2049 && echo connected")?;
    assert_eq!(outside, "connected");

    let written = ask_from_inside(ziz, WRITE)?.text();
    let mine = |directory: &str| {
        // What PrivateTmp= and PrivateIPC= give is its own, and gone with it.
        [MOUNT, "/var/cache/genbackup", "/tmp", "/var/tmp", "/dev/mqueue"]
            .iter()
            .any(|place| directory == *place || directory.starts_with(&format!("{place}/")))
    };
    assert_eq!(
        written.lines().find(|directory| !mine(directory)),
        None,
        "it wrote where it must not: {written}"
    );
    for place in [MOUNT, "/var/cache/genbackup"] {
        assert!(
            written.lines().any(|directory| directory == place),
            "it cannot write where it must: {written}"
        );
    }
    let private = ask_from_inside(ziz, "touch /tmp/left-behind /var/tmp/left-behind && echo done")?;
    assert_eq!(private.text(), "done");
    ziz.fails("ls /tmp/left-behind /var/tmp/left-behind")?;

    if lab.kind() == Kind::Virtual {
        // Containers have what this machine's cgroups leave to them, which may be nothing.
        the_limits_are_in_force(lab)?;
    }
    the_exposure_holds_on_this_systemd(lab)
}

/// Those of the fleet file, as the kernel has them.
fn the_limits_are_in_force(lab: &Lab) -> anyhow::Result<()> {
    let limits = ask_from_inside(
        &lab.ziz,
        "group=/sys/fs/cgroup$(cut --delimiter=: --fields=3 /proc/self/cgroup)
         cat $group/memory.max $group/cpu.weight",
    )?;
    assert_eq!(limits.text(), "536870912\n20", "{}", limits.error_text());
    Ok(())
}

/// The bounds that hold for the newer systemd of the machines as well, in tenths; and every unit is sound to it.
fn the_exposure_holds_on_this_systemd(lab: &Lab) -> anyhow::Result<()> {
    for (machine, unit, tenths) in [
        (&lab.ziz, "genbackup-backup@.service", 9),
        (&lab.ziz, "genbackup-sshd@.service", 20),
        (&lab.jak, "genbackup-backup@.service", 9),
        (&lab.jak, "genbackup-maintain.service", 5),
        (&lab.jak, "genbackup.service", 20),
        (&lab.jak, "genbackup-init.service", 5),
        (&lab.jak, "genbackup-directory.service", 20),
    ] {
        let command = format!(
            "systemd-analyze security --offline=true --threshold={tenths} /etc/systemd/system/{unit}"
        );
        machine.succeeds(&format!("{command} | tail --lines=1"))?;
    }
    for machine in [&lab.jak, &lab.ziz] {
        let verify = "rm -rf /run/systemd/system/genbackup-backup@.service.d; cd /etc/systemd/system; \
                      systemd-analyze verify --recursive-errors=no genbackup*";
        let output = machine.run(verify)?;
        assert_eq!(
            (output.status, output.error_text().as_str()),
            (0, ""),
            "{}",
            machine.name()
        );
    }
    Ok(())
}

//! Without this, a disk that was not mounted, or one that is dying, is found out on the day it is to be restored.

use anyhow::Context;
use serde_json::json;
use vmtests::belongings::INCLUDE;
use vmtests::fleet;
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;

/// A good day: everything exists, and two separate disks and /home are mounted.
const MAKE: &str = r#"
modprobe loop; modprobe dm-mod
mkdir -p /srv/{gone,emptied,disk,broken,moved}
echo here >/srv/gone/file
echo here >/srv/emptied/file
echo here >/srv/moved/file
# What lies below the mount point is not what should be there.
echo 'below the mount point' >/home/below
mount -t tmpfs home /home
echo here >/home/file
for disk in disk broken; do
    truncate --size=32M /var/$disk.img
    mke2fs -q -t ext4 -b 4096 /var/$disk.img
done
mount -o loop /var/disk.img /srv/disk
echo here >/srv/disk/file
loop=$(losetup --find --show /var/broken.img)
echo "0 65536 linear $loop 0" | dmsetup create broken
mount /dev/mapper/broken /srv/broken
mkdir /srv/broken/directory
echo here >/srv/broken/directory/file
echo fine >/srv/broken/fine
"#;

/// A bad day: a block of a file and one of a directory cannot be read any more, and the rest is missing.
const BREAK: &str = r#"
rm -r /srv/gone
rm /srv/emptied/file
mv /srv/moved /srv/elsewhere && ln -s elsewhere /srv/moved
# A new file: what restic has already, and is unchanged by its times and size, it does not read again.
head --bytes=65536 /dev/urandom >/srv/broken/damaged
umount /srv/disk /home /srv/broken
loop=$(losetup --associated /var/broken.img --noheadings --output NAME)
block_of() { debugfs -R "blocks $1" /dev/mapper/broken 2>/dev/null | cut --delimiter=' ' --fields="$2"; }
at=0
for block in $({ block_of /directory 1; block_of /damaged 3; } | sort --numeric-sort) 8192; do
    [ "$block" = "$at" ] || echo "$((at * 8)) $(((block - at) * 8)) linear $loop $((at * 8))"
    [ "$block" = 8192 ] || echo "$((block * 8)) 8 error"
    at=$((block + 1))
done | tee /dev/stderr | dmsetup reload broken
dmsetup resume broken
mount -o ro /dev/mapper/broken /srv/broken
test "$(cat /srv/broken/fine)" = fine
! cat /srv/broken/damaged >/dev/null
! find /srv/broken/directory -name file | grep .
"#;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let clients = [&lab.ziz, &lab.kai];
    lab.on_all(|machine| {
        let make = if machine.name() == lab.jak.name() {
            "mkdir /srv/only && echo here >/srv/only/file"
        } else {
            MAKE
        };
        machine.succeeds(make).map(drop)
    })?;
    let usual = format!("include = {INCLUDE:?}");
    let sources = "include = [\"/srv/data\", \"/srv/gone\", \"/srv/emptied\", \"/srv/disk\", \"/home\", \"/srv/moved\", \"/srv/broken\"]\n\
                   must-be-mounted = [\"/srv/disk\", \"/home\"]";
    let of_jak = format!("[hosts.jak]\n{usual}");
    install::again(
        lab,
        &[
            (&of_jak, "[hosts.jak]\ninclude = [\"/srv/only\"]"),
            (&usual, sources),
        ],
    )?;
    fleet::successful_run(lab)?;

    for machine in clients {
        machine.succeeds(BREAK)?;
    }
    lab.jak.succeeds("rm -r /srv/only")?;
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0, "such a run is no success");
    let record = fleet::finished_record(lab)?;
    // With nothing left, there is no snapshot at all.
    let jak = record.host("jak")?;
    assert_eq!(
        (&jak["status"], &jak["missing"]),
        (&json!("failed"), &json!(["/srv/only"])),
        "{jak}"
    );
    for machine in clients {
        let finished = record.host(machine.name())?;
        assert_eq!(finished["status"], "partial", "{finished}");
        for (list, paths) in [
            ("missing", ["/srv/gone"].as_slice()),
            ("empty", &["/srv/emptied", "/srv/disk"]),
            // The sandbox has its own mount point at /home, which must not be taken for the missing one.
            ("unmounted", &["/srv/disk", "/home"]),
            ("links", &["/srv/moved -> /srv/elsewhere"]),
            ("unreadable", &["/srv/broken/damaged", "/srv/broken/directory"]),
        ] {
            let mut found = finished[list].as_array().context("no list")?.clone();
            if list == "unreadable" {
                found.sort_by_key(ToString::to_string);
            }
            assert_eq!(json!(found), json!(paths), "{list} of {}", machine.name());
            for path in paths {
                let why = finished["why"].as_str().unwrap_or_default();
                assert!(why.contains(path), "no {path} in {why}");
            }
        }
        what_is_left_is_backed_up(lab, machine)?;
    }
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(
        shown.contains("jak: failed") && shown.contains("missing: /srv/only"),
        "{shown}"
    );
    assert!(shown.contains("ziz: partial"), "{shown}");
    Ok(())
}

fn what_is_left_is_backed_up(lab: &Lab, machine: &Machine) -> anyhow::Result<()> {
    for (path, content) in [
        ("/srv/broken/fine", "fine"),
        ("/home/below", "below the mount point"),
    ] {
        let dump = format!("dump latest --host {} {path}", machine.name());
        assert_eq!(
            fleet::restic(lab, &dump)?,
            content,
            "{path} of {}",
            machine.name()
        );
    }
    Ok(())
}

//! Without this, a compromised client could craft a snapshot whose restore writes the attacker's file
//! anywhere on the storage host.

use std::fs;
use std::time::Duration;

use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

use crate::crafted::{self, Node};

/// restic, but what it lists has no link: what a restore looks at first shows nothing then.
const HIDES_LINKS: &str = r#"#!/bin/bash
case " $* " in
*" ls "*) /usr/bin/restic "$@" | grep --invert-match '"type":"symlink"' ;;
*) exec /usr/bin/restic "$@" ;;
esac
"#;
/// What the attacker has put outside of the target: a file, and a symbolic link.
const PLANTED: &str = r#"echo "$(cat /victim/planted) $(readlink /victim/link)""#;
/// From the signal to the end of all that a restore must not leave.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// What a restore must not leave: a process, a unit, a lock.
const LEFT: &str = "pgrep --exact restic; systemctl list-units --no-legend 'genbackup-restore-*'";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let jak = &lab.jak;
    fleet::put_large_file(&lab.ziz, 60_000_000)?;
    fleet::successful_run(lab)?;
    an_interrupted_restore_leaves_nothing(jak)?;
    plant(jak)?;
    jak.succeeds("mkdir /victim")?;

    // The snapshot is harmful: restic alone shows it.
    jak.succeeds(&format!(
        "restic --repo {REPOSITORY} --password-file {PASSWORD_FILE} --no-lock --no-cache restore latest --host mallory \
         --target /root/alone"
    ))?;
    assert_eq!(jak.succeeds(PLANTED)?, "attacker to");
    jak.succeeds("rm /victim/*")?;

    let refused = jak.fails("genbackup restore mallory / --to /root/back")?;
    let error_text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        error_text.contains("names a path twice, which no backup does: /srv/evil;"),
        "{error_text}"
    );
    jak.succeeds("genbackup restore mallory /etc /srv/planted --to /root/sound")?;
    assert_eq!(jak.succeeds("cat /root/sound/etc/good")?, "y");

    // Where nothing refuses it, the unit holds.
    jak.write_file("/opt/front/restic", HIDES_LINKS.as_bytes(), 0o755)?;
    jak.run("PATH=/opt/front:$PATH genbackup restore mallory /srv --to /root/confined --overwrite")?;
    assert_eq!(jak.succeeds("cat /root/confined/srv/planted")?, "attacker");
    assert_eq!(jak.succeeds("find /victim -mindepth 1")?, "");
    // So it is the unit that holds it.
    jak.run("PATH=/opt/front:$PATH genbackup restore mallory /srv --to /root/free --overwrite --no-sandbox")?;
    assert_eq!(jak.succeeds(PLANTED)?, "attacker to");
    Ok(())
}

/// Ctrl-C, and SIGKILL, while restic runs.
fn an_interrupted_restore_leaves_nothing(jak: &Machine) -> anyhow::Result<()> {
    for signal in ["INT", "KILL"] {
        let restore = format!(
            "rm -rf /root/interrupted
             genbackup restore ziz / --to /root/interrupted >/root/output 2>&1 &
             process=$!
             until ls {REPOSITORY}/locks | grep --quiet . && pgrep --exact restic >/dev/null; do
                 kill -0 $process || exit 1
             done
             kill -{signal} $process
             code=0; wait $process || code=$?; echo $code"
        );
        let status = jak.succeeds(&restore)?;
        assert_eq!(status, if signal == "INT" { "130" } else { "137" });
        jak.wait_until_succeeds(
            &format!("[ -z \"$({LEFT}; ls {REPOSITORY}/locks)\" ]"),
            GONE_WITHIN,
        )?;
    }
    Ok(())
}

/// Puts a crafted snapshot into the repository, as a client can: it has the repository's files and its password.
fn plant(jak: &Machine) -> anyhow::Result<()> {
    let repository = tempfile::tempdir()?;
    let name = jak.succeeds(&format!("ls {REPOSITORY}/keys"))?;
    fs::create_dir(repository.path().join("keys"))?;
    let key = jak.read_file(&format!("{REPOSITORY}/keys/{name}"))?;
    fs::write(repository.path().join("keys").join(&name), key)?;
    let password = String::from_utf8(jak.read_file(PASSWORD_FILE)?)?;
    let evil = vec![
        Node::Linked("planted", "attacker"),
        Node::Link("evil", "/victim"),
        // A hard link cannot leave the file system that the unit has its target on; a symbolic link could.
        Node::Directory(
            "evil",
            vec![Node::Link("link", "to"), Node::Linked("planted", "attacker")],
        ),
    ];
    let root = [
        Node::Directory("etc", vec![Node::File("good", "y")]),
        Node::Directory("srv", evil),
    ];
    crafted::snapshot(repository.path(), password.trim(), "mallory", &root)?;
    fs::remove_dir_all(repository.path().join("keys"))?;
    let mut directories = vec![repository.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let below = path.strip_prefix(repository.path())?;
            jak.write_file(
                &format!("{REPOSITORY}/{}", below.display()),
                &fs::read(&path)?,
                0o644,
            )?;
        }
    }
    Ok(())
}

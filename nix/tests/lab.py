import json
from typing import Any

MAKE_FILES = r"""
mkdir -p /srv/data/scratch /srv/data/empty '/srv/my files/größe 日本'
cd /srv/data
hostname >host
head --bytes=3000000 /dev/urandom >random
printf 'only root may read this\n' >root-only
chmod 0400 root-only
printf 'mail\n' >owned
chown 8:12 owned
touch --date='2001-02-03 04:05:06.789012345 UTC' owned
printf 'excluded\n' >scratch/file
printf 'excluded\n' >notes.tmp
ln -s random link
ln random second-name
printf 'x\n' >'/srv/my files/-dash "quoted" $HOME %h \back'
"""

# Type, mode, owner, time, target and path of each file, and the hashes of the contents.
DESCRIBE = r"""
export LC_ALL=C
find data 'my files' -path data/scratch -prune -o -name '*.tmp' -o -printf '%y %m %U:%G %T@ [%l] %p\n' | sort
find data 'my files' -path data/scratch -prune -o -name '*.tmp' -o -type f -exec sha256sum {} + | sort
"""


def describe(root: str = "") -> str:
    """Return the command that describes the files below a directory, as far as they are backed up."""
    return f"cd '{root}/srv'\n{DESCRIBE}"


def record() -> list[dict[str, Any]]:
    """Return the events of the newest run, when forget and prune are finished, too."""
    newest = '"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)"'
    jak.wait_until_succeeds(f"tail --lines=1 {newest} | grep run-finished")
    return [json.loads(line) for line in jak.succeed(f"cat {newest}").splitlines()]


def finished(host: str) -> dict[str, Any]:
    """Return how the backup of a host ended in the newest run."""
    [event] = [event for event in record() if event["event"] == "host-finished" and event["host"] == host]
    return event


def statuses() -> dict[str, str]:
    """Return the status of each host in the newest run."""
    return {event["host"]: event["status"] for event in record() if event["event"] == "host-finished"}


def hosts_of_snapshots() -> list[str]:
    """Return the host of each snapshot."""
    snapshots = json.loads(jak.succeed("genbackup snapshots --json"))
    return sorted(snapshot["hostname"] for snapshot in snapshots)


start_all()
for machine in (jak, kai, ziz):
    machine.wait_for_unit("multi-user.target")
    machine.wait_for_unit("genbackup-backup.socket")
    machine.succeed(MAKE_FILES)
for client in (kai, ziz):
    client.wait_for_unit("genbackup-sshd.socket")
    jak.wait_until_succeeds(f"ping -c 1 {client.name}")
jak.wait_for_unit("genbackup.timer")
jak.wait_for_unit("nfs-server.service")
# A directory that is missing cannot be exported.
jak.succeed("systemctl start genbackup-init.service && exportfs -ra")

# Without this, it is unknown whether hosts that switched to the module back up and restore: the users, the NFS export,
# the sshd of the clients and the sandboxes of the units are NixOS's.
{
  testScript = builtins.readFile ./lab.py + ''

    with subtest("a run leaves one snapshot of each host"):
        jak.succeed("systemctl start genbackup.service")
        assert statuses() == {"jak": "ok", "kai": "ok", "ziz": "ok"}, record()
        assert hosts_of_snapshots() == ["jak", "kai", "ziz"]

    with subtest("a client mounts the repository only for its backup"):
        ziz.wait_until_fails("mountpoint --quiet /mnt/jak/restic")

    with subtest("the next run stores nothing new"):
        jak.succeed("systemctl start genbackup.service")
        new = [event["message"]["files_new"] for event in record() if event["event"] == "restic"]
        assert new == [0, 0, 0], record()
        assert hosts_of_snapshots() == ["jak", "jak", "kai", "kai", "ziz", "ziz"]

    with subtest("a restore brings back what was backed up"):
        jak.succeed("genbackup restore ziz / --to /root/restored")
        assert jak.succeed(describe("/root/restored")) == ziz.succeed(describe())
        jak.fail("ls /root/restored/srv/data/scratch")

    with subtest("a host that is down does not stop the others"):
        kai.crash()
        jak.fail("systemctl start genbackup.service")
        assert statuses() == {"jak": "ok", "kai": "unreachable", "ziz": "ok"}, record()

    with subtest("a locked key is reported with its path"):
        jak.succeed("mv /root/keys /root/locked")
        jak.fail("systemctl start genbackup.service")
        assert "/root/keys/restic-password" in finished("ziz")["why"], record()
  '';
}

# Without this, a switch to a changed fleet during a backup could cost that night's backup or leave a lock. A
# host could lose its timer, or keep a port open for a fleet that it has left.
{ lib, ... }:

let
  fleet = lib.importTOML ../../vmtests/fleet.toml;
  # Every unit of jak and ziz is another one, ziz backs up one more directory, and kai is gone.
  changed =
    lib.recursiveUpdate
      (
        fleet
        // {
          hosts = removeAttrs fleet.hosts [ "kai" ];
        }
      )
      {
        schedule = {
          calendar = "*-*-* 05:00:00 America/Los_Angeles";
          time-limit = "40min";
        };
        hosts.ziz.include = fleet.hosts.ziz.include ++ [ "/srv/more" ];
      };
  # The new fleet of kai.
  ofKai = {
    schedule.calendar = "*-*-* 06:00:00";
    repository = {
      host = "kai";
      path = "/var/lib/restic";
      password-file = "/root/keys/restic-password";
      keep = "7 daily";
    };
    hosts.kai.include = [ "/srv/data" ];
  };

  switchingTo = settings: {
    specialisation.changed.configuration.services.genbackup = {
      fleet = lib.mkForce null;
      inherit settings;
    };
  };
in
{
  nodes = {
    jak = switchingTo changed;
    ziz = switchingTo changed;
    kai = switchingTo ofKai;
  };

  testScript = builtins.readFile ./lab.py + ''

    BACKUP = "systemctl show --property=Id,ActiveState,MainPID,InvocationID 'genbackup-backup@*'"
    RUN = "systemctl show --property=ActiveState,MainPID,InvocationID genbackup.service"
    TIMER = "systemctl show --property=ActiveState,TimersCalendar genbackup.timer"
    LISTENING = "ss --no-header --listening --tcp --numeric"
    LOCKS = "find /mnt/storage/restic/locks -type f"

    with subtest("`genbackup run` backs up one host, over D-Bus"):
        jak.succeed("genbackup run ziz")
        assert statuses() == {"ziz": "ok"}, record()

    with subtest("a missing path makes its host partial"):
        ziz.succeed("mv '/srv/my files' /srv/elsewhere")
        status, output = jak.execute("genbackup run ziz")
        assert status == 3, output
        assert finished("ziz")["missing"] == ["/srv/my files"], record()
        ziz.succeed("mv /srv/elsewhere '/srv/my files'")

    with subtest("a run is in progress, and stands still"):
        # restic takes longer than this test for a hole of a terabyte.
        ziz.succeed("truncate --size=1T /srv/data/large; mkdir /srv/more; hostname >/srv/more/file")
        jak.succeed("systemctl start --no-block genbackup.service")
        # ziz is the last host: with its unit, the lock is its own.
        ziz.wait_until_succeeds("systemctl --no-legend --plain list-units 'genbackup-backup@*' | grep backup")
        jak.wait_until_succeeds(f"{LOCKS} | grep locks")
        ziz.succeed("systemctl kill --signal=STOP 'genbackup-backup@*'")
        backup, run = ziz.succeed(BACKUP), jak.succeed(RUN)
        assert "ActiveState=active" in backup and "ActiveState=activating" in run, backup + run
        kai.fail("systemctl is-active genbackup.timer")
        assert ":50000" in kai.succeed(LISTENING)

    with subtest("a switch to the changed fleet stops neither the backup nor the run"):
        for machine in (ziz, kai, jak):
            machine.succeed("/run/current-system/specialisation/changed/bin/switch-to-configuration test")
        assert (ziz.succeed(BACKUP), jak.succeed(RUN)) == (backup, run)

    with subtest("each host has the timer of its fleet"):
        for machine, calendar in ((jak, "05:00:00 America/Los_Angeles"), (kai, "06:00:00")):
            timer = machine.succeed(TIMER)
            assert "ActiveState=active" in timer and f"OnCalendar=*-*-* {calendar}" in timer, timer

    with subtest("a host that left the fleet closes its port, and the storage host forgets its name"):
        assert kai.succeed("systemctl --no-legend --plain --all list-units 'genbackup-sshd*'") == ""
        assert ":50000" not in kai.succeed(LISTENING)
        for command in ("cat /etc/genbackup/known_hosts /etc/genbackup/ssh_config", "exportfs -s"):
            names = jak.succeed(command)
            assert "ziz" in names and "kai" not in names, names

    with subtest("the run ends in the fleet in which it began"):
        ziz.succeed("truncate --size=0 /srv/data/large && systemctl kill --signal=CONT 'genbackup-backup@*'")
        assert statuses() == {"jak": "ok", "kai": "ok", "ziz": "ok"}, record()
        assert jak.succeed(LOCKS) == ""

    with subtest("the next run is that of the changed fleet"):
        jak.succeed("systemctl start genbackup.service")
        assert statuses() == {"jak": "ok", "ziz": "ok"}, record()
        jak.succeed("genbackup restore ziz /srv/more --to /root/restored")
        assert jak.succeed("cat /root/restored/srv/more/file").strip() == "ziz"
  '';
}

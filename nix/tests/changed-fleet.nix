# Machines that can switch to another fleet, in their specialisation `changed`: every unit of jak and ziz is another
# there, ziz backs up one more folder, and kai has left for a fleet of its own.
{ lib }:

let
  fleet = lib.importTOML ../../vmtests/fleet.toml;
  withoutKai = fleet // {
    hosts = removeAttrs fleet.hosts [ "kai" ];
  };
  changed = lib.recursiveUpdate withoutKai {
    schedule = {
      calendar = "*-*-* 05:00:00 America/Los_Angeles";
      time-limit = "40min";
    };
    hosts.ziz.include = fleet.hosts.ziz.include ++ [ "/srv/more" ];
  };
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
  jak = switchingTo changed;
  ziz = switchingTo changed;
  kai = switchingTo ofKai;
}

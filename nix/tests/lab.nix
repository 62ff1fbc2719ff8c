# The machines of the tests: the fleet of vmtests/fleet.toml, with the keys that are in it.
{ module, package }:

{
  defaults = {
    imports = [ module ];
    services.genbackup = {
      enable = true;
      inherit package;
      fleet = ../../vmtests/fleet.toml;
      openFirewall = true;
    };
  };

  nodes.jak = {
    virtualisation.emptyDiskImages = [ 2048 ];
    # The test driver ignores `fileSystems` without a message.
    virtualisation.fileSystems."/mnt/storage" = {
      device = "/dev/vdb";
      fsType = "ext4";
      autoFormat = true;
    };
    systemd.tmpfiles.settings.lab = {
      "/root/keys".d.mode = "0700";
      "/root/keys/restic-password".f = {
        mode = "0400";
        argument = "for-tests-only";
      };
      "/root/keys/ssh_ed25519".C = {
        mode = "0400";
        argument = "${./keys/for-tests-only-jak-to-its-clients}";
      };
    };
    # For 90 seconds after its start, the server would accept no writes.
    services.nfs.settings.nfsd = {
      grace-time = 10;
      lease-time = 10;
    };
  };

  nodes.ziz.environment.etc."ssh/ssh_host_ed25519_key" = {
    source = ./keys/for-tests-only-ziz-host;
    mode = "0400";
  };

  nodes.kai.environment.etc."ssh/ssh_host_ed25519_key" = {
    source = ./keys/for-tests-only-kai-host;
    mode = "0400";
  };
}

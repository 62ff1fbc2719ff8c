# The lab on NixOS: the fleet of vmtests/fleet.toml, with the keys that are in it.
{ module }:

{
  defaults =
    { pkgs, ... }:
    {
      imports = [ module ];
      services.genbackup = {
        enable = true;
        fleet = ../../vmtests/fleet.toml;
        openFirewall = true;
      };
      # What the steps call, and is not on every NixOS.
      environment.systemPackages = [
        pkgs.attr
        pkgs.jq
        pkgs.restic
      ];
    };

  nodes.jak = {
    virtualisation.emptyDiskImages = [ 2048 ];
    # `fileSystems` would be ignored here without a word.
    virtualisation.fileSystems."/mnt/storage" = {
      device = "/dev/vdb";
      fsType = "ext4";
      autoFormat = true;
    };
    # The admin's own: a password, and the key to the clients. Copied, so that a story can take them away.
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
    # For 90 seconds after its start, the server would let nobody write.
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

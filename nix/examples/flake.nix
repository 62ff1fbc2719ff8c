# A fleet of three hosts on NixOS: jak is the storage host, and keeps the snapshots of itself and of its clients ziz and
# kai.
#
# Copy this directory, replace these hosts with your own, and run `nix flake check`.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # The place from which you get genbackup.
    genbackup.url = "git+https://git.example.net/genbackup";
    genbackup.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, genbackup, ... }:
    let
      # The configuration that the hosts share. The fleet file, which is the same for all, describes the role of each.
      host =
        name: own:
        nixpkgs.lib.nixosSystem {
          modules = [
            genbackup.nixosModules.default
            ./hardware.nix
            own
            {
              # The name of the host in the fleet file, unless `services.genbackup.host` sets another one.
              networking.hostName = name;

              services.genbackup = {
                enable = true;
                fleet = ./fleet.toml;
                # Opens the port of the backup's sshd on a client, and that of NFS on the storage host.
                openFirewall = true;
              };

              # Makes /etc/ssh/ssh_host_ed25519_key, which a client shows to the storage host.
              services.openssh.enable = true;

              system.stateVersion = "26.05";
            }
          ];
        };
    in
    {
      nixosConfigurations = {
        jak = host "jak" {
          # The disk for the repository. While it is not mounted, nothing is written to its mount point.
          fileSystems."/mnt/storage" = {
            device = "/dev/disk/by-label/storage";
            fsType = "ext4";
            # The host also boots without it.
            options = [ "nofail" ];
          };
        };
        ziz = host "ziz" { };
        kai = host "kai" { };
      };
    };
}

# A fleet of three hosts on NixOS: jak keeps the snapshots, of itself and of its clients ziz and kai.
#
# Copy this folder, put your hosts in the place of these, and ask `nix flake check` what it thinks of them.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # Where you have genbackup from.
    genbackup.url = "git+https://git.example.net/genbackup";
    genbackup.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, genbackup, ... }:
    let
      # What the hosts have in common. What each of them does is in the fleet file, which is the same for all.
      host =
        name: own:
        nixpkgs.lib.nixosSystem {
          modules = [
            genbackup.nixosModules.default
            ./hardware.nix
            own
            {
              # The fleet file knows the host by this name; `services.genbackup.host` can give another.
              networking.hostName = name;

              services.genbackup = {
                enable = true;
                fleet = ./fleet.toml;
                # A client lets ssh in, a storage host NFS. Without it, the firewall is yours to open.
                openFirewall = true;
              };

              # It makes the host's key, /etc/ssh/ssh_host_ed25519_key, which a client shows to the storage host.
              services.openssh.enable = true;

              system.stateVersion = "26.05";
            }
          ];
        };
    in
    {
      nixosConfigurations = {
        jak = host "jak" {
          # The disk that the repository is on. While it is not mounted, nothing is written in its place.
          fileSystems."/mnt/storage" = {
            device = "/dev/disk/by-label/storage";
            fsType = "ext4";
            # The host starts without it, too.
            options = [ "nofail" ];
          };
        };
        ziz = host "ziz" { };
        kai = host "kai" { };
      };
    };
}

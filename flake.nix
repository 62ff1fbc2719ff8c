{
  description = "Backups of a fleet with restic, as plain systemd units written from one TOML file";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { nixpkgs, ... }: import ./nix/outputs.nix { inherit nixpkgs; };
}

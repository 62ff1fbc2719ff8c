{
  description = "Backups of a fleet with restic, as plain systemd units written from one TOML file";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = { nixpkgs, ... }: import ./nix/outputs.nix { inherit nixpkgs; };
}

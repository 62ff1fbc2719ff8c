# A stub of nixpkgs and NixOS on nixpkgs' real `lib`: enough to evaluate our modules, and to build what they
# ask for from the programs of the Debian machine that builds. The user of the stub puts `lib` next to this
# file.
{
  lib ? import ./lib,
  versions ? { },
}:

{
  pkgs = import ./pkgs.nix { inherit lib versions; };

  # As `nixpkgs.lib.nixosSystem`.
  nixos =
    {
      modules,
      pkgs ? import ./pkgs.nix { inherit lib versions; },
    }:
    lib.evalModules {
      modules = [
        ./options.nix
        { _module.args.pkgs = pkgs; }
      ]
      ++ modules;
    };
}

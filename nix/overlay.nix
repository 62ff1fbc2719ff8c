# nixpkgs with the command as `pkgs.genbackup`.
final: _: { genbackup = final.callPackage ./package.nix { }; }

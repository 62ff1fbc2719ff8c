# What the flake gives, from the nixpkgs that it gets.
{ nixpkgs }:

let
  inherit (nixpkgs) lib;
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  forEachSystem =
    make:
    lib.genAttrs systems (
      system:
      let
        pkgs = nixpkgs.legacyPackages.${system};
      in
      make {
        inherit pkgs;
        genbackup = pkgs.callPackage ./package.nix { };
      }
    );

  outputs = {
    overlays.default = import ./overlay.nix;

    # Imported by its path, so that a host that imports it twice has it once, and errors name the file.
    nixosModules.default.imports = [ ./module.nix ];

    packages = forEachSystem (system: {
      default = system.genbackup;
    });

    apps = forEachSystem (
      { genbackup, ... }:
      {
        default = {
          type = "app";
          program = lib.getExe genbackup;
          meta = { inherit (genbackup.meta) description; };
        };
      }
    );

    checks = forEachSystem (
      { pkgs, genbackup }:
      import ./checks.nix {
        inherit pkgs genbackup;
        example = (import ./examples/flake.nix).outputs {
          inherit nixpkgs;
          genbackup = outputs;
        };
      }
    );

    devShells = forEachSystem (
      { pkgs, genbackup }:
      {
        default = pkgs.mkShell {
          inputsFrom = [ genbackup ];
          packages = [
            pkgs.clippy
            pkgs.deadnix
            pkgs.nixfmt
            pkgs.restic
            pkgs.rustfmt
            pkgs.shellcheck
            pkgs.socat
          ];
        };
      }
    );

    # The templates are Nix only once they are filled in.
    formatter = forEachSystem (
      { pkgs, ... }: pkgs.nixfmt-tree.override { settings.excludes = [ "templates/**" ]; }
    );
  };
in
outputs

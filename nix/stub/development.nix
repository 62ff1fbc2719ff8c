# The stub's packages with those that only our flake asks for. Nothing of these is ever built.
{ lib, system }:

let
  pkgs = import ./pkgs.nix {
    inherit lib system;
    # As in a NixOS of today.
    versions = {
      restic = "0.18.1";
      systemd = "258";
    };
  };
  standIn =
    name:
    derivation {
      inherit name system;
      builder = "/bin/false";
    };

  # A package that knows itself and can be changed, as nixpkgs' own.
  package =
    attributes:
    let
      final = attributes (final // { finalPackage = result; });
      isPlain =
        name: _:
        !lib.elem name [
          "cargoLock"
          "env"
          "meta"
          "passthru"
        ];
      result =
        derivation (
          lib.filterAttrs isPlain final
          // (final.env or { })
          // {
            inherit system;
            name = "${final.pname}-${final.version}";
            builder = "/bin/false";
            cargoLock = final.cargoLock.lockFile;
          }
        )
        // (final.passthru or { })
        // {
          inherit (final) meta nativeBuildInputs;
          env = final.env or { };
          overrideAttrs =
            change:
            package (
              self:
              let
                previous = attributes self;
              in
              previous // change previous
            );
        };
    in
    result;

  # A test of machines, each of which is evaluated to its end, with all its specialisations.
  test =
    { config, ... }:
    let
      option = type: lib.mkOption { inherit type; };
      machine =
        name: own:
        lib.evalModules {
          modules = [
            ./machine.nix
            ./options.nix
            config.defaults
            own
            {
              _module.args.pkgs = all;
              networking.hostName = name;
              nixpkgs.hostPlatform = system;
            }
          ];
        };
    in
    {
      options = {
        defaults = option lib.types.deferredModule;
        name = option lib.types.str;
        nodes = option (lib.types.lazyAttrsOf lib.types.deferredModule);
        testScript = option lib.types.str;
        systems = option (lib.types.listOf lib.types.package);
      };
      config.systems = lib.concatMap (
        machine:
        map (configuration: configuration.system.build.toplevel) (
          [ machine.config ]
          ++ map (other: other.configuration) (lib.attrValues machine.config.specialisation)
        )
      ) (lib.attrValues (lib.mapAttrs machine config.nodes));
    };

  all =
    pkgs
    // lib.genAttrs [
      "attr"
      "clippy"
      "deadnix"
      "installShellFiles"
      "nixfmt"
      "rustfmt"
      "shellcheck"
      "versionCheckHook"
    ] standIn
    // {
      callPackage = lib.callPackageWith all;
      # What runs where it is built.
      buildPackages = all;
      mkShell =
        { inputsFrom, packages }:
        derivation {
          inherit inputsFrom packages system;
          name = "shell";
          builder = "/bin/false";
        };
      nix-update-script = _: standIn "nix-update-script";
      nixfmt-tree.override =
        { settings }:
        derivation {
          inherit system;
          inherit (settings) excludes;
          name = "nixfmt-tree";
          builder = "/bin/false";
        };
      rustPlatform.buildRustPackage = package;
      stdenv = {
        buildPlatform.canExecute = platform: platform.system == system;
        hostPlatform = { inherit system; };
        # Of nixpkgs' longer list, what tests may call.
        initialPath = [
          all.bash
          all.coreutils
          all.diffutils
          all.findutils
          all.gnugrep
          all.gnused
          all.gnutar
          all.gzip
        ];
      };
      testers.runNixOSTest =
        module:
        let
          inherit
            (lib.evalModules {
              modules = [
                test
                module
              ];
            })
            config
            ;
        in
        derivation {
          inherit system;
          inherit (config) systems testScript;
          name = "vm-test-run-${config.name}";
          builder = "/bin/false";
        };
    };
in
all

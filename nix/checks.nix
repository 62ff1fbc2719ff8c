# What `nix flake check` builds.
{
  pkgs,
  genbackup,
  # The outputs of ./examples/flake.nix.
  example,
}:

let
  inherit (pkgs) lib;
  # The checks of this system.
  hosts = lib.filterAttrs (
    _: host: host.pkgs.stdenv.hostPlatform.system == pkgs.stdenv.hostPlatform.system
  ) example.nixosConfigurations;
in
genbackup.tests
// {
  package = genbackup;

  formatting =
    pkgs.runCommand "genbackup-formatting"
      {
        src = lib.fileset.toSource {
          root = ../.;
          fileset = lib.fileset.unions [
            ../flake.nix
            ./.
          ];
        };
        nativeBuildInputs = [
          pkgs.deadnix
          pkgs.nixfmt
        ];
      }
      ''
        find "$src" -name '*.nix' -exec nixfmt --check {} +
        deadnix --fail "$src"
        touch "$out"
      '';
}
// lib.optionalAttrs (hosts != { }) {
  # Each host is evaluated to its end; what is built of it is what the command writes for it.
  example = pkgs.linkFarm "genbackup-example" (
    lib.mapAttrs (
      name: host:
      lib.seq host.config.system.build.toplevel.drvPath (
        lib.findFirst (
          package: package.name == "genbackup-${name}"
        ) (throw "nothing is written for host ${name} of the example") host.config.systemd.packages
      )
    ) hosts
  );
}

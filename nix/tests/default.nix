# Tests on NixOS machines, one a file. The machines are virtual: containers have neither a separate NFS server
# nor specialisations.
{
  lib,
  testers,
  # The package under test.
  package,
  module ? ../module.nix,
}:

lib.genAttrs [ "changes" "nightly" ] (
  name:
  testers.runNixOSTest {
    imports = [
      (import ./lab.nix { inherit module package; })
      ./${name}.nix
    ];
    name = "genbackup-${name}";
  }
)

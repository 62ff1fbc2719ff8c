# The stories of vmtests/steps on NixOS, each a VM test by its name, and those that NixOS alone has to tell:
# `import ./nix/tests { inherit pkgs; }`. What is done and asserted is the same text as on Debian; `driver.py` is what
# differs.
{
  pkgs,
  module ? ../module.nix,
}:

let
  inherit (pkgs) lib;

  # A test of the story in a TOML file, on the machines of lab.nix; `nodes` is what is special about them.
  tell =
    file: nodes:
    pkgs.testers.runNixOSTest {
      imports = [ (import ./lab.nix { inherit module; }) ];
      name = lib.removeSuffix ".toml" (baseNameOf file);
      inherit nodes;
      testScript = lib.concatStringsSep "\n" [
        (builtins.readFile ./driver.py)
        "lab = {\"jak\": jak, \"kai\": kai, \"ziz\": ziz}"
        "start_all()"
        "tell(lab, \"${../../vmtests/steps/functions.bash}\", \"${./steps/ready.toml}\", \"${file}\")"
        ""
      ];
    };

  steps = ../../vmtests/steps;
  names = lib.filter (lib.hasSuffix ".toml") (lib.attrNames (builtins.readDir steps));
in
lib.listToAttrs (
  map (name: {
    name = lib.removeSuffix ".toml" name;
    value = tell (steps + "/${name}") { };
  }) names
)
// {
  a_switch_does_not_stop_a_backup = tell ./steps/a_switch_does_not_stop_a_backup.toml (
    import ./changed-fleet.nix { inherit lib; }
  );
}

# Options of machines that nothing of ours reads, but whole configurations set.
{ extendModules, lib, ... }:

let
  anything =
    default:
    lib.mkOption {
      type = lib.types.anything;
      inherit default;
    };
in
{
  options = {
    boot.loader = anything { };
    fileSystems = anything { };
    nixpkgs.hostPlatform = lib.mkOption { type = lib.types.str; };
    services.nfs.settings = anything { };
    services.openssh.settings = anything { };
    # As NixOS's: another configuration of the same machine.
    specialisation = lib.mkOption {
      default = { };
      type = lib.types.attrsOf (
        lib.types.submodule {
          options.configuration = lib.mkOption {
            type = (extendModules { modules = [ { specialisation = lib.mkForce { }; } ]; }).type;
          };
        }
      );
    };
    system.stateVersion = lib.mkOption { type = lib.types.str; };
    systemd.tmpfiles.settings = anything { };
    virtualisation = anything { };
  };
}

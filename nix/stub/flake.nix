# The stub as a flake, in the place of nixpkgs: `nix flake check --override-input nixpkgs path:…`.
{
  outputs =
    _:
    let
      lib = (import ./lib).extend (
        _: previous: {
          # Nix before 2.14 asks the directory above for what a path is, and no flake may look into the whole store.
          filesystem = previous.filesystem // {
            pathType =
              path:
              if toString (dirOf path) == builtins.storeDir then
                "directory"
              else
                previous.filesystem.pathType path;
          };
        }
      );
      packages = system: import ./development.nix { inherit lib system; };
    in
    {
      lib = lib // {
        nixosSystem =
          { modules }:
          let
            system = lib.evalModules {
              modules = [
                ./machine.nix
                ./options.nix
                (machine: { _module.args.pkgs = packages machine.config.nixpkgs.hostPlatform; })
              ]
              ++ modules;
            };
          in
          system // { inherit (system._module.args) pkgs; };
      };
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] packages;
    };
}

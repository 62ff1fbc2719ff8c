# The command, built from this checkout: `pkgs.callPackage ./nix/package.nix { }`.
{ lib, rustPlatform }:

rustPlatform.buildRustPackage {
  pname = "genbackup";
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;

  # Only what the build reads: a change of a test or of a text does not build it anew.
  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.lock
      ../Cargo.toml
      ../askama.toml
      ../src
      ../templates
      ../vmtests
      ../xtask
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package=genbackup" ];

  # The other tests need root, systemd and virtual machines; CONTRIBUTING.md says how they are run.
  cargoTestFlags = [
    "--package=genbackup"
    "--lib"
  ];

  meta = {
    description = "Backups of a fleet with restic, as plain systemd units written from one TOML file";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "genbackup";
    platforms = lib.platforms.linux;
  };
}

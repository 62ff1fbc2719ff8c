# The command, built from this checkout: `pkgs.callPackage ./nix/package.nix { }`.
{
  lib,
  clippy,
  fish,
  groff,
  installShellFiles,
  jq,
  mandoc,
  rustPlatform,
  stdenv,
  systemd,
  zsh,
}:

let
  # Only what the build reads: a change of a test or of a text does not build it anew. Cargo reads every member of
  # the workspace, also to build one of them.
  sources = [
    ../Cargo.lock
    ../Cargo.toml
    ../askama.toml
    ../fuzz
    ../src
    ../templates
    ../vmtests
    ../workspace-hack
    ../xtask
  ];
  # What the checks below read beside that.
  checkedSources = [
    ../clippy.toml
    ../fixtures
    ../snapshots
    ../tests
  ];

  source =
    paths:
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions paths;
    };
in
rustPlatform.buildRustPackage (finalAttrs: {
  pname = "genbackup";
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;

  src = source sources;
  cargoLock.lockFile = ../Cargo.lock;
  cargoBuildFlags = [ "--package=genbackup" ];

  cargoTestFlags = [
    "--package=genbackup"
    "--lib"
  ];

  nativeBuildInputs = [ installShellFiles ];

  # The command itself writes these, so it has to run where it is built.
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd genbackup \
      --bash <("$out/bin/genbackup" completions bash) \
      --fish <("$out/bin/genbackup" completions fish) \
      --zsh <("$out/bin/genbackup" completions zsh)
    "$out/bin/genbackup" man --out "$TMPDIR/man"
    installManPage "$TMPDIR"/man/*
  '';

  passthru.tests =
    let
      # The same package, with a check in the place of what would be installed.
      checked =
        name: change:
        finalAttrs.finalPackage.overrideAttrs (
          previous:
          {
            pname = "genbackup-${name}";
            src = source (sources ++ checkedSources);
            installPhase = ''
              touch "$out"
            '';
          }
          // change previous
        );
    in
    {
      clippy = checked "clippy" (previous: {
        nativeBuildInputs = previous.nativeBuildInputs ++ [ clippy ];
        buildPhase = ''
          runHook preBuild
          cargo clippy --offline --workspace --all-targets -- --deny warnings
          runHook postBuild
        '';
        doCheck = false;
      });

      # The other tests need root, a running systemd or virtual machines; CONTRIBUTING.md says how they are run.
      tests = checked "tests" (previous: {
        dontBuild = true;
        cargoCheckType = "debug";
        cargoTestFlags = [
          "--package=genbackup"
          "--test=emit"
          "--test=records"
          "--test=record_of_any_size"
        ];
        # Modules of these programs.
        checkFlags = [
          "command_line::"
          "expected_output::"
          "explain::"
          "read_answer::"
          "record::"
          "a_line_of_a_gigabyte_costs_little_memory_and_no_good_line"
        ];
        nativeCheckInputs = [
          fish
          groff
          jq
          mandoc
          systemd
          zsh
        ];
        env = (previous.env or { }) // {
          # A snapshot that differs is a failure.
          INSTA_UPDATE = "no";
        };
      });
    };

  meta = {
    description = "Backups of a fleet with restic, as plain systemd units written from one TOML file";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "genbackup";
    platforms = lib.platforms.linux;
  };
})

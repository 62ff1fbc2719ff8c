# What the package has from this checkout. In nixpkgs, a release takes its place: `version`, `src` with
# `fetchFromGitHub`, `cargoHash`, the addresses of the project, and `nixosTests` as the tests.
{
  lib,
  clippy,
  fish,
  groff,
  mandoc,
  openssh,
  systemd,
  testers,
  util-linux,
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
  # The checks below read these in addition.
  checkedSources = [
    ../clippy.toml
    ../docs
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

  address = "https://git.example.net/genbackup";
in
{
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;
  src = source sources;
  cargoLock.lockFile = ../Cargo.lock;
  # This checkout does not know where it was published.
  homepage = address;
  changelog = "${address}/blob/main/CHANGELOG.md";

  tests =
    genbackup:
    let
      # The same package, with a check in the place of what would be installed.
      checked =
        name: change:
        genbackup.overrideAttrs (
          previous:
          {
            pname = "genbackup-${name}";
            src = source (sources ++ checkedSources);
            installPhase = ''
              touch "$out"
            '';
            doInstallCheck = false;
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

      # The other tests need root, a running systemd or virtual machines: see CONTRIBUTING.md.
      tests = checked "tests" (previous: {
        dontBuild = true;
        cargoCheckType = "debug";
        cargoTestFlags = [
          "--package=genbackup"
          "--test=emit"
          "--test=records"
          "--test=record_of_any_size"
        ];
        # Modules of these programs. `read_answer::bounds` is none of them: it measures time and memory.
        checkFlags = [
          "command_line::"
          "expected_output::"
          "explain::"
          "read_answer::connection"
          "read_answer::hooks"
          "read_answer::snapshots"
          "record::"
          "a_line_of_a_gigabyte_costs_little_memory_and_no_good_line"
        ];
        nativeCheckInputs = [
          fish
          groff
          mandoc
          openssh
          systemd
          util-linux
          zsh
        ];
        # A snapshot that differs is a failure.
        env = previous.env // {
          INSTA_UPDATE = "no";
        };
      });
    }
    # On virtual machines.
    // import ./tests {
      inherit lib testers;
      package = genbackup;
    };
}

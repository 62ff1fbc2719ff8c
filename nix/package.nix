# The command, in the form of a package of nixpkgs (`pkgs/by-name`). ./checkout.nix has all that differs there.
{
  lib,
  stdenv,
  rustPlatform,
  buildPackages,
  callPackage,
  installShellFiles,
  nix-update-script,
  openssh,
  tzdata,
  versionCheckHook,
}:

let
  checkout = callPackage ./checkout.nix { };
in
rustPlatform.buildRustPackage (finalAttrs: {
  pname = "genbackup";
  inherit (checkout) version src cargoLock;

  __structuredAttrs = true;
  strictDeps = true;

  cargoBuildFlags = [ "--package=genbackup" ];
  # The library's own tests. The other tests take root, a running systemd or virtual machines.
  cargoTestFlags = [
    "--package=genbackup"
    "--lib"
  ];

  nativeBuildInputs = [ installShellFiles ];
  nativeCheckInputs = [ openssh ];
  # The build sandbox has no time zones. With `strictDeps`, the setup hook of tzdata sets this variable only for a
  # package that has `buildInputs`.
  env.TZDIR = "${tzdata}/share/zoneinfo";

  # The command writes these. When it cannot run where it is built, that of the build platform writes the same.
  postInstall =
    let
      genbackup =
        if stdenv.buildPlatform.canExecute stdenv.hostPlatform then
          "$out/bin/genbackup"
        else
          lib.getExe (buildPackages.genbackup or (buildPackages.callPackage ./package.nix { }));
    in
    ''
      installShellCompletion --cmd genbackup \
        --bash <("${genbackup}" completions bash) \
        --fish <("${genbackup}" completions fish) \
        --zsh <("${genbackup}" completions zsh)
      "${genbackup}" man --out "$TMPDIR/man"
      installManPage "$TMPDIR"/man/*
    '';

  doInstallCheck = true;
  nativeInstallCheckInputs = [ versionCheckHook ];

  passthru = {
    tests = checkout.tests finalAttrs.finalPackage;
    updateScript = nix-update-script { };
  };

  meta = {
    description = "Backups of a fleet with restic, as plain systemd units written from one TOML file";
    longDescription = ''
      genbackup writes the files of each host of a fleet from one TOML file: units of systemd, short scripts, and
      settings of OpenSSH, NFS and restic. No daemon or agent of genbackup runs on the hosts. The process that can read
      all files of a host has no network. genbackup also follows and records the runs, reports hosts whose last backup
      is too old, and restores.
    '';
    inherit (checkout) homepage changelog;
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "genbackup";
    maintainers = [ ];
    platforms = lib.platforms.linux;
  };
})

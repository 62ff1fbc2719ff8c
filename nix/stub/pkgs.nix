# A stub of nixpkgs: builders that are Debian's bash, and packages that are links to Debian's programs.
{
  lib,
  # The machine that builds, and the versions that its programs have.
  system ? "x86_64-linux",
  versions ? { },
}:

let
  runCommand =
    name: attributes: script:
    derivation (
      {
        inherit name system;
        builder = "/bin/bash";
        # As nixpkgs' does: what builds need is in `bin` of their inputs. The last word is bash's own, or it would
        # become its last program, and Nix kills a program that closes its output before it ends.
        args = [
          "-euc"
          "for input in $nativeBuildInputs; do PATH=$input/bin:$PATH; done\n${script}\n:"
        ];
        PATH = "/usr/bin:/bin";
        nativeBuildInputs = [ ];
      }
      // attributes
    );

  writeFile =
    mode: name: text:
    runCommand name {
      inherit text;
      passAsFile = [ "text" ];
    } "install -m ${mode} \"$textPath\" \"$out\"";

  # The programs of Debian packages, which are named in `debian`. No more of them, so that a program that is used and
  # not asked for is missed.
  debian =
    name: packages:
    runCommand name { } ''
      mkdir -p "$out/bin"
      for program in $(dpkg-query -L ${packages} | grep -E '^(/usr)?/s?bin/[^/]+$'); do
        ln -sf "$program" "$out/bin"
      done
    ''
    // {
      version = versions.${name} or "1";
      debian = packages;
    };

  inline =
    value:
    if lib.isAttrs value then
      "{ ${lib.concatStringsSep ", " (lib.mapAttrsToList keyValue value)} }"
    else if lib.isList value then
      "[${lib.concatMapStringsSep ", " inline value}]"
    else
      builtins.toJSON value;
  keyValue = name: value: "${builtins.toJSON name} = ${inline value}";
  packages = {
    inherit lib runCommand system;
    # This machine builds for itself.
    buildPackages = packages;
    stdenv = {
      buildPlatform.canExecute = platform: platform.system == system;
      hostPlatform = { inherit system; };
    };

    writeText = writeFile "444";
    writeScript = writeFile "555";
    linkFarm =
      name: files:
      runCommand name { } (
        "mkdir \"$out\"\n"
        + lib.concatStrings (
          lib.mapAttrsToList (file: target: ''
            mkdir -p "$(dirname "$out"/${lib.escapeShellArg file})"
            ln -s ${target} "$out"/${lib.escapeShellArg file}
          '') files
        )
      );
    formats.toml = _: {
      type =
        let
          value =
            lib.types.oneOf [
              lib.types.bool
              lib.types.int
              lib.types.float
              lib.types.str
              lib.types.path
              (lib.types.attrsOf value)
              (lib.types.listOf value)
            ]
            // {
              description = "TOML value";
            };
        in
        value;
      generate = name: value: writeFile "444" name (lib.concatLines (lib.mapAttrsToList keyValue value));
    };

    bash =
      runCommand "bash" { } ''
        mkdir -p "$out/bin"
        ln -s /bin/bash "$out/bin/bash"
        ln -s /bin/bash "$out/bin/sh"
      ''
      // {
        debian = "bash";
      };
    coreutils = debian "coreutils" "coreutils";
    diffutils = debian "diffutils" "diffutils";
    findutils = debian "findutils" "findutils";
    fish = debian "fish" "fish fish-common";
    gnugrep = debian "gnugrep" "grep";
    gnused = debian "gnused" "sed";
    gnutar = debian "gnutar" "tar";
    groff = debian "groff" "groff-base";
    gzip = debian "gzip" "gzip";
    jq = debian "jq" "jq";
    mandoc = debian "mandoc" "mandoc";
    nfs-utils = debian "nfs-utils" "nfs-common nfs-kernel-server";
    openssh = debian "openssh" "openssh-client openssh-server";
    rclone = debian "rclone" "rclone";
    restic = debian "restic" "restic";
    socat = debian "socat" "socat";
    systemd = debian "systemd" "systemd";
    tzdata =
      runCommand "tzdata" { } ''
        mkdir -p "$out/share"
        ln -s /usr/share/zoneinfo "$out/share"
      ''
      // {
        debian = "tzdata";
      };
    util-linux = debian "util-linux" "util-linux";
    zsh = debian "zsh" "zsh zsh-common";
  };
in
packages

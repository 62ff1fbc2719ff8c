# A stub of NixOS: the options that our modules touch, and a system that is a folder of files.
# Types are as strict as NixOS's; what an option is for is said there.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  units = option (types.attrsOf (
    types.submodule {
      options = {
        wantedBy = option (types.listOf types.str) [ ];
        reloadTriggers = option (types.listOf (types.either types.package types.str)) [ ];
      };
    }
  )) { };

  failed = lib.filter (check: !check.assertion) config.assertions;
  failures = lib.concatMapStringsSep "\n" (check: "- ${check.message}") failed;

  # A unit in a folder of its own, under its own name, as in NixOS: a store path's name can't be any unit's.
  unitFolder =
    name: unit:
    pkgs.runCommand "unit"
      {
        inherit (unit) text;
        passAsFile = [ "text" ];
      }
      ''
        install -D -m 444 "$textPath" "$out"/${lib.escapeShellArg name}
      '';

  # What NixOS's activation does with what our modules ask for, on a Debian whose `/etc` has other owners, too.
  activate = pkgs.writeScript "activate" ''
    #!/bin/bash
    set -euo pipefail
    system=$1
    ${lib.concatStrings (
      lib.mapAttrsToList (name: group: ''
        groupadd --force --system ${
          lib.optionalString (group.gid != null) "--gid ${toString group.gid}"
        } ${name}
      '') config.users.groups
    )}
    ${lib.concatStrings (
      lib.mapAttrsToList (name: user: ''
        useradd --system --gid ${user.group} --no-create-home --comment ${lib.escapeShellArg user.description} \
          ${lib.optionalString (user.uid != null) "--uid ${toString user.uid}"} \
          --shell ${if user.shell == null then "/usr/sbin/nologin" else toString user.shell} ${name}
      '') config.users.users
    )}
    cp --recursive --no-dereference --no-preserve=mode "$system"/etc/. /etc
    ln -sfn "$system" /run/current-system
    ${lib.concatStrings (
      lib.mapAttrsToList (
        path: file:
        lib.optionalString (file.mode != "symlink") ''
          install -m ${file.mode} "$system"/etc/${lib.escapeShellArg path} /etc/${lib.escapeShellArg path}
        ''
      ) config.environment.etc
    )}
    systemd-tmpfiles --create
    systemctl daemon-reload
  '';

  # Links that start a unit, as NixOS makes them: of its own `wantedBy`, and of those of units in packages.
  wanted = lib.concatLists (
    lib.mapAttrsToList (name: unit: map (target: { inherit name target; }) unit.wantedBy) (
      config.systemd.units
      // lib.mapAttrs' (name: lib.nameValuePair "${name}.timer") config.systemd.timers
      // lib.mapAttrs' (name: lib.nameValuePair "${name}.socket") config.systemd.sockets
    )
  );
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    boot.supportedFilesystems = mkOption {
      type = types.coercedTo (types.listOf types.str) (
        names: lib.listToAttrs (map (name: lib.nameValuePair name true) names)
      ) (types.attrsOf types.bool);
      default = { };
    };
    environment.etc = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, config, ... }:
          {
            options = {
              text = option (types.nullOr types.lines) null;
              source = option types.path null;
              mode = option types.str "symlink";
            };
            config.source = lib.mkIf (config.text != null) (
              lib.mkDefault (pkgs.writeText (baseNameOf name) config.text)
            );
          }
        )
      );
    };
    environment.systemPackages = option (types.listOf types.package) [ ];
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];
    networking.hostName = option types.str "nixos";
    services.nfs.server.enable = option types.bool false;
    system.build = option (types.lazyAttrsOf types.unspecified) { };
    systemd = {
      packages = option (types.listOf types.package) [ ];
      services = units;
      sockets = units;
      timers = units;
      tmpfiles.packages = option (types.listOf types.package) [ ];
      tmpfiles.rules = option (types.listOf types.str) [ ];
      units = option (types.attrsOf (
        types.submodule {
          options = {
            text = mkOption { type = types.nullOr types.str; };
            wantedBy = option (types.listOf types.str) [ ];
          };
        }
      )) { };
    };
    users.groups = option (types.attrsOf (
      types.submodule { options.gid = option (types.nullOr types.int) null; }
    )) { };
    users.users = option (types.attrsOf (
      types.submodule {
        options = {
          description = option types.str "";
          group = option types.str "";
          isSystemUser = option types.bool false;
          shell = option (types.nullOr (types.either types.shellPackage types.path)) null;
          uid = option (types.nullOr types.int) null;
        };
      }
    )) { };
  };

  config.system.build.toplevel =
    if failed != [ ] then
      throw "\nFailed assertions:\n${failures}"
    else
      pkgs.runCommand "system"
        {
          facts = builtins.toJSON {
            inherit (config.users) users groups;
            inherit (config.boot) supportedFilesystems;
            inherit (config.networking.firewall) allowedTCPPorts;
            nfsServer = config.services.nfs.server.enable;
            reloadTriggers = lib.mapAttrs (
              _: service: map toString service.reloadTriggers
            ) config.systemd.services;
            modes = lib.mapAttrs (_: file: file.mode) config.environment.etc;
          };
          passAsFile = [ "facts" ];
        }
        ''
          mkdir "$out"
          cp "$factsPath" "$out/facts.json"
          ln -s ${activate} "$out/activate"
          mkdir -p "$out/sw/bin"
          for package in ${toString config.environment.systemPackages}; do
            ln -sf "$package"/bin/* "$out/sw/bin"
          done
          units="$out/etc/systemd/system"
          mkdir -p "$units" "$out/etc/tmpfiles.d"
          ${lib.concatStrings (
            lib.mapAttrsToList (name: unit: ''
              ln -s ${unitFolder name unit}/* "$units"
            '') config.systemd.units
          )}
          for package in ${toString config.systemd.packages}; do
            ln -s "$package"/lib/systemd/system/* "$units"
          done
          ${lib.concatMapStrings (
            { name, target }:
            ''
              mkdir -p "$units/${target}.wants"
              ln -s ${lib.escapeShellArg "../${name}"} "$units/${target}.wants"
            ''
          ) wanted}
          ${lib.concatStrings (
            lib.mapAttrsToList (path: file: ''
              mkdir -p "$(dirname "$out"/etc/${lib.escapeShellArg path})"
              ln -s ${file.source} "$out"/etc/${lib.escapeShellArg path}
            '') config.environment.etc
          )}
          for package in ${toString config.systemd.tmpfiles.packages}; do
            ln -s "$package"/lib/tmpfiles.d/* "$out/etc/tmpfiles.d"
          done
          ln -s ${
            pkgs.writeText "rules.conf" (lib.concatMapStrings (rule: rule + "\n") config.systemd.tmpfiles.rules)
          } "$out/etc/tmpfiles.d/00-nixos.conf"
        '';
}

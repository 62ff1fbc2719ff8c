# A stub of NixOS: the options that our modules touch, and a system that is a directory of files. Types are as
# strict as in NixOS, where the options are described.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  list = option (types.listOf types.str) [ ];

  # As in NixOS: one list makes a list of all definitions; other definitions must be equal.
  unitOption = lib.mkOptionType {
    name = "systemd option";
    merge =
      place: definitions:
      if lib.any (definition: lib.isList definition.value) definitions then
        lib.concatMap (definition: lib.toList definition.value) definitions
      else
        lib.mergeEqualOption place definitions;
  };
  section = option (types.attrsOf unitOption) { };
  units =
    more:
    option (types.attrsOf (
      types.submodule {
        options = {
          after = list;
          before = list;
          onFailure = list;
          onSuccess = list;
          requires = list;
          unitConfig = section;
          wantedBy = list;
          wants = list;
        }
        // more;
      }
    )) { };

  # Lines of a unit, one for each value of each key.
  lines =
    keys:
    lib.concatStrings (
      lib.mapAttrsToList (
        key: value: lib.concatMapStrings (one: "${key}=${toString one}\n") (lib.toList value)
      ) keys
    );
  # What NixOS writes for `systemd.services.NAME` and its like. For a unit of a package, this is a drop-in.
  unitText =
    own: unit:
    "[Unit]\n"
    + lines (
      {
        After = unit.after;
        Before = unit.before;
        OnFailure = unit.onFailure;
        OnSuccess = unit.onSuccess;
        Requires = unit.requires;
        Wants = unit.wants;
      }
      // unit.unitConfig
    )
    + own unit;
  # The variable PATH of each such service: that of the unit and its other drop-ins does not count.
  path = lib.concatMapStringsSep ":" (package: "${package}/bin") [
    pkgs.coreutils
    pkgs.findutils
    pkgs.gnugrep
    pkgs.gnused
    config.systemd.package
  ];
  serviceText = unitText (
    unit:
    "\n[Service]\n"
    + lines (
      {
        Environment = lib.mapAttrsToList (name: value: builtins.toJSON "${name}=${value}") (
          {
            PATH = lib.concatStringsSep ":" (map (package: "${package}/bin") unit.path ++ [ path ]);
          }
          // unit.environment
        );
      }
      // unit.serviceConfig
    )
  );
  timerText = unitText (unit: "\n[Timer]\n" + lines unit.timerConfig);
  socketText = unitText (unit: "\n[Socket]\n" + lines unit.socketConfig);
  named = ending: lib.mapAttrs' (name: lib.nameValuePair "${name}.${ending}");
  extended =
    lib.mapAttrs (_: serviceText) (named "service" config.systemd.services)
    // lib.mapAttrs (_: timerText) (named "timer" config.systemd.timers)
    // lib.mapAttrs (_: socketText) (named "socket" config.systemd.sockets);

  failed = lib.filter (check: !check.assertion) config.assertions;
  failures = lib.concatMapStringsSep "\n" (check: "- ${check.message}") failed;

  # Each unit is in a separate directory, under its own name, as in NixOS: not every name of a unit can be the
  # name of a store path.
  unitDirectory =
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

  # Links that start a unit, as NixOS makes them: from `wantedBy` of our units, and of units in packages.
  wanted = lib.concatLists (
    lib.mapAttrsToList (name: unit: map (target: { inherit name target; }) unit.wantedBy) (
      config.systemd.units // named "timer" config.systemd.timers // named "socket" config.systemd.sockets
    )
  );
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
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
    services.openssh = {
      enable = option types.bool false;
      package = option types.package pkgs.openssh;
      hostKeys = option (types.listOf (types.attrsOf types.anything)) (
        map
          (type: {
            inherit type;
            path = "/etc/ssh/ssh_host_${type}_key";
          })
          [
            "rsa"
            "ed25519"
          ]
      );
    };
    services.restic.server.enable = option types.bool false;
    system.fsPackages = option (types.listOf types.package) [ ];
    system.build = option (types.lazyAttrsOf types.unspecified) { };
    systemd = {
      package = option types.package pkgs.systemd;
      packages = option (types.listOf types.package) [ ];
      services = units {
        environment = option (types.attrsOf types.str) { };
        path = option (types.listOf types.package) [ ];
        reloadTriggers = option (types.listOf (types.either types.package types.str)) [ ];
        serviceConfig = section;
      };
      sockets = units { socketConfig = section; };
      timers = units { timerConfig = section; };
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
          createHome = option types.bool false;
          description = option types.str "";
          extraGroups = list;
          group = option types.str "";
          home = option types.path "/var/empty";
          isSystemUser = option types.bool false;
          shell = option (types.nullOr (types.either types.shellPackage types.path)) null;
          uid = option (types.nullOr types.int) null;
        };
      }
    )) { };
    warnings = option (types.listOf types.str) [ ];
  };

  # As NixOS's own modules: a conflict of IDs is an error before any other assertion is reported.
  config.assertions = lib.mkBefore [
    {
      assertion =
        let
          ids = lib.filter (uid: uid != null) (lib.mapAttrsToList (_: user: user.uid) config.users.users);
        in
        lib.unique ids == ids;
      message = "UIDs and GIDs must be unique!";
    }
  ];
  config.users = lib.mkIf config.services.restic.server.enable {
    users.restic = {
      group = "restic";
      home = "/var/lib/restic";
      createHome = true;
      uid = 291;
    };
    groups.restic.gid = 291;
  };

  config.system.build.toplevel =
    if failed != [ ] then
      throw "\nFailed assertions:\n${failures}"
    else
      lib.showWarnings config.warnings pkgs.runCommand "system"
        {
          facts = builtins.toJSON {
            inherit (config.users) users groups;
            fsPackages = map (package: package.name) config.system.fsPackages;
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
              ln -s ${unitDirectory name unit}/* "$units"
            '') config.systemd.units
          )}
          for package in ${toString config.systemd.packages}; do
            ln -s "$package"/lib/systemd/system/* "$units"
          done
          # A unit that no package has belongs to a part of NixOS that is not here.
          ${lib.concatStrings (
            lib.mapAttrsToList (name: text: ''
              if [ -e "$units"/${lib.escapeShellArg name} ]; then
                mkdir "$units"/${lib.escapeShellArg name}.d
                ln -s ${pkgs.writeText "overrides.conf" text} "$units"/${lib.escapeShellArg name}.d/overrides.conf
              fi
            '') extended
          )}
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

# The NixOS module: this host's part of a fleet, as `genbackup emit` writes it for any other system.
#
# The program itself runs when the system is built, so a mistake in the fleet fails the build with the program's own
# words. Nothing of what it writes is read back while Nix evaluates: that would stop the evaluator to build.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.genbackup;
  toml = pkgs.formats.toml { };

  # A fleet file that is itself built can't be read before it is built.
  isBuilt =
    cfg.fleet != null
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext (toString cfg.fleet)));

  # The fleet, for the little that NixOS has to know beforehand: users, ports, what this host is. What has a wrong
  # shape is passed over here, since the program finds it, and says where.
  fleet =
    if cfg.settings != null then
      cfg.settings
    else if cfg.fleet != null && !isBuilt then
      lib.importTOML cfg.fleet
    else
      { };
  table = value: if lib.isAttrs value then value else { };
  repository = table (fleet.repository or { });
  hosts = table (fleet.hosts or { });
  this = table (hosts.${cfg.host} or { });
  hostNames = lib.concatStringsSep ", " (lib.attrNames hosts);

  isStorage = cfg.host == repository.host or null;
  hasClients = removeAttrs hosts [ (toString (repository.host or "")) ] != { };
  isExported = isStorage && hasClients;
  isClient = !isStorage;
  isBackedUp = isClient || this ? include;
  notify = table (fleet.notify or { });
  tells = isStorage && notify != { };
  sendsMail = isStorage && lib.any (one: (table one).kind or null == "email") (lib.attrValues notify);
  monitor = table (fleet.monitor or { });
  writes = file: isStorage && monitor ? ${file};
  ownTimers = map (name: "genbackup-run@${name}") (
    lib.attrNames (lib.filterAttrs (_: host: table host ? schedule) hosts)
  );
  # The defaults are those of the program.
  userId = if lib.isInt (repository.uid or null) then repository.uid else 850;
  sshPort =
    let
      port = (table (fleet.ssh or { })).port or null;
    in
    if lib.isInt port then port else 50000;

  programs = [
    "bash"
    "coreutils"
    "findutils"
    "gnugrep"
    "jq"
    "openssh"
    "restic"
    "socat"
    "systemd"
    "util-linux"
  ];
  lacking = lib.filter (name: !pkgs ? ${name}) programs;

  fleetFile =
    if cfg.settings != null then
      toml.generate "fleet.toml" cfg.settings
    else
      builtins.path {
        name = "fleet.toml";
        path = cfg.fleet;
      };

  # All files of this host, with the programs of this system.
  files =
    pkgs.runCommand (lib.strings.sanitizeDerivationName "genbackup-${cfg.host}")
      {
        # systemd-analyze knows which calendar expressions systemd takes.
        nativeBuildInputs = [
          cfg.package
          pkgs.systemd
        ];
        # It looks for time zones where a build has none.
        TZDIR = "${pkgs.tzdata}/share/zoneinfo";
        programs = builtins.toJSON {
          bash = "${pkgs.bash}/bin/bash";
          socat = "${pkgs.socat}/bin/socat";
          sshd = "${pkgs.openssh}/bin/sshd";
          path = map (name: "${lib.getBin pkgs.${name}}/bin") (lib.remove "bash" programs);
        };
        passAsFile = [ "programs" ];
      }
      ''
        genbackup --fleet ${fleetFile} emit --format package --host ${lib.escapeShellArg cfg.host} \
          --out "$out" --programs "$programsPath"
      '';

  etc =
    lib.optionals isBackedUp [
      "genbackup/exclude"
      "genbackup/include"
    ]
    ++ lib.optionals isClient [ "genbackup/sshd_config" ]
    ++ lib.optionals isStorage [ "polkit-1/rules.d/50-genbackup.rules" ]
    ++ lib.optionals isExported [
      "exports.d/genbackup.exports"
      "genbackup/known_hosts"
      "genbackup/ssh_config"
    ]
    ++ lib.optionals (writes "metrics") [
      "genbackup/grafana-dashboard.json"
      "genbackup/prometheus-rules.yml"
    ]
    ++ [ "genbackup/RECOVERY.md" ];

  # Every value of the fleet, with the way to it.
  leaves =
    way: value:
    if lib.isAttrs value && !lib.isDerivation value then
      lib.concatLists (lib.mapAttrsToList (name: leaves (way ++ [ name ])) value)
    else if lib.isList value then
      lib.concatMap (leaves way) value
    else
      [
        {
          key = lib.last way;
          name = lib.concatStringsSep "." way;
          inherit value;
        }
      ];
  values = lib.concatLists (lib.mapAttrsToList (name: leaves [ name ]) (table fleet));

  isInStore =
    value:
    lib.isPath value
    || lib.isDerivation value
    || lib.hasPrefix "${builtins.storeDir}/" (toString value);
  isSecret =
    { key, value, ... }:
    lib.isString value
    && (
      lib.hasInfix "PRIVATE KEY" value
      || lib.hasPrefix "https://" value
      || lib.hasPrefix "http://" value
      || lib.any (word: lib.hasInfix word key && !lib.hasSuffix "-file" key) [
        "passphrase"
        "password"
        "secret"
      ]
    );
  # Nothing of a secret is said, for the same reason that it is refused.
  revealing = map (leaf: {
    assertion = !isSecret leaf;
    message = "services.genbackup: `${leaf.name}` holds a secret, and everybody on this host can read the Nix store; write the secret into a file that root alone can read, name that file, and take a new secret, since this one may be in the store already";
  }) values;
  stored = map (
    { name, value, ... }:
    {
      assertion = !isInStore value;
      message = "services.genbackup: `${name}` would be in the Nix store, which everybody on this host can read; write it in quotes, as the path of a file that root alone can read: \"/etc/genbackup/…\"";
    }
  ) (lib.filter ({ key, value, ... }: lib.hasSuffix "-file" key || lib.isPath value) values);

  # The version that the fleet says a program of this host has at least.
  minimum =
    program:
    (table (this.minimum-versions or { })).${program} or (table (fleet.minimum-versions or { }))
    .${program} or null;
  old = map (program: {
    assertion =
      !lib.isString (minimum program)
      || lib.elem program lacking
      || lib.versionAtLeast pkgs.${program}.version (minimum program);
    message = "services.genbackup: ${program} is ${pkgs.${program}.version} here, and the fleet says that ${cfg.host} has ${minimum program} or later (minimum-versions)";
  });
in
{
  options.services.genbackup = {
    enable = lib.mkEnableOption "this host's part in the backups of a fleet with restic";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.genbackup or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.genbackup, or this flake's own";
      description = "The genbackup that writes this host's files when the system is built.";
    };

    host = lib.mkOption {
      type = lib.types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "db.example.net";
      description = "The name that this host has in the fleet, below `hosts`.";
    };

    fleet = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = lib.literalExpression "./fleet.toml";
      description = ''
        The fleet file, the same for every host of the fleet, on NixOS or not. It goes to the Nix store, and holds
        no secret: passwords and keys are files that it names.
      '';
    };

    settings = lib.mkOption {
      type = lib.types.nullOr (lib.types.attrsOf toml.type);
      default = null;
      example = lib.literalExpression ''
        {
          schedule.calendar = "*-*-* 04:00:00";
          repository = {
            host = "jak";
            path = "/srv/restic";
            password-file = "/etc/genbackup/restic-password";
            keep = "30 daily, 12 monthly";
          };
          hosts.jak.include = [ "/home" ];
        }
      '';
      description = ''
        The fleet as Nix attributes, with the keys of the fleet file, instead of {option}`services.genbackup.fleet`.
      '';
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether to let others in on the port that this host waits on: a client for the storage host's ssh, a
        storage host for its clients' NFS. Both say who they are by address alone as far as the firewall is
        concerned; a rule of your own that names the addresses is better.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.fleet == null || cfg.settings == null;
        message = "services.genbackup.fleet and services.genbackup.settings are both set; a fleet is described in one place: leave one of them out";
      }
      {
        assertion = cfg.fleet != null || cfg.settings != null;
        message = "services.genbackup.enable needs the fleet: set services.genbackup.fleet to the path of its file, or write it into services.genbackup.settings";
      }
      {
        assertion = !isBuilt;
        message = "services.genbackup.fleet is the output of a derivation, which Nix would have to build while it evaluates; name a file, or write the fleet into services.genbackup.settings";
      }
      {
        assertion = cfg.host != "";
        message = "services.genbackup.host is not set, and this machine has no networking.hostName to take its place; the hosts of the fleet are: ${hostNames}";
      }
      {
        assertion = cfg.host == "" || hosts == { } || hosts ? ${cfg.host};
        message = "services.genbackup.host: no host of the fleet is named `${cfg.host}`; the hosts of the fleet are: ${hostNames}";
      }
      {
        assertion = lacking == [ ];
        message = "services.genbackup: host ${cfg.host} needs programs that this pkgs lacks: ${lib.concatStringsSep ", " lacking}; an overlay can add them";
      }
    ]
    ++ revealing
    ++ stored
    ++ old [
      "restic"
      "systemd"
    ];

    # restic is what `genbackup restore` starts, and the commands of RECOVERY.md.
    environment.systemPackages = [
      cfg.package
      pkgs.restic
    ];

    users.users.restic = {
      isSystemUser = true;
      group = "restic";
      description = "Backups with restic";
      # Fixed: the NFS export maps every client to it.
      uid = lib.mkIf isStorage userId;
      # sshd starts its forced command with it.
      shell = lib.mkIf isClient "${pkgs.bash}/bin/sh";
    };
    users.groups.restic.gid = lib.mkIf isStorage userId;

    services.nfs.server.enable = lib.mkIf isExported true;
    # A changed export is in force after the switch.
    systemd.services = lib.mkIf isExported { nfs-server.reloadTriggers = [ files ]; };
    # For mount.nfs(8).
    boot.supportedFilesystems = lib.mkIf isClient [ "nfs" ];
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      lib.optional isClient sshPort ++ lib.optional isExported 2049
    );

    systemd.packages = [ files ];
    systemd.tmpfiles.packages = [ files ];
    systemd.timers = lib.mkMerge [
      (lib.mkIf isStorage (
        lib.genAttrs ([ "genbackup" ] ++ ownTimers) (_: {
          wantedBy = [ "timers.target" ];
        })
      ))
      (lib.mkIf tells { genbackup-watch.wantedBy = [ "timers.target" ]; })
      (lib.mkIf (writes "metrics") { genbackup-metrics.wantedBy = [ "timers.target" ]; })
      (lib.mkIf (writes "report") { genbackup-report.wantedBy = [ "timers.target" ]; })
    ];
    systemd.sockets = lib.mkMerge [
      (lib.mkIf isBackedUp { genbackup-backup.wantedBy = [ "sockets.target" ]; })
      (lib.mkIf isClient { genbackup-sshd.wantedBy = [ "sockets.target" ]; })
      (lib.mkIf sendsMail { genbackup-mail.wantedBy = [ "sockets.target" ]; })
    ];

    environment.etc = lib.mkMerge [
      (lib.genAttrs etc (path: {
        source = "${files}/etc/${path}";
      }))
      # A file, not a link: sshd takes no keys from below a folder that others than root may write to.
      (lib.mkIf isClient {
        "genbackup/authorized_keys" = {
          source = "${files}/etc/genbackup/authorized_keys";
          mode = "0444";
        };
      })
      # Where the command looks for it.
      { "genbackup/fleet.toml".source = fleetFile; }
    ];
  };
}

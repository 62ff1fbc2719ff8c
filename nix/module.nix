# The NixOS module: the files of this host, as `genbackup emit` writes them for any other system.
#
# genbackup runs when the system is built, so a mistake in the fleet fails the build with genbackup's own message. Nix does
# not read its output during evaluation: the evaluator would have to wait for a build.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.genbackup;
  toml = pkgs.formats.toml { };

  # A fleet file that is itself built cannot be read during evaluation.
  isBuilt =
    cfg.fleet != null
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext (toString cfg.fleet)));

  # The fleet, for what NixOS has to know during evaluation: users, ports, and the role of this host. Values of a wrong
  # type are ignored here, because genbackup reports them with their place.
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
  # The defaults are those of genbackup.
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
        # systemd-analyze checks the calendar expressions.
        nativeBuildInputs = [
          cfg.package
          pkgs.systemd
        ];
        # A build has no time zones at the usual path.
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

  # Every value of the fleet, with its path.
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
  # The message does not contain the secret.
  revealing = map (leaf: {
    assertion = !isSecret leaf;
    message = "services.genbackup: `${leaf.name}` holds a secret, but every user of this host can read the Nix store; write the secret to a file that only root can read, set the path of that file, and replace the secret, because the store may contain it already";
  }) values;
  stored = map (
    { name, value, ... }:
    {
      assertion = !isInStore value;
      message = "services.genbackup: `${name}` would be in the Nix store, which every user of this host can read; write it in quotes, as the path of a file that only root can read: \"/etc/genbackup/…\"";
    }
  ) (lib.filter ({ key, value, ... }: lib.hasSuffix "-file" key || lib.isPath value) values);

  # The minimum version of a program that the fleet sets for this host.
  minimum =
    program:
    (table (this.minimum-versions or { })).${program} or (table (fleet.minimum-versions or { }))
    .${program} or null;
  old = map (program: {
    assertion =
      !lib.isString (minimum program)
      || lib.elem program lacking
      || lib.versionAtLeast pkgs.${program}.version (minimum program);
    message = "services.genbackup: ${program} is ${pkgs.${program}.version}, but the fleet file requires ${minimum program} or later on ${cfg.host} (minimum-versions)";
  });
in
{
  options.services.genbackup = {
    enable = lib.mkEnableOption "the backups of this host in a fleet with restic";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.genbackup or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.genbackup, or this flake's own";
      description = "The genbackup package that writes the files of this host when the system is built.";
    };

    host = lib.mkOption {
      type = lib.types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "db.example.net";
      description = "The name of this host in the fleet, below `hosts`.";
    };

    fleet = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = lib.literalExpression "./fleet.toml";
      description = ''
        The fleet file. It is the same for every host of the fleet, with or without NixOS. Nix copies it to the Nix
        store, so it must not hold secrets: passwords and keys are in files whose paths it sets.
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
        The fleet as Nix attributes with the keys of the fleet file. Set either this or
        {option}`services.genbackup.fleet`.
      '';
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether to open the port on which this host accepts connections: on a client the port for the storage host's
        ssh, on the storage host the port of NFS for its clients. This opens the port for every address. A separate
        firewall rule that allows only the addresses of these hosts is safer.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.fleet == null || cfg.settings == null;
        message = "services.genbackup.fleet and services.genbackup.settings are both set; remove one of them";
      }
      {
        assertion = cfg.fleet != null || cfg.settings != null;
        message = "services.genbackup.enable needs the fleet: set services.genbackup.fleet to the path of the fleet file, or set services.genbackup.settings";
      }
      {
        assertion = !isBuilt;
        message = "services.genbackup.fleet is the output of a derivation, which Nix would have to build during evaluation; set it to the path of a file, or set services.genbackup.settings";
      }
      {
        assertion = cfg.host != "";
        message = "services.genbackup.host is not set, and this machine has no networking.hostName; the hosts of the fleet are: ${hostNames}";
      }
      {
        assertion = cfg.host == "" || hosts == { } || hosts ? ${cfg.host};
        message = "services.genbackup.host: no host of the fleet is named `${cfg.host}`; the hosts of the fleet are: ${hostNames}";
      }
      {
        assertion = lacking == [ ];
        message = "services.genbackup: host ${cfg.host} needs programs that are missing in pkgs: ${lib.concatStringsSep ", " lacking}; add them with an overlay";
      }
    ]
    ++ revealing
    ++ stored
    ++ old [
      "restic"
      "systemd"
    ];

    # `genbackup restore` and the commands of RECOVERY.md run restic.
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
    # Reload changed exports at a switch.
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
      # A file, not a link: sshd ignores keys below a directory that anyone but root may write to.
      (lib.mkIf isClient {
        "genbackup/authorized_keys" = {
          source = "${files}/etc/genbackup/authorized_keys";
          mode = "0444";
        };
      })
      # The path at which genbackup looks for it.
      { "genbackup/fleet.toml".source = fleetFile; }
    ];
  };
}

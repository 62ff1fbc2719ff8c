# The NixOS module: the files of this host, as `genbackup emit` writes them for any other system.
#
# genbackup runs when the system is built, so a problem in the fleet file fails the build with genbackup's own
# message. Nix does not read its output during evaluation: the evaluator would have to wait for a build.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.genbackup;
  toml = pkgs.formats.toml { };
  defaults = import ./defaults.nix;

  # Packages in which genbackup may be missing. nixpkgs' own would not need this.
  withGenbackup =
    packages:
    packages
    // {
      genbackup = packages.genbackup or (packages.callPackage ./package.nix { });
    };

  # A fleet file that is itself built cannot be read during evaluation.
  isBuilt =
    cfg.fleet != null
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext (toString cfg.fleet)));

  # Without the options that are not set. A table that is then empty was not set, either.
  withoutNull =
    value:
    if lib.isAttrs value && !lib.isDerivation value then
      lib.mapAttrs (_: withoutNull) (lib.filterAttrs (_: one: one != null) value)
    else
      value;
  settings = lib.filterAttrs (_: table: table != { }) (withoutNull cfg.settings);

  # The fleet, for what NixOS has to know during evaluation: users, ports, calendars, and the role of this host. Values of
  # a wrong type are ignored here, because genbackup reports them with their place.
  fleet =
    if cfg.settings != null then
      settings
    else if cfg.fleet != null && !isBuilt then
      builtins.addErrorContext "while reading the fleet file ${toString cfg.fleet} (services.genbackup.fleet)" (
        lib.importTOML cfg.fleet
      )
    else
      { };
  table = value: if lib.isAttrs value then value else { };
  texts = value: lib.filter lib.isString (if lib.isList value then value else [ value ]);
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
  notifies = isStorage && notify != { };
  sendsMail = isStorage && lib.any (one: (table one).kind or null == "email") (lib.attrValues notify);
  monitor = table (fleet.monitor or { });
  writes = file: isStorage && monitor ? ${file};
  copies = lib.filterAttrs (_: lib.isAttrs) (table (fleet.offsite or { }));
  copiesFiles = isStorage && lib.any (copy: copy.kind or null == "sync") (lib.attrValues copies);
  schedules = {
    genbackup = fleet.schedule or { };
  }
  // lib.mapAttrs' (name: copy: lib.nameValuePair "genbackup-offsite@${name}" copy) (
    lib.filterAttrs (_: copy: copy ? calendar) copies
  )
  // lib.mapAttrs' (name: host: lib.nameValuePair "genbackup-run@${name}" host.schedule) (
    lib.filterAttrs (_: host: (table host) ? schedule) hosts
  );
  userId = if lib.isInt (repository.uid or null) then repository.uid else defaults.uid;
  sshPort =
    let
      port = (table (fleet.ssh or { })).port or null;
    in
    if lib.isInt port then port else defaults.sshPort;
  hostKey =
    let
      file = this.host-key-file or null;
    in
    if lib.isString file then file else defaults.hostKeyFile;

  # nixpkgs' rest-server has a user of the same name.
  hasRestServer = config.services.restic.server.enable or false;

  # The programs of the scripts: those that this system itself uses, where it has an option.
  packages = pkgs // {
    openssh = config.services.openssh.package;
    systemd = config.systemd.package;
  };
  programs = [
    "bash"
    "coreutils"
    "findutils"
    "gnugrep"
    "openssh"
    "restic"
    "socat"
    "systemd"
    "util-linux"
  ]
  ++ lib.optional copiesFiles "rclone";
  lacking = lib.filter (name: !packages ? ${name}) programs;

  fleetFile =
    if cfg.settings != null then
      toml.generate "fleet.toml" settings
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
          cfg.generator
          pkgs.buildPackages.systemd
        ];
        # A build has no time zones at the usual path.
        TZDIR = "${pkgs.buildPackages.tzdata}/share/zoneinfo";
        programs = builtins.toJSON {
          bash = "${packages.bash}/bin/bash";
          genbackup = "${lib.getBin cfg.package}/bin/genbackup";
          socat = "${packages.socat}/bin/socat";
          sshd = "${packages.openssh}/bin/sshd";
          path = map (name: "${lib.getBin packages.${name}}/bin") (lib.remove "bash" programs);
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
    ++ lib.optionals isStorage (
      lib.concatMap (name: [
        "genbackup/offsite-${name}.known_hosts"
        "genbackup/offsite-${name}.ssh_config"
      ]) (lib.attrNames (lib.filterAttrs (_: copy: lib.hasPrefix "sftp:" (copy.repository or "")) copies))
    )
    ++ lib.optionals (writes "metrics") [
      "genbackup/grafana-dashboard.json"
      "genbackup/prometheus-rules.yml"
    ]
    ++ [ "genbackup/RECOVERY.md" ];

  # A timer whose calendar the configuration can replace: the timer of the package has none, because `OnCalendar=` is a
  # list, and the drop-in that NixOS writes would only add to it.
  timer = calendar: {
    wantedBy = [ "timers.target" ];
    timerConfig.OnCalendar = texts calendar;
  };
  # As in genbackup's own timers.
  regularly = timer defaults.rhythm;

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
          section = lib.head way;
          name = lib.concatStringsSep "." way;
          inherit value;
        }
      ];
  values = lib.concatLists (lib.mapAttrsToList (name: leaves [ name ]) (table fleet));
  names = list: lib.concatStringsSep ", " (lib.unique (map ({ name, ... }: "`${name}`") list));

  isInStore =
    value:
    lib.isPath value
    || lib.isDerivation value
    || lib.hasPrefix "${builtins.storeDir}/" (toString value);
  isSecret =
    {
      key,
      section,
      value,
      ...
    }:
    lib.isString value
    && (
      lib.hasInfix "PRIVATE KEY" value
      # The address of a web service is a secret. Elsewhere, a URL is not.
      || section == "notify" && (lib.hasPrefix "https://" value || lib.hasPrefix "http://" value)
      || lib.any (word: lib.hasInfix word key && !lib.hasSuffix "-file" key) [
        "passphrase"
        "password"
        "secret"
      ]
    );
  secrets = lib.filter isSecret values;
  stored = lib.filter (
    { key, value, ... }: (lib.hasSuffix "-file" key || lib.isPath value) && isInStore value
  ) values;

  # The minimum version of a program that the fleet sets for this host.
  minimum =
    program:
    (table (this.minimum-versions or { })).${program} or (table (fleet.minimum-versions or { }))
    .${program} or null;
  old = lib.filter (
    program:
    lib.isString (minimum program)
    && !lib.elem program lacking
    && lib.versionOlder packages.${program}.version (minimum program)
  ) defaults.programs;

  # The hooks of this host, each with its place in the fleet.
  hooks = lib.concatMap (
    kind:
    lib.mapAttrsToList (name: hook: {
      place = "hosts.${cfg.host}.${kind}.${name}";
      inherit (table hook) user;
      program = lib.head (texts (hook.command or [ ]) ++ [ "" ]);
    }) (lib.filterAttrs (_: hook: lib.isString (table hook).user or null) (table (this.${kind} or { })))
  ) defaults.hooks;
  # Of these directories, NixOS has only /bin/sh and /usr/bin/env.
  isElsewhere =
    program:
    lib.any (directory: lib.hasPrefix directory program) [
      "/bin/"
      "/sbin/"
      "/usr/"
    ]
    && !lib.elem program [
      "/bin/sh"
      "/usr/bin/env"
    ];

  sshd = config.services.openssh;
  sshdKeys = lib.optionals (sshd.generateHostKeys or sshd.enable) (map (key: key.path) sshd.hostKeys);
  # A path of sshd's, at which neither sshd nor the configuration puts a key.
  lacksHostKey =
    isClient
    && lib.hasPrefix "/etc/ssh/ssh_host_" hostKey
    && !lib.elem hostKey sshdKeys
    && !config.environment.etc ? ${lib.removePrefix "/etc/" hostKey};

  # A path literal is also accepted: the assertion about the Nix store explains what to do about it.
  pathText = types.either types.str types.path;
  # A key of the fleet file, which is omitted while it is null.
  key =
    type: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description;
    };
  calendarKey = key (types.either types.str (types.listOf types.str));
  hostModule = {
    freeformType = toml.type;
    options = {
      address = key types.str "The address of this host: a host name or an IP address.";
      host-key = key types.str "On a client: its public ssh host key.";
      host-key-file = key pathText "On a client: the path of its ssh host key.";
      include = key (types.listOf pathText) "The files and directories to back up.";
      exclude = key (types.listOf types.str) "Patterns of files that are not backed up.";
    };
  };
in
{
  options.services.genbackup = {
    enable = lib.mkEnableOption "the backups of this host in a fleet with restic";

    package = lib.mkPackageOption (withGenbackup pkgs) "genbackup" { };

    generator = mkOption {
      type = types.package;
      default =
        if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
          cfg.package
        else
          (withGenbackup pkgs.buildPackages).genbackup;
      defaultText = lib.literalExpression "config.services.genbackup.package, or pkgs.buildPackages.genbackup when cross-compiling";
      description = "The genbackup package that writes the files of this host when the system is built.";
    };

    host = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "db.example.net";
      description = "The name of this host in the fleet, below `hosts`.";
    };

    fleet = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = lib.literalExpression "./fleet.toml";
      description = ''
        The fleet file. It is the same for every host of the fleet, with or without NixOS. Nix copies it to the Nix
        store, so it must not hold secrets: passwords and keys are in files whose paths it sets.
      '';
    };

    settings = mkOption {
      type = types.nullOr (
        types.submodule {
          freeformType = toml.type;
          options = {
            schedule.calendar = calendarKey "When a run starts, in the format of {manpage}`systemd.time(7)`.";
            repository = {
              host = key types.str "The name of the storage host.";
              path = key pathText "The directory of the restic repository on the storage host.";
              password-file = key pathText "The path of the file that holds the password of the repository.";
              keep = key types.str "The keep policy.";
              uid = key types.ints.unsigned "The ID of user and group `restic` on the storage host.";
            };
            ssh = {
              port = key types.port "The port on which clients accept the storage host.";
              key-file = key pathText "The path of the storage host's ssh key.";
              public-key = key types.str "The public part of that key.";
            };
            hosts = mkOption {
              type = types.attrsOf (types.submodule hostModule);
              default = { };
              description = "The hosts of the fleet, by name.";
            };
          };
        }
      );
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
        The fleet as Nix attributes with the keys of the fleet file. Only the main keys have an option. Several modules
        can add to `hosts.NAME.include`. Set either this or {option}`services.genbackup.fleet`.
      '';
    };

    openFirewall = mkOption {
      type = types.bool;
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
      {
        assertion = old == [ ];
        message = "services.genbackup: programs of ${cfg.host} are older than the fleet requires (minimum-versions): ${
          lib.concatMapStringsSep ", " (
            program: "${program} is ${packages.${program}.version}, required is ${minimum program}"
          ) old
        }";
      }
      {
        # The message does not contain the secret.
        assertion = secrets == [ ];
        message = "services.genbackup: the fleet holds a secret in ${names secrets}, but every user of this host can read the Nix store; write the secret to a file that only root can read, set the path of that file, and replace the secret, because the store may contain it already";
      }
      {
        assertion = stored == [ ];
        message = "services.genbackup: ${names stored} would be in the Nix store, which every user of this host can read; write it in quotes, as the path of a file that only root can read: \"/etc/genbackup/…\"";
      }
      {
        assertion = !hasRestServer;
        message = "services.genbackup: services.restic.server is enabled on ${cfg.host}, and its user restic is also the user of the backups; run the rest-server on another host or in a container";
      }
    ];

    warnings =
      lib.optional (lacksHostKey && sshdKeys == [ ])
        "services.genbackup: ${cfg.host} shows the host key ${hostKey} to the storage host, but nothing makes it, because services.openssh is not enabled; enable it, or make a key with ssh-keygen and set `hosts.${cfg.host}.host-key-file` in the fleet to its path"
      ++
        lib.optional (lacksHostKey && sshdKeys != [ ])
          "services.genbackup: ${cfg.host} shows the host key ${hostKey} to the storage host, but services.openssh.hostKeys has other paths; set `hosts.${cfg.host}.host-key-file` in the fleet to one of them: ${lib.concatStringsSep ", " sshdKeys}"
      ++ map (
        { place, user, ... }:
        "services.genbackup: `${place}` runs as user ${user}, who is missing in users.users; enable the service that makes this user, or name another one"
      ) (lib.filter ({ user, ... }: !config.users.users ? ${user}) hooks)
      ++ map (
        { place, program, ... }:
        "services.genbackup: `${place}` starts ${program}, which NixOS does not have at this path; use /run/current-system/sw/bin/${baseNameOf program} and environment.systemPackages, or with services.genbackup.settings the path in the package"
      ) (lib.filter ({ program, ... }: isElsewhere program) hooks);

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
      uid = lib.mkIf (isStorage && !hasRestServer) userId;
      # sshd starts its forced command with it.
      shell = lib.mkIf isClient "${pkgs.bash}/bin/sh";
    };
    users.groups.restic.gid = lib.mkIf (isStorage && !hasRestServer) userId;

    services.nfs.server.enable = lib.mkIf isExported true;
    # Reload changed exports at a switch.
    systemd.services = lib.mkIf isExported { nfs-server.reloadTriggers = [ files ]; };
    # For mount.nfs(8). NFS 4 needs none of the services that `boot.supportedFilesystems` starts, such as rpcbind.
    system.fsPackages = lib.mkIf isClient [ pkgs.nfs-utils ];
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      lib.optional isClient sshPort ++ lib.optional isExported 2049
    );

    systemd.packages = [ files ];
    systemd.tmpfiles.packages = [ files ];
    systemd.timers = lib.mkMerge [
      (lib.mkIf isStorage (lib.mapAttrs (_: schedule: timer (table schedule).calendar or null) schedules))
      (lib.mkIf notifies { genbackup-watch = regularly; })
      (lib.listToAttrs (
        map (file: lib.nameValuePair "genbackup-${file}" regularly) (lib.filter writes defaults.written)
      ))
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

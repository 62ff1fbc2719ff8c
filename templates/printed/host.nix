# Written by genbackup from the fleet file; change that instead.
# The NixOS module of host {{ host }}: import it into the configuration of that host.
{%- if let Some(connection) = connection %}
# The storage host connects to TCP port {{ connection.port }}: open it in the firewall yourself.
{%- else if parts.exports() %}
# The clients connect to TCP port 2049 (NFS): open it in the firewall yourself.
{%- endif %}
{%- if keeps %}
{%- if watches %}
# Units run genbackup and read the fleet file: add genbackup to environment.systemPackages, and the fleet file to
# environment.etc."genbackup/fleet.toml".
{%- else %}
# Units run genbackup: add it to environment.systemPackages.
{%- endif %}
{%- endif %}
{
  config,
  lib,
  pkgs,
  ...
}:

let
  # The directories in which the scripts find their programs.
  path = lib.makeBinPath [
{%- for package in packages %}
    {{ package|safe }}
{%- endfor %}
  ];
{%- for (name, content) in parts.scripts %}

  {{ name }} = pkgs.writeScript "{{ name }}" ''
{{ content|indented(4)|safe }}  '';
{%- endfor %}

  units = {
{%- for (name, content) in parts.units %}
    "{{ name }}" = ''
{{ content|indented(6)|safe }}    '';
{%- endfor %}
  };

  # As a package, so that options of `systemd.services` extend these units.
  package = pkgs.linkFarm "genbackup-units" (
    lib.mapAttrs' (
      name: text:
      lib.nameValuePair "lib/systemd/system/${name}" (
        pkgs.writeText (lib.strings.sanitizeDerivationName name) text
      )
    ) units
  );

  # nixpkgs' rest-server has a user of the same name.
  hasRestServer = config.services.restic.server.enable or false;
in
{
  assertions = [
    {
      assertion = !hasRestServer;
      message = "genbackup: services.restic.server is enabled on {{ host }}, and its user restic is also the user of the backups; run the rest-server on another host or in a container";
    }
    {
      assertion = lib.versionAtLeast pkgs.restic.version "{{ restic }}";
      message = "genbackup: restic is ${pkgs.restic.version}, but the fleet file requires {{ restic }} or later on {{ host }} (minimum-versions)";
    }
    {
      assertion = lib.versionAtLeast config.systemd.package.version "{{ systemd }}";
      message = "genbackup: systemd is ${config.systemd.package.version}, but the fleet file requires {{ systemd }} or later on {{ host }} (minimum-versions)";
    }
  ];

  # For the commands of RECOVERY.md.
  environment.systemPackages = [ pkgs.restic ];

  users.users.restic = {
    isSystemUser = true;
    group = "restic";
    description = "Backups with restic";
{%- if let Some(uid) = uid %}
    # Fixed: the NFS export maps every client to it.
    uid = lib.mkIf (!hasRestServer) {{ uid }};
{%- endif %}
{%- if connection.is_some() %}
    # sshd starts its forced command with it.
    shell = "${pkgs.bash}/bin/sh";
{%- endif %}
  };
{%- if let Some(uid) = uid %}
  users.groups.restic.gid = lib.mkIf (!hasRestServer) {{ uid }};
{%- else %}
  users.groups.restic = { };
{%- endif %}
{%- if parts.exports() %}

  services.nfs.server.enable = true;
  # Reload changed exports at a switch.
  systemd.services.nfs-server.reloadTriggers = [
    config.environment.etc."exports.d/genbackup.exports".source
  ];
{%- endif %}
{%- if connection.is_some() %}

  # For mount.nfs(8). NFS 4 needs none of the services that `boot.supportedFilesystems` starts.
  system.fsPackages = [ pkgs.nfs-utils ];
{%- endif %}

  systemd.tmpfiles.rules = [
{%- for rule in parts.rules %}
    "{{ rule }}"
{%- endfor %}
  ];

  environment.etc = {
{%- for file in parts.files %}
{%- if file.is_watched %}
    "{{ file.path }}" = {
      # A file, not a link: sshd ignores keys below a directory that anyone but root may write to.
      mode = "0444";
      text = ''
{{ file.content|indented(8)|safe }}      '';
    };
{%- else %}
    "{{ file.path }}".text = ''
{{ file.content|indented(6)|safe }}    '';
{%- endif %}
{%- endfor %}
  };

  systemd.packages = [ package ];
{%- if !parts.timers.is_empty() %}

  # A list that replaces this one replaces the calendar, because the unit has none.
  systemd.timers = {
{%- for timer in parts.timers %}
    "{{ timer.name }}" = {
      wantedBy = [ "{{ timer.wanted_by }}" ];
      timerConfig.OnCalendar = [
{%- for calendar in timer.calendars %}
        "{{ calendar }}"
{%- endfor %}
      ];
    };
{%- endfor %}
  };
{%- endif %}
{%- if !parts.sockets.is_empty() %}

  systemd.sockets = {
{%- for socket in parts.sockets %}
    "{{ socket.name }}".wantedBy = [ "{{ socket.wanted_by }}" ];
{%- endfor %}
  };
{%- endif %}
}

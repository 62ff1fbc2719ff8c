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
# A unit runs genbackup to decide what forget may remove: add genbackup to environment.systemPackages.
{%- endif %}
{%- endif %}
{
{%- if parts.exports() %}
  config,
{%- endif %}
  lib,
  pkgs,
  ...
}:

let
  # The directories in which the scripts find their programs.
  path = lib.makeBinPath [
{%- for package in packages %}
    pkgs.{{ package }}
{%- endfor %}
  ];
{%- if !parts.filters.is_empty() %}

  # The jq programs of the scripts.
  filters = pkgs.linkFarm "genbackup-filters" {
{%- for (name, content) in parts.filters %}
    "{{ name }}" = pkgs.writeText "{{ name }}" ''
{{ content|indented(6)|safe }}    '';
{%- endfor %}
  };
{%- endif %}
{%- for (name, content) in parts.scripts %}

  {{ name }} = pkgs.writeScript "{{ name }}" ''
{{ content|indented(4)|safe }}  '';
{%- endfor %}
in
{
  assertions = [
    {
      assertion = lib.versionAtLeast pkgs.restic.version "{{ restic }}";
      message = "genbackup: restic is ${pkgs.restic.version}, but the fleet file requires {{ restic }} or later on {{ host }} (minimum-versions)";
    }
    {
      assertion = lib.versionAtLeast pkgs.systemd.version "{{ systemd }}";
      message = "genbackup: systemd is ${pkgs.systemd.version}, but the fleet file requires {{ systemd }} or later on {{ host }} (minimum-versions)";
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
    uid = {{ uid }};
{%- endif %}
{%- if connection.is_some() %}
    # sshd starts its forced command with it.
    shell = "${pkgs.bash}/bin/sh";
{%- endif %}
  };
{%- if let Some(uid) = uid %}
  users.groups.restic.gid = {{ uid }};
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

  # For mount.nfs(8).
  boot.supportedFilesystems = [ "nfs" ];
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

  systemd.units = {
{%- for unit in parts.units %}
    "{{ unit.name }}" = {
{%- if let Some(target) = unit.wanted_by %}
      wantedBy = [ "{{ target }}" ];
{%- endif %}
      text = ''
{{ unit.content|indented(8)|safe }}      '';
    };
{%- endfor %}
  };
}

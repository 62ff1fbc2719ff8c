# Written by genbackup from the fleet file; change that instead.
# What NixOS needs to know of host {{ host }}: import it into that host's configuration.
{%- if let Some(connection) = connection %}
# The storage host comes in on TCP port {{ connection.port }}: the firewall is yours to open.
{%- else if parts.exports() %}
# The clients come in on TCP port 2049 (NFS): the firewall is yours to open.
{%- endif %}
{%- if keeps %}
# The command itself decides what forget may touch{% if watches %}, and watches the fleet{% endif %}. Install it: environment.systemPackages
{%- if watches %}, and
# the fleet file: environment.etc."genbackup/fleet.toml"
{%- endif %}.
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
  # Where the scripts find their programs.
  path = lib.makeBinPath [
{%- for package in packages %}
    pkgs.{{ package }}
{%- endfor %}
  ];
{%- if !parts.filters.is_empty() %}

  # What the scripts ask jq.
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
      message = "genbackup: restic is ${pkgs.restic.version} here, and the fleet says that {{ host }} has {{ restic }} or later (minimum-versions)";
    }
    {
      assertion = lib.versionAtLeast pkgs.systemd.version "{{ systemd }}";
      message = "genbackup: systemd is ${pkgs.systemd.version} here, and the fleet says that {{ host }} has {{ systemd }} or later (minimum-versions)";
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
  # A changed export is in force after the switch.
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
      # A file, not a link: sshd takes no keys from below a folder that others than root may write to.
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

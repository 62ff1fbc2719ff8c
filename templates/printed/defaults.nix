# `cargo xtask docs` writes this file from the code of genbackup. ./module.nix reads it.
{
  # Defaults of the fleet file.
  uid = {{ uid }};
  sshPort = {{ ssh_port }};
  hostKeyFile = "{{ host_key_file }}";

  # The tables of a host that hold hooks.
  hooks = [
{%- for kind in hooks %}
    "{{ kind }}"
{%- endfor %}
  ];

  # The keys of `minimum-versions`.
  programs = [
{%- for program in programs %}
    "{{ program }}"
{%- endfor %}
  ];

  # The keys of `monitor` that name a file. Each has a timer and a service of its name.
  written = [
{%- for kind in written %}
    "{{ kind }}"
{%- endfor %}
  ];

  # When the timers of notifications and of these files elapse.
  rhythm = "{{ rhythm }}";
}

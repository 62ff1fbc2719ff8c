# `cargo xtask docs` writes this file from the code of genbackup. ./module.nix reads it.
{
  # Defaults of the fleet file.
  uid = 850;
  sshPort = 50000;
  hostKeyFile = "/etc/ssh/ssh_host_ed25519_key";

  # The tables of a host that hold hooks.
  hooks = [
    "before"
    "after"
  ];

  # The keys of `minimum-versions`.
  programs = [
    "restic"
    "systemd"
  ];

  # The keys of `monitor` that name a file. Each has a timer and a service of its name.
  written = [
    "metrics"
    "report"
  ];

  # When the timers of notifications and of these files elapse.
  rhythm = "*:0/15";
}

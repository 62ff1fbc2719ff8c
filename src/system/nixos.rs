//! What a person does on NixOS instead of running commands that change the system. NixOS makes units, users
//! and files from its configuration. It undoes other changes or refuses them.

use std::path::Path;

/// How a host is administered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// The configuration of NixOS makes units, users and files.
    NixOs,
    /// Commands make them.
    Other,
}

impl System {
    /// That of this host.
    pub(crate) fn here() -> Self {
        if Path::new("/etc/NIXOS").exists() {
            Self::NixOs
        } else {
            Self::Other
        }
    }

    pub(crate) fn is_nixos(self) -> bool {
        self == Self::NixOs
    }

    /// The command that applies the fleet file to this host, if it is the storage host.
    pub(crate) const fn apply(self) -> &'static str {
        match self {
            Self::NixOs => "`nixos-rebuild switch`",
            Self::Other => "`genbackup emit --now`",
        }
    }

    /// The command that shows what that would change.
    pub(crate) const fn compare(self) -> &'static str {
        match self {
            Self::NixOs => "`nixos-rebuild dry-activate`",
            Self::Other => "`genbackup emit --diff`",
        }
    }

    /// How to become a member of the group that may start and stop runs.
    pub(crate) const fn join_group(self) -> &'static str {
        match self {
            Self::NixOs => {
                "set `users.users.NAME.extraGroups = [ \"restic\" ]` and `security.polkit.enable = true` in its \
                 configuration, run `nixos-rebuild switch`, then log in again"
            }
            Self::Other => {
                "`usermod --append --groups restic NAME`, then log in again; the group needs polkitd"
            }
        }
    }

    /// How to start a unit that waits for something, now and at each boot.
    pub(crate) fn enable(self, unit: &str) -> String {
        match self {
            Self::NixOs => format!("run `systemctl start {unit}`; `nixos-rebuild switch` enables it again"),
            Self::Other => format!("run `systemctl enable --now {unit}`"),
        }
    }

    /// How to undo the mask of a unit.
    pub(crate) fn unmask(self, unit: &str) -> String {
        match self {
            Self::NixOs => {
                "remove the `enable = false` of this unit from the configuration, then run `nixos-rebuild switch`"
                    .to_owned()
            }
            Self::Other => format!("run `systemctl unmask {unit}`"),
        }
    }

    /// How the user of a hook is made.
    pub(crate) fn make_user(self, user: &str) -> String {
        match self {
            Self::NixOs => format!(
                "set `users.users.{user}` or enable the service that makes this user, then run `nixos-rebuild switch`; or \
                 name another one in the fleet file"
            ),
            Self::Other => "make the user, or name another one in the fleet file".to_owned(),
        }
    }

    /// How the program of a hook comes to its path.
    pub(crate) fn install(self, program: &str) -> String {
        match self {
            Self::NixOs => format!(
                "add its package to `environment.systemPackages`, and write `/run/current-system/sw/bin/{}` into \
                 `command`",
                program.rsplit('/').next().unwrap_or(program)
            ),
            Self::Other => "install it, or name another one in `command`".to_owned(),
        }
    }
}

/// A tool that writes secrets for NixOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretTool {
    /// <https://github.com/Mic92/sops-nix>
    SopsNix,
    /// <https://github.com/ryantm/agenix>
    Agenix,
}

impl SecretTool {
    /// The tool that a path belongs to, by its default directory.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let is_below = |directory: &str| Path::new(path).starts_with(directory);
        if is_below("/run/agenix") || is_below("/run/agenix.d") {
            Some(Self::Agenix)
        } else if is_below("/run/secrets") || is_below("/run/secrets.d") {
            Some(Self::SopsNix)
        } else {
            None
        }
    }

    /// How a secret comes to its path.
    pub(crate) const fn write(self) -> &'static str {
        match self {
            Self::SopsNix => {
                "sops-nix writes this file: check `sops.secrets` in the configuration, then run `nixos-rebuild switch`"
            }
            Self::Agenix => {
                "agenix writes this file: check `age.secrets` in the configuration, then run `nixos-rebuild switch`"
            }
        }
    }

    /// How a secret comes to belong to root alone.
    pub(crate) const fn close(self) -> &'static str {
        match self {
            Self::SopsNix => {
                "sops-nix writes this file: remove `mode`, `owner` and `group` from its `sops.secrets`, then run \
                 `nixos-rebuild switch`"
            }
            Self::Agenix => {
                "agenix writes this file: remove `mode`, `owner` and `group` from its `age.secrets`, then run \
                 `nixos-rebuild switch`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands that NixOS undoes or refuses.
    const REFUSED: [&str; 7] = [
        "systemctl enable",
        "systemctl unmask",
        "usermod",
        "groupmod",
        "genbackup emit",
        "apt",
        "/usr/",
    ];

    fn hints(system: System) -> Vec<String> {
        vec![
            system.apply().to_owned(),
            system.compare().to_owned(),
            system.join_group().to_owned(),
            system.enable("genbackup.timer"),
            system.unmask("genbackup.timer"),
            system.make_user("postgres"),
            system.install("/usr/bin/pg_dumpall"),
        ]
    }

    #[test]
    fn no_hint_on_nixos_names_a_command_that_it_undoes() {
        for hint in hints(System::NixOs) {
            for refused in REFUSED {
                assert!(!hint.contains(refused), "{hint}");
            }
        }
    }

    #[test]
    fn each_hint_on_nixos_differs_from_that_elsewhere() {
        for (nixos, other) in hints(System::NixOs).iter().zip(hints(System::Other)) {
            assert_ne!(*nixos, other);
        }
    }

    #[test]
    fn a_secret_belongs_to_the_tool_of_its_directory() {
        for (path, tool) in [
            ("/run/secrets/restic-password", Some(SecretTool::SopsNix)),
            ("/run/agenix/restic-password", Some(SecretTool::Agenix)),
            ("/run/secretsofmine", None),
            ("/etc/genbackup/restic-password", None),
        ] {
            assert_eq!(SecretTool::of(path), tool, "{path}");
        }
    }
}

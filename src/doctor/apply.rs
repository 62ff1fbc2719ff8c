//! The command that brings the files of this host up to date.

use std::fmt;

use crate::model::HostName;
use crate::plan::HostPlan;

/// How a change of the fleet file takes effect on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apply<'f> {
    /// The storage host writes its own files.
    Emit,
    /// The storage host brings a client its files: a client needs no command.
    Push {
        client: &'f HostName,
        storage: &'f HostName,
    },
    /// NixOS builds the files into the system.
    Rebuild,
}

impl<'f> Apply<'f> {
    pub(super) fn of(plan: &HostPlan<'f>) -> Self {
        Self::on(plan, super::is_on_nixos())
    }

    fn on(plan: &HostPlan<'f>, is_nixos: bool) -> Self {
        if is_nixos {
            Self::Rebuild
        } else if plan.coordinator.is_some() {
            Self::Emit
        } else {
            Self::Push {
                client: plan.host,
                storage: plan.recovery.storage,
            }
        }
    }

    /// The command that shows what would change.
    pub(super) fn diff(self) -> String {
        match self {
            Self::Emit | Self::Rebuild => "`genbackup emit --diff`".to_owned(),
            Self::Push { client, storage } => format!("`genbackup push --diff {client}` on {storage}"),
        }
    }
}

/// The command, to be written after `run`.
impl fmt::Display for Apply<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit => formatter.write_str("`genbackup emit --now`"),
            Self::Push { client, storage } => write!(formatter, "`genbackup push {client}` on {storage}"),
            Self::Rebuild => formatter.write_str("`nixos-rebuild switch`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet;
    use crate::resolve::resolve;

    #[test]
    fn each_kind_of_host_has_its_command() {
        let fleet = resolve(fleet::read("fleet", crate::reference::FLEET)).unwrap();
        for (host, is_nixos, command) in [
            ("jak", false, "`genbackup emit --now`"),
            ("ziz", false, "`genbackup push ziz` on jak"),
            ("jak", true, "`nixos-rebuild switch`"),
            ("ziz", true, "`nixos-rebuild switch`"),
        ] {
            let host = HostName::try_from(host.to_owned()).unwrap();
            let plan = HostPlan::of(&fleet, &host).unwrap();
            assert_eq!(Apply::on(&plan, is_nixos).to_string(), command, "{host}");
        }
    }
}

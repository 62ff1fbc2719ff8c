//! The command that brings the files of this host up to date.

use std::fmt;

use crate::emit::plan::HostPlan;
use crate::model::HostName;
use crate::system::nixos::System;

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
        Self::on(plan, System::here())
    }

    fn on(plan: &HostPlan<'f>, system: System) -> Self {
        if system.is_nixos() {
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

    /// How the host is administered.
    pub(super) const fn system(self) -> System {
        match self {
            Self::Emit | Self::Push { .. } => System::Other,
            Self::Rebuild => System::NixOs,
        }
    }

    /// The command that shows what would change.
    pub(super) fn diff(self) -> String {
        match self {
            Self::Emit | Self::Rebuild => self.system().compare().to_owned(),
            Self::Push { client, storage } => format!("`genbackup push --diff {client}` on {storage}"),
        }
    }
}

/// The command, to be written after `run`.
impl fmt::Display for Apply<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit | Self::Rebuild => formatter.write_str(self.system().apply()),
            Self::Push { client, storage } => write!(formatter, "`genbackup push {client}` on {storage}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;
    use crate::config::resolve::resolve;

    #[test]
    fn each_kind_of_host_has_its_command() {
        let fleet = resolve(file::read("fleet", crate::reference::FLEET)).unwrap();
        for (host, system, command, diff) in [
            (
                "jak",
                System::Other,
                "`genbackup emit --now`",
                "`genbackup emit --diff`",
            ),
            (
                "ziz",
                System::Other,
                "`genbackup push ziz` on jak",
                "`genbackup push --diff ziz` on jak",
            ),
            (
                "jak",
                System::NixOs,
                "`nixos-rebuild switch`",
                "`nixos-rebuild dry-activate`",
            ),
            (
                "ziz",
                System::NixOs,
                "`nixos-rebuild switch`",
                "`nixos-rebuild dry-activate`",
            ),
        ] {
            let host = HostName::try_from(host.to_owned()).unwrap();
            let plan = HostPlan::of(&fleet, &host).unwrap();
            let apply = Apply::on(&plan, system);
            assert_eq!(apply.to_string(), command, "{host}");
            assert_eq!(apply.diff(), diff, "{host}");
        }
    }
}

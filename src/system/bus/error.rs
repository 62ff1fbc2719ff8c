//! The errors of the bus and of systemd, with hints.

use std::fmt;

use crate::system::nixos::System;

/// Why a request to the bus or to systemd failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// There is no system bus, or it refuses the connection.
    NoBus(String),
    /// The caller lacks the privilege, for this unit.
    Denied(String),
    /// There is no such unit.
    UnitMissing(String),
    /// systemd does not answer. It may be restarting.
    Away,
    /// The wait for an answer was interrupted.
    Interrupted,
    /// The connection is already subscribed. This is harmless.
    AlreadySubscribed,
    /// Any other error: the unit, and the message.
    Other(String, String),
}

impl std::error::Error for Error {}

impl Error {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn no_bus(error: zbus::Error) -> Self {
        Self::NoBus(error.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn of(error: zbus::Error, unit: &str) -> Self {
        Self::from_zbus(&error, unit)
    }

    fn from_zbus(error: &zbus::Error, unit: &str) -> Self {
        let name = match error {
            zbus::Error::MethodError(name, _, _) => name.as_str(),
            zbus::Error::FDO(error) => {
                let other = || Self::Other(unit.to_owned(), error.to_string());
                return Self::of_fdo(error, unit).unwrap_or_else(other);
            }
            zbus::Error::InputOutput(_) => {
                return if is_timeout(error) {
                    Self::Away
                } else {
                    Self::NoBus(error.to_string())
                };
            }
            _ => return Self::Other(unit.to_owned(), error.to_string()),
        };
        match name {
            "org.freedesktop.DBus.Error.AccessDenied"
            | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
            | "org.freedesktop.DBus.Error.AuthFailed" => Self::Denied(unit.to_owned()),
            "org.freedesktop.systemd1.NoSuchUnit" | "org.freedesktop.systemd1.LoadFailed" => {
                Self::UnitMissing(unit.to_owned())
            }
            "org.freedesktop.systemd1.AlreadySubscribed" => Self::AlreadySubscribed,
            name if is_away(name) => Self::Away,
            _ => Self::Other(unit.to_owned(), error.to_string()),
        }
    }

    fn of_fdo(error: &zbus::fdo::Error, unit: &str) -> Option<Self> {
        use zbus::fdo::Error as Fdo;
        match error {
            Fdo::AccessDenied(_) | Fdo::AuthFailed(_) | Fdo::InteractiveAuthorizationRequired(_) => {
                Some(Self::Denied(unit.to_owned()))
            }
            Fdo::ServiceUnknown(_)
            | Fdo::NameHasNoOwner(_)
            | Fdo::NoReply(_)
            | Fdo::Timeout(_)
            | Fdo::TimedOut(_)
            | Fdo::Disconnected(_)
            | Fdo::UnknownObject(_)
            | Fdo::SpawnChildExited(_)
            | Fdo::SpawnFailed(_) => Some(Self::Away),
            Fdo::ZBus(error) => Some(Self::from_zbus(error, unit)),
            _ => None,
        }
    }
}

/// True for the errors that the bus or systemd gives while systemd restarts.
fn is_away(name: &str) -> bool {
    let known = [
        "ServiceUnknown",
        "NameHasNoOwner",
        "NoReply",
        "Timeout",
        "TimedOut",
        "Disconnected",
        "UnknownObject",
        "UnknownMethod",
    ];
    name.strip_prefix("org.freedesktop.DBus.Error.")
        // The bus starts a program for an absent name. For systemd, that program is `false`.
        .is_some_and(|word| known.contains(&word) || word.starts_with("Spawn."))
        || name == "org.freedesktop.systemd1.ShuttingDown"
}

fn is_timeout(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus(error) => write!(formatter, "cannot reach the system bus: {error}"),
            Self::Denied(unit) => write!(formatter, "you are not allowed to start or stop {unit}"),
            Self::UnitMissing(unit) => write!(formatter, "systemd does not know the unit {unit}"),
            Self::Away => formatter.write_str("systemd does not answer"),
            Self::Interrupted => formatter.write_str("interrupted while waiting for systemd"),
            Self::AlreadySubscribed => formatter.write_str("already subscribed to the signals of systemd"),
            Self::Other(unit, error) => write!(formatter, "systemd refused the request for {unit}: {error}"),
        }
    }
}

impl Error {
    /// What to do next; `None` if there is nothing to do.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        self.hint_on(System::here())
    }

    fn hint_on(&self, system: System) -> Option<String> {
        match self {
            Self::NoBus(_) => Some(
                "see `systemctl status dbus.socket`; as root, `systemctl start genbackup.service` works without the bus"
                    .to_owned(),
            ),
            Self::Denied(_) => Some(format!(
                "run this as root, or as a member of the group `restic`: {}",
                system.join_group()
            )),
            Self::UnitMissing(_) => Some(format!(
                "run this on the storage host; if the unit is missing there, run {}",
                system.apply()
            )),
            Self::Away => Some("try again; it may be restarting".to_owned()),
            Self::Interrupted | Self::AlreadySubscribed => None,
            Self::Other(unit, _) => Some(format!("see `systemctl status {unit}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_fit_the_system() {
        let denied = Error::Denied("genbackup.service".to_owned());
        let missing = Error::UnitMissing("genbackup.service".to_owned());
        for (error, system, command) in [
            (&denied, System::NixOs, "`users.users.NAME.extraGroups"),
            (&denied, System::Other, "`usermod --append --groups restic NAME`"),
            (&missing, System::NixOs, "run `nixos-rebuild switch`"),
            (&missing, System::Other, "run `genbackup emit --now`"),
        ] {
            let hint = error.hint_on(system).unwrap();
            assert!(hint.contains(command), "{hint}");
        }
    }
}

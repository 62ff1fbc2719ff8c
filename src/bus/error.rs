//! What goes wrong on the bus, in words for people.

use std::fmt;

/// Why the bus, or systemd behind it, did not do what it was asked for.
#[derive(Debug)]
pub enum Error {
    /// There is no system bus, or it lets nobody in.
    NoBus(String),
    /// Who asks may not do that.
    Denied(String),
    /// There is no such unit.
    UnitMissing(String),
    /// systemd does not answer: it may be about to start anew.
    Away,
    /// Nobody wants to wait for an answer any more.
    Interrupted,
    /// The connection is subscribed already; no mistake.
    AlreadySubscribed,
    /// Anything else, about that unit.
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
        Self::told(&error, unit)
    }

    fn told(error: &zbus::Error, unit: &str) -> Self {
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
            Fdo::ZBus(error) => Some(Self::told(error, unit)),
            _ => None,
        }
    }
}

/// What the bus, or systemd, says while systemd starts anew.
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
        // The bus starts a program in the place of who is not there, and systemd's is `false`.
        .is_some_and(|word| known.contains(&word) || word.starts_with("Spawn."))
        || name == "org.freedesktop.systemd1.ShuttingDown"
}

fn is_timeout(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus(error) => write!(
                formatter,
                "can't reach the system's bus: {error}\n\nhint: `systemctl status dbus.socket` says whether it is there; `systemctl start genbackup.service` as root needs none"
            ),
            Self::Denied(unit) => write!(
                formatter,
                "you may not start or stop {unit}\n\nhint: root may, and who is in the group `restic` of the storage host (`usermod --append --groups restic NAME`, then log in anew); that takes polkitd"
            ),
            Self::UnitMissing(unit) => write!(
                formatter,
                "systemd knows no unit {unit}\n\nhint: it is the storage host's; there, `genbackup emit` writes it, and `systemctl daemon-reload` makes it known"
            ),
            Self::Away => write!(
                formatter,
                "systemd does not answer\n\nhint: it may be starting anew; try again"
            ),
            Self::Interrupted => formatter.write_str("systemd's answer is not waited for any more"),
            Self::AlreadySubscribed => formatter.write_str("systemd's signals come already"),
            Self::Other(unit, error) => write!(
                formatter,
                "systemd refuses, about {unit}: {error}\n\nhint: `systemctl status {unit}` says more"
            ),
        }
    }
}

//! The Debian releases that guests run: a real fleet is mixed.

/// One of them, with the facts that stories ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
    /// Debian testing, which is to be Debian 14.
    Forky,
}

impl Release {
    /// All of them, the oldest first.
    pub const ALL: [Self; 3] = [Self::Bookworm, Self::Trixie, Self::Forky];

    /// Debian's name for it, as in its archive.
    #[must_use]
    pub fn codename(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Forky => "forky",
        }
    }

    /// Its number; `/etc/os-release` has it in `VERSION_ID` once it is released.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Bookworm => 12,
            Self::Trixie => 13,
            Self::Forky => 14,
        }
    }

    /// Whether its packages still get new versions: then those that are named here are the least.
    #[must_use]
    pub fn moves(self) -> bool {
        self == Self::Forky
    }

    /// The version of its systemd.
    #[must_use]
    pub fn systemd(self) -> u32 {
        match self {
            Self::Bookworm => 252,
            Self::Trixie => 257,
            Self::Forky => 262,
        }
    }

    /// The version of its restic, without the last number.
    #[must_use]
    pub fn restic(self) -> &'static str {
        match self {
            Self::Bookworm => "0.14",
            Self::Trixie => "0.18",
            Self::Forky => "0.19",
        }
    }

    /// For a fleet file: what a host of it has at least.
    #[must_use]
    pub fn minimum_versions(self) -> String {
        format!(
            "minimum-versions = {{ restic = \"{}\", systemd = \"{}\" }}",
            self.restic(),
            self.systemd()
        )
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Debian {}", self.number())
    }
}

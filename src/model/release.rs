//! Versions of genbackup itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// A version of genbackup, such as `0.2` or `0.2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Release {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Release {
    /// This program's version.
    ///
    /// # Panics
    /// Never: Cargo takes no other version than one of three numbers.
    #[must_use]
    pub fn this() -> Self {
        // A pre-release counts as the release that it comes before.
        let text = env!("CARGO_PKG_VERSION").split('-').next().unwrap_or_default();
        parse(text).unwrap_or(Self {
            major: 0,
            minor: 0,
            patch: 0,
        })
    }
}

impl TryFrom<String> for Release {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse(&text).ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not a version of genbackup"),
                "write it as `genbackup --version` prints it, such as `0.2` or `0.2.1`",
            )
        })
    }
}

impl From<Release> for String {
    fn from(release: Release) -> Self {
        release.to_string()
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

/// Two or three numbers with dots between them.
fn parse(text: &str) -> Option<Release> {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('.').collect();
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_number) {
        return None;
    }
    let number = |place: usize| parts.get(place).map_or(Some(0), |part| part.parse().ok());
    Some(Release {
        major: number(0)?,
        minor: number(1)?,
        patch: number(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        Release::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(release("0.10") > release("0.9.9"));
        assert_eq!(release("0.2"), release("0.2.0"));
        assert_eq!(release("1.2.3").to_string(), "1.2.3");
        assert!(Release::this() >= release("0.1"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "1", "1.2.3.4", "a.b", "0.2-rc1", "1..2", "+1.2", "0.70000"] {
            assert!(Release::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}

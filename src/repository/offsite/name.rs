//! The files of a repository: which part they belong to, and their names.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part of a repository, in the order in which a copy gets them: each needs those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The file `config`, without which it is no repository.
    Config,
    /// What the password opens.
    Keys,
    /// Packs of files' contents and of directories.
    Data,
    /// Where in the packs what is.
    Index,
    /// One file a snapshot.
    Snapshots,
}

impl Part {
    /// All of them, in the order in which a copy gets them.
    pub(crate) const ALL: [Self; 5] = [Self::Config, Self::Keys, Self::Data, Self::Index, Self::Snapshots];

    /// Its file or directory in the repository.
    #[must_use]
    pub(crate) const fn directory(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Index => "index",
            Self::Snapshots => "snapshots",
        }
    }
}

/// The SHA-256 of a file's content, which is its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; 32]);

impl Id {
    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut id = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != id.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in id.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A file of a repository. The file `config` is the only one without an [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    /// The file `config`.
    Config,
    /// A file of another part.
    File(Part, Id),
}

impl Name {
    /// Reads its path below the directory of the repository. `None` for other files there, such as a lock.
    #[must_use]
    pub(crate) fn parse(path: &str) -> Option<Self> {
        if path == Part::Config.directory() {
            return Some(Self::Config);
        }
        let (directory, rest) = path.split_once('/')?;
        let part = Part::ALL
            .into_iter()
            .find(|part| *part != Part::Config && part.directory() == directory)?;
        let digits = match rest.split_once('/') {
            Some((first, digits)) => {
                (part == Part::Data && first.len() == 2 && digits.starts_with(first)).then_some(digits)?
            }
            None => (part != Part::Data).then_some(rest)?,
        };
        Some(Self::File(part, Id::parse(digits)?))
    }

    /// The part that it belongs to.
    #[must_use]
    pub(crate) const fn part(self) -> Part {
        match self {
            Self::Config => Part::Config,
            Self::File(part, _) => part,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => formatter.write_str(Part::Config.directory()),
            Self::File(part @ Part::Data, id) => {
                let Id([first, ..]) = id;
                write!(formatter, "{}/{first:02x}/{id}", part.directory())
            }
            Self::File(part, id) => write!(formatter, "{}/{id}", part.directory()),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no file of a repository")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_file_of_a_repository_is_written_as_it_is_read() {
        for path in [
            "config".to_owned(),
            format!("keys/{DIGITS}"),
            format!("data/01/{DIGITS}"),
            format!("index/{DIGITS}"),
            format!("snapshots/{DIGITS}"),
        ] {
            assert_eq!(Name::parse(&path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn what_restic_does_not_read_is_no_file_of_a_repository() {
        for path in [
            String::new(),
            "config/".to_owned(),
            "config.old".to_owned(),
            format!("locks/{DIGITS}"),
            format!("data/{DIGITS}"),
            format!("data/02/{DIGITS}"),
            format!("data/01/02/{DIGITS}"),
            format!("index/01/{DIGITS}"),
            format!("index/{DIGITS}.partial"),
            format!("index/{}", DIGITS.to_uppercase()),
            format!("index/{}", &DIGITS[1..]),
            format!("/index/{DIGITS}"),
            format!("../index/{DIGITS}"),
            format!("snapshots/{DIGITS}/"),
        ] {
            assert_eq!(Name::parse(&path), None, "{path}");
        }
    }

    #[test]
    fn parts_have_the_order_in_which_each_needs_those_before_it() {
        assert!(Part::ALL.is_sorted());
        assert_eq!(
            Part::ALL.map(Part::directory),
            ["config", "keys", "data", "index", "snapshots"]
        );
    }
}

//! A path in a snapshot.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::model::{AbsolutePath, Refusal};

/// A path in a snapshot: as [`AbsolutePath`], but any bytes, since restic takes names as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotPath(OsString);

impl SnapshotPath {
    /// Byte by byte.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    /// As restic's JSON has it: U+FFFD takes the place of what is not UTF-8.
    #[must_use]
    pub(crate) fn lossy(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }

    /// True when it is all that a snapshot has.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The directory that it lies in; none for `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let bytes = self.0.as_bytes();
        let slash = bytes.iter().rposition(|byte| *byte == b'/')?;
        let parent = &bytes[..slash.max(1)];
        (bytes.len() > 1).then(|| Self(OsStr::from_bytes(parent).to_owned()))
    }

    /// The directories above it, `/` among them.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// As a pattern of restic's that matches nothing else ([`AbsolutePath::pattern`]). restic compares bytes.
    #[must_use]
    pub fn pattern(&self) -> OsString {
        let mut pattern = Vec::with_capacity(self.0.len());
        for byte in self.0.as_bytes() {
            if b"*?[]\\".contains(byte) {
                pattern.push(b'\\');
            }
            pattern.push(*byte);
        }
        OsString::from_vec(pattern)
    }
}

impl TryFrom<OsString> for SnapshotPath {
    type Error = Refusal;

    fn try_from(text: OsString) -> Result<Self, Self::Error> {
        // What the grammar is about is ASCII, which stays where it is.
        AbsolutePath::try_from(text.to_string_lossy().into_owned())?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(bytes: &[u8]) -> SnapshotPath {
        SnapshotPath::try_from(OsStr::from_bytes(bytes).to_owned()).unwrap()
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_they_are() {
        let odd = path(b"/srv/\xc4*");
        assert_eq!(odd.pattern().as_bytes(), b"/srv/\xc4\\*");
        assert_eq!(odd.lossy(), "/srv/\u{fffd}*");
    }

    #[test]
    fn ancestors_end_with_the_root() {
        let above: Vec<_> = path(b"/srv/a/b").ancestors().collect();
        assert_eq!(above, [path(b"/srv/a"), path(b"/srv"), path(b"/")]);
        assert_eq!(path(b"/").ancestors().count(), 0);
    }

    #[test]
    fn a_path_that_is_not_normal_is_refused() {
        for bytes in [&b"srv"[..], b"/srv/../\xff", b"//\xff", b""] {
            assert!(
                SnapshotPath::try_from(OsStr::from_bytes(bytes).to_owned()).is_err(),
                "{bytes:?}"
            );
        }
    }
}

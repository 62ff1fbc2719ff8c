//! Detects a snapshot that names a path twice, which no backup does. Such a path, restored first as a link and then as
//! a directory, would make restic write outside the target.

use anyhow::Result;

use crate::error::fail;
use crate::repository::restic::{Node, Snapshot};
use crate::repository::snapshots::described;
use crate::text::harmless;

/// Replaces what is not UTF-8 in restic's JSON. Two equal names that contain it may differ.
const LOST: char = '\u{fffd}';

/// Checks the files of a snapshot in the order in which restic lists them: each directory before its content, and names
/// in ascending order. It remembers only one path.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The last listed path, name by name, and whether each is a link.
    last: Vec<(String, bool)>,
}

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was named before.
    Twice,
    /// It comes after a name that should follow it, so that a name could come twice.
    OutOfOrder,
}

impl Names {
    /// Checks the next path.
    pub(crate) fn see(&mut self, node: &Node) -> Option<Fault> {
        let names: Vec<&str> = node.path.strip_prefix('/')?.split('/').collect();
        let (name, above) = names.split_last()?;
        let is_link = node.kind == "symlink";
        let is_same = self.last.len() >= above.len()
            && self.last.iter().zip(above).all(|((last, _), name)| last == name);
        let before = self.last.get(above.len()).filter(|_| is_same);
        let fault = before.and_then(|(before, was_link)| fault((before, *was_link), (name, is_link)));
        if is_same {
            self.last.truncate(above.len());
        } else {
            self.last = above.iter().map(|name| ((*name).to_owned(), false)).collect();
        }
        self.last.push(((*name).to_owned(), is_link));
        fault
    }
}

/// What is wrong with two successive names of a directory.
fn fault((before, was_link): (&str, bool), (name, is_link): (&str, bool)) -> Option<Fault> {
    let is_lossy = before.contains(LOST) || name.contains(LOST);
    match before.cmp(name) {
        // If two names may differ, only a link is refused.
        std::cmp::Ordering::Equal if !is_lossy || was_link != is_link => Some(Fault::Twice),
        std::cmp::Ordering::Greater if !is_lossy => Some(Fault::OutOfOrder),
        _ => None,
    }
}

/// Refuses a snapshot because of a path in it.
///
/// # Errors
/// Always, with the path, and how to restore the other files.
pub(crate) fn refuse<T>(snapshot: &Snapshot, path: &str, fault: &Fault) -> Result<T> {
    let what = match fault {
        Fault::Twice => "names a path twice",
        Fault::OutOfOrder => "has a directory whose names are out of order",
    };
    let path = harmless(path);
    fail!(
        what(
            "snapshot {} {what}, which no backup does: {path}; restic could write outside the target",
            described(snapshot)
        ),
        hint(
            "to restore other files \
         of it, name paths other than {path}, and no directory above it; `restic dump` prints one file and writes none"
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_fault(listed: &[(&str, &str)]) -> Option<(String, Fault)> {
        let mut names = Names::default();
        listed.iter().find_map(|(kind, path)| {
            let node = Node {
                path: (*path).to_owned(),
                kind: (*kind).to_owned(),
                size: 0,
                permissions: String::new(),
                mtime: None,
            };
            names.see(&node).map(|fault| (node.path.clone(), fault))
        })
    }

    #[test]
    fn an_ordinary_listing_has_no_fault() {
        let listed = [
            ("dir", "/srv"),
            ("dir", "/srv/a"),
            ("file", "/srv/a/x"),
            ("dir", "/srv/a.d"),
            ("file", "/srv/a.d/x"),
            // In Latin-1 these are two names.
            ("dir", "/srv/\u{fffd}"),
            ("file", "/srv/\u{fffd}/a"),
            ("dir", "/srv/\u{fffd}"),
            ("file", "/srv/\u{fffd}/a"),
            // As restic lists a path that was asked for: without what is above it.
            ("file", "/etc/a"),
            ("file", "/etc/b"),
            ("file", "/var/a"),
        ];
        assert_eq!(first_fault(&listed), None);
    }

    #[test]
    fn a_path_that_comes_twice_is_found() {
        let twice = |path: &str| Some((path.to_owned(), Fault::Twice));
        assert_eq!(
            first_fault(&[("symlink", "/a"), ("dir", "/a"), ("file", "/a/x")]),
            twice("/a")
        );
        assert_eq!(
            first_fault(&[
                ("dir", "/a"),
                ("dir", "/a/b"),
                ("file", "/a/b/c"),
                ("symlink", "/a")
            ]),
            twice("/a")
        );
        assert_eq!(
            first_fault(&[("dir", "/a"), ("symlink", "/a/\u{fffd}"), ("dir", "/a/\u{fffd}")]),
            twice("/a/\u{fffd}")
        );
    }

    #[test]
    fn a_path_that_may_come_twice_later_is_found() {
        let listed = [("symlink", "/a/b"), ("file", "/a/c"), ("dir", "/a/b")];
        assert_eq!(first_fault(&listed), Some(("/a/b".to_owned(), Fault::OutOfOrder)));
    }
}

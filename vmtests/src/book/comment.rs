//! What the comment before a block asks of the tests.

use anyhow::{Context, ensure};

/// The machines of the book.
const HOSTS: [&str; 3] = ["jak", "kai", "ziz"];

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// On the host of that name.
    Host(String),
    /// On all hosts but the storage host.
    EachClient,
}

/// A comment `<!-- test: … -->`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comment {
    /// `on PLACE`, `on PLACE as user NAME`, each of them also with `; NEEDS`: the commands run there, the file is written
    /// there.
    On {
        /// The machines.
        place: Where,
        /// The user, if it is not root.
        user: Option<String>,
        /// What the test sees to before, since no chapter describes it.
        needs: Option<String>,
    },
    /// `fleet file`: the block is a whole fleet file.
    FleetFile,
    /// `merge into the fleet file`: the block is a part of one.
    Merge,
    /// `no, REASON`: no test carries the block out.
    No(String),
}

impl Comment {
    /// Reads a comment, without its `<!-- test:` and `-->`.
    ///
    /// # Errors
    /// When it has none of these forms, or names another machine than those of the book.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        match text {
            "fleet file" => return Ok(Self::FleetFile),
            "merge into the fleet file" => return Ok(Self::Merge),
            _ => {}
        }
        if let Some(reason) = text.strip_prefix("no, ") {
            return Ok(Self::No(reason.to_owned()));
        }
        let rest = text
            .strip_prefix("on ")
            .with_context(|| format!("tests do not know the comment `{text}`"))?;
        let (rest, needs) = parted(rest, "; ");
        let (place, user) = parted(rest, " as user ");
        let place = if place == "each client" {
            Where::EachClient
        } else {
            ensure!(
                HOSTS.contains(&place),
                "`{place}` is no machine of the book: `{text}`"
            );
            Where::Host(place.to_owned())
        };
        Ok(Self::On { place, user, needs })
    }
}

/// What is before the separator, and what is behind it.
fn parted<'t>(text: &'t str, separator: &str) -> (&'t str, Option<String>) {
    match text.split_once(separator) {
        Some((before, behind)) => (before, Some(behind.to_owned())),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(place: Where, user: Option<&str>, needs: Option<&str>) -> Comment {
        Comment::On {
            place,
            user: user.map(str::to_owned),
            needs: needs.map(str::to_owned),
        }
    }

    #[test]
    fn each_form_of_a_comment_is_read() {
        let jak = || Where::Host("jak".to_owned());
        for (text, expected) in [
            ("on jak", on(jak(), None, None)),
            ("on each client", on(Where::EachClient, None, None)),
            ("on jak as user admin", on(jak(), Some("admin"), None)),
            ("on jak; it rains", on(jak(), None, Some("it rains"))),
            (
                "on jak as user admin; it rains",
                on(jak(), Some("admin"), Some("it rains")),
            ),
            ("fleet file", Comment::FleetFile),
            ("merge into the fleet file", Comment::Merge),
            ("no, a disk; or two", Comment::No("a disk; or two".to_owned())),
        ] {
            assert_eq!(Comment::read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn another_comment_is_refused() {
        for text in ["", "no", "on", "on the new client", "on jak, after a run", "jak"] {
            assert!(Comment::read(text).is_err(), "{text}");
        }
    }
}

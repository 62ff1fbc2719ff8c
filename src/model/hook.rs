//! Commands that run before and after a backup of a host.

use super::path::is_noncharacter;
use super::words::words;
use super::{AbsolutePath, Refusal, TimeSpan, UnitPath, checked_string};

checked_string! {
    /// A hook's name: `a-z`, `0-9` and `-`, up to 64 of them, no `-` at an end. It is a part of a unit's name, of a
    /// file's and of a line of the client's answer.
    HookName, check_name
}

checked_string! {
    /// The name of a user, as useradd(8) accepts it. Not `restic`, which makes the backups.
    UserName, check_user
}

checked_string! {
    /// A word of a command: not empty, no control character, and none of Unicode's noncharacters, since systemd
    /// ignores a line with one.
    CommandWord, check_word
}

/// A command that runs before or after a backup, as a separate unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its name, unique for its kind on this host.
    pub name: HookName,
    /// The user that runs it.
    pub user: UserName,
    /// The program.
    pub program: AbsolutePath,
    /// Its arguments.
    pub arguments: Vec<CommandWord>,
    /// Existing directories and files that it may write to.
    pub writes: Vec<UnitPath>,
    /// Its network access.
    pub network: Network,
    /// Its time limit.
    pub time_limit: TimeSpan,
}

words! {
    /// The network access of a hook. Sockets in the file system, such as those of databases in `/run`, are always
    /// reachable.
    #[derive(serde::Deserialize)]
    #[serde(try_from = "String")]
    Network, word {
        /// No network at all.
        None = "none",
        /// This host's own services.
        Local = "local",
        /// Every machine that the host can reach.
        Any = "any",
    }
}

impl TryFrom<String> for Network {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::of_word(&text).ok_or_else(|| {
            Refusal::new(
                format!("unknown value `{text}`"),
                "write `none`, `local` (services of the same host) or `any`",
            )
        })
    }
}

words! {
    /// When a hook runs. The word is its table in the fleet file, and a part of the unit's name.
    HookKind, word {
        /// Before the backup, which waits for it.
        Before = "before",
        /// After the backup, whether it succeeded or failed.
        After = "after",
    }
}

/// The commands that run before and after a backup of a host, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before it: it waits for them.
    pub before: Vec<Hook>,
    /// After it, whether it succeeded or failed.
    pub after: Vec<Hook>,
}

impl Hook {
    /// True if it runs as root.
    #[must_use]
    pub(crate) fn is_roots(&self) -> bool {
        self.user.is_root()
    }

    /// The program with which it makes or mounts a snapshot of a file system, if it does. A script on its
    /// command line is searched, a script in a file is not.
    #[must_use]
    pub fn mounts(&self) -> Option<&str> {
        const PROGRAMS: [&str; 7] = [
            "mount",
            "lvcreate",
            "lvconvert",
            "btrfs",
            "zfs",
            "zpool",
            "dmsetup",
        ];
        let script = self
            .arguments
            .iter()
            .skip_while(|word| word.as_str() != "-c")
            .nth(1);
        let words = script.map(|script| script.as_str().split_whitespace());
        let words = words.into_iter().flatten();
        let names = [self.program.as_str()].into_iter().chain(words);
        let mut names = names.map(|word| word.rsplit('/').next().unwrap_or(word));
        names.find(|name| PROGRAMS.contains(name))
    }
}

impl UserName {
    /// True for root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.as_str() == "root"
    }
}

impl Hooks {
    /// The hooks of one kind.
    #[must_use]
    pub fn of(&self, kind: HookKind) -> &[Hook] {
        match kind {
            HookKind::Before => &self.before,
            HookKind::After => &self.after,
        }
    }

    /// All of them, each with its kind.
    pub fn all(&self) -> impl Iterator<Item = (HookKind, &Hook)> {
        let of = |kind| self.of(kind).iter().map(move |hook| (kind, hook));
        HookKind::ALL.into_iter().flat_map(of)
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }
}

fn check_name(text: &str) -> Result<(), Refusal> {
    let is_known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let has_valid_end = !text.starts_with('-') && !text.ends_with('-');
    if (1..=64).contains(&text.len()) && text.bytes().all(is_known) && has_valid_end {
        return Ok(());
    }
    Err(Refusal::new(
        format!("{text:?} is not a hook name"),
        "write `a` to `z`, `0` to `9`, and `-` between them; at most 64 characters",
    ))
}

fn check_user(text: &str) -> Result<(), Refusal> {
    let has_valid_start = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
    if !has_valid_start || text.len() > 31 || !text.bytes().all(is_known) {
        return Err(Refusal::new(
            format!("{text:?} is not a user name"),
            "write `a` to `z`, `0` to `9`, `-` and `_`, and start with a letter or `_`; at most 31 characters",
        ));
    }
    if text == "restic" {
        return Err(Refusal::new(
            "a hook cannot run as user `restic`, which makes the backups",
            "write the user that owns the data, such as `postgres`, or create a user for this hook",
        ));
    }
    Ok(())
}

fn check_word(text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.contains(|c: char| c.is_control() || is_noncharacter(c)) {
        return Err(Refusal::new(
            format!("{text:?} cannot be a word of a command"),
            "write words that are not empty and have no control characters; put other text into a script",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_has_a_name_that_a_unit_and_a_line_can_hold() {
        let admits = |text: &str| HookName::try_from(text.to_owned()).is_ok();
        assert!(admits("postgres") && admits("a") && admits("db-2") && admits(&"a".repeat(64)));
        for text in [
            "",
            "-a",
            "a-",
            "A",
            "a b",
            "a/b",
            "a@b",
            "a.b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn a_hook_s_user_is_a_system_s_user_and_not_the_backup_s() {
        let admits = |text: &str| UserName::try_from(text.to_owned()).is_ok();
        assert!(admits("postgres") && admits("_apt") && admits("www-data") && admits("root"));
        for text in [
            "restic",
            "",
            "0",
            "1000",
            "-a",
            "Ann",
            "a b",
            "a%n",
            "a:b",
            &"a".repeat(32),
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn a_word_is_whatever_a_line_of_a_unit_can_hold() {
        let admits = |text: &str| CommandWord::try_from(text.to_owned()).is_ok();
        for text in [" ", ";", "$HOME", "100%", "\\", "a\"b'c", "größe"] {
            assert!(admits(text), "{text}");
        }
        for text in ["", "a\nb", "\u{7f}", "\u{ffff}"] {
            assert!(!admits(text), "{text:?}");
        }
    }
}

//! Absolute paths.

use super::{Refusal, checked_string};

checked_string! {
    /// An absolute, normal path: starts with `/`, has no empty, `.` or `..` part, no `/` at its end and no
    /// control character, and is no longer than Linux allows. Everything else a file's name may hold is fine:
    /// spaces, quotes, `%`, `$`, backslashes, a leading dash, any letter.
    AbsolutePath, check_path
}

checked_string! {
    /// An [`AbsolutePath`] that also stands in unit files. It does not end in white space or a backslash,
    /// since systemd.syntax(7) takes both for its own. It holds none of Unicode's noncharacters, since
    /// systemd ignores a line with one.
    UnitPath, check_unit_path
}

/// The bytes of a file's name and of a path that Linux takes (`NAME_MAX`, and `PATH_MAX` without the zero at its
/// end).
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 4095;

fn check_path(text: &str) -> Result<(), Refusal> {
    if text.contains("PRIVATE KEY") {
        return Err(Refusal::new(
            "this is a private key, but a fleet file must not hold secrets",
            "write the path of the file that holds the key; then create a new key pair, because this private key was \
             exposed",
        ));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Err(Refusal::new(
            "this is a web address, not a path",
            "write the path of a file that holds the address; if the address is a secret, replace it, because it was \
             exposed",
        ));
    }
    if text.starts_with('~') || text.starts_with('$') {
        return Err(Refusal::new(
            format!("`{text}` is not an absolute path"),
            "write the full path, starting with `/`: `~` and variables are not expanded",
        ));
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(Refusal::new(
            format!("`{text}` is not an absolute path"),
            if text.is_empty() {
                "write the full path, starting with `/`".to_owned()
            } else {
                format!("write the full path, for example `/{text}`")
            },
        ));
    };
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(
            format!("{text:?} contains a control character"),
            "rename the file, or write the directory above it",
        ));
    }
    if !rest.is_empty() && rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Refusal::new(
            format!("`{text}` is not a normalized path"),
            "remove `//`, `.`, `..` and a `/` at the end",
        ));
    }
    if text.len() > LONGEST_PATH || rest.split('/').any(|part| part.len() > LONGEST_NAME) {
        return Err(Refusal::new(
            format!("the path `{text}` is too long"),
            format!("a file name has at most {LONGEST_NAME} bytes, and a path at most {LONGEST_PATH}"),
        ));
    }
    Ok(())
}

fn check_unit_path(text: &str) -> Result<(), Refusal> {
    check_path(text)?;
    if text.ends_with(|c: char| c.is_whitespace() || c == '\\') {
        return Err(Refusal::new(
            format!("`{text}` ends in white space or a backslash, which a unit file cannot hold"),
            RENAME,
        ));
    }
    if text.contains(is_noncharacter) {
        return Err(Refusal::new(
            format!("{text:?} contains a Unicode noncharacter, and systemd ignores lines with one"),
            RENAME,
        ));
    }
    Ok(())
}

const RENAME: &str = "rename it, or create a symbolic link to it and write the path of the link";

/// Code points that Unicode keeps for programs' own use (The Unicode Standard, 23.7).
pub(super) fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// True when `inner` is `outer` or lies below it.
fn contains(outer: &str, inner: &str) -> bool {
    outer == "/"
        || inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl AbsolutePath {
    /// True when `inner` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, inner: &str) -> bool {
        contains(&self.0, inner)
    }

    /// The directory that it lies in; none for `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, name) = self.0.rsplit_once('/')?;
        (!name.is_empty()).then(|| Self(if parent.is_empty() { "/" } else { parent }.to_owned()))
    }

    /// The path as a pattern of restic's that matches nothing else: `\` takes from the next character what it means
    /// (restic's patterns are Go's `filepath.Match`).
    #[must_use]
    pub fn pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.0.len());
        for character in self.0.chars() {
            if "*?[]\\".contains(character) {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern
    }

    /// True when this path is `outer` or lies below it.
    #[must_use]
    pub(crate) fn is_within(&self, outer: &str) -> bool {
        contains(outer, &self.0)
    }
}

impl UnitPath {
    /// True when `inner` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, inner: &str) -> bool {
        contains(&self.0, inner)
    }

    /// The directory that it lies in; `/` lies in itself.
    #[must_use]
    pub fn parent(&self) -> &str {
        match self.0.rsplit_once('/') {
            Some((parent, _)) if !parent.is_empty() => parent,
            _ => "/",
        }
    }

    /// The name that systemd demands of the unit that mounts something here, systemd.mount(5): the path, escaped as in
    /// systemd.unit(5).
    #[must_use]
    pub(crate) fn mount_unit_name(&self) -> String {
        let below_root = &self.0[1..];
        let escaped: String = match below_root {
            "" => "-".to_owned(),
            path => path.bytes().enumerate().map(escape_byte).collect(),
        };
        format!("{escaped}.mount")
    }
}

fn escape_byte((place, byte): (usize, u8)) -> String {
    match byte {
        b'/' => "-".to_owned(),
        b'.' if place == 0 => r"\x2e".to_owned(),
        b':' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!(r"\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_paths() {
        for text in [
            "/",
            "/srv/my files",
            "/a/-b",
            "/a%b$c",
            "/\\",
            "/\"'",
            "/größe/日本",
        ] {
            assert!(AbsolutePath::try_from(text.to_owned()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_absolute_and_normal_is_refused() {
        for text in ["", "a", "~/a", "$HOME", "/a/", "//a", "/a/../b", "/./a", "/a\nb"] {
            assert!(AbsolutePath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_unit_path_does_not_end_in_what_systemd_strips() {
        for text in ["/a ", "/a\\", "/a\u{a0}"] {
            assert!(UnitPath::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(UnitPath::try_from("/a b\\c".to_owned()).is_ok());
    }

    #[test]
    fn a_unit_path_holds_no_noncharacter() {
        for text in [
            "/a\u{fdd0}",
            "/\u{fdef}a",
            "/a/\u{ffff}/b",
            "/\u{1fffe}",
            "/\u{10ffff}",
        ] {
            assert!(UnitPath::try_from(text.to_owned()).is_err(), "{text:?}");
            assert!(AbsolutePath::try_from(text.to_owned()).is_ok(), "{text:?}");
        }
        for text in ["/\u{fdcf}", "/\u{fdf0}", "/\u{fffd}", "/\u{e000}", "/\u{10fffd}"] {
            assert!(UnitPath::try_from(text.to_owned()).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn the_unit_of_a_mount_is_named_as_systemd_escape_does() {
        for (path, name) in [
            ("/", "-.mount"),
            ("/srv/backup", "srv-backup.mount"),
            ("/.a/.b", r"\x2ea-.b.mount"),
            ("/a-b/c d", r"a\x2db-c\x20d.mount"),
            ("/größe:1_2", r"gr\xc3\xb6\xc3\x9fe:1_2.mount"),
        ] {
            let path = UnitPath::try_from(path.to_owned()).unwrap();
            assert_eq!(path.mount_unit_name(), name);
        }
    }

    #[test]
    fn a_path_is_no_longer_than_linux_allows() {
        let admits = |text: String| AbsolutePath::try_from(text).is_ok();
        assert!(admits(format!("/a/{}", "b".repeat(255))));
        assert!(!admits(format!("/a/{}", "b".repeat(256))));
        assert!(!admits(format!("/a/{}/b", "ö".repeat(128))));
        assert!(admits("/abcd".repeat(819)));
        assert!(!admits("/abcd".repeat(819) + "e"));
    }

    #[test]
    fn a_name_that_only_starts_alike_is_not_within() {
        let home = AbsolutePath::try_from("/home".to_owned()).unwrap_or_else(|_| unreachable!());
        assert!(home.contains("/home/ann") && home.contains("/home"));
        assert!(!home.contains("/homes"));
    }
}

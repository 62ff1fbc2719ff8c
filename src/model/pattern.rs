//! Exclude patterns.

mod matching;

use super::{Refusal, checked_string};

pub use matching::Excludes;

checked_string! {
    /// A pattern of restic's `--exclude`: not empty, no control character, no white space at its ends
    /// (restic strips it from the lines of an exclude file). Each of its parts is one of Go's `filepath.Match`. Nothing
    /// is expanded in it: neither `~/` nor the variables of a login.
    ExcludePattern, check
}

fn check(text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.chars().any(char::is_control) || text.trim() != text {
        return Err(Refusal::new(
            format!("{text:?} is not an exclude pattern"),
            "write a pattern without control characters, and without white space at its ends; `?` matches any one \
             character",
        ));
    }
    let pattern = text.strip_prefix('!').unwrap_or(text);
    if let Some(rest) = pattern.strip_prefix("~/") {
        return Err(Refusal::new(
            format!("`{text}` matches nothing: patterns do not expand `~`"),
            format!(
                "write `/home/*/{rest}` for all users, or `/root/{rest}` for root; write `[~]` for a directory with that name"
            ),
        ));
    }
    if let Some((variable, rest)) = login_variable(pattern) {
        let users = if variable == "HOME" && !rest.is_empty() {
            format!("write `/home/*/{rest}` for all users, or the full path")
        } else {
            "write the full path, or `*` for any name".to_owned()
        };
        return Err(Refusal::new(
            format!("`{text}` matches nothing: patterns do not expand variables"),
            format!("{users}; write `[$]` for a `$` in a name"),
        ));
    }
    if !matching::is_well_formed(text) {
        return Err(Refusal::new(
            format!("restic cannot use the pattern `{text}`"),
            "close each `[` with a `]`, with at least one character between them; write `\\` before a `[`, `*`, `?` or \
             `\\` that is part of a name",
        ));
    }
    Ok(())
}

/// What a login sets, where a part of the pattern is that and nothing else, and what follows it. A `$` in a name, as in
/// `$RECYCLE.BIN`, is a `$`.
fn login_variable(pattern: &str) -> Option<(&str, &str)> {
    let mut rest = pattern;
    loop {
        let (part, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let name = part.strip_prefix('$').unwrap_or_default();
        let braced = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let name = braced.unwrap_or(name);
        if matches!(name, "HOME" | "USER" | "LOGNAME" | "PWD" | "TMPDIR") || name.starts_with("XDG_") {
            return Some((name, tail));
        }
        if tail.is_empty() {
            return None;
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str) -> Option<String> {
        ExcludePattern::try_from(text.to_owned())
            .err()
            .map(|refusal| refusal.hint)
    }

    #[test]
    fn a_dollar_a_hash_and_a_tilde_in_a_name_are_what_they_are() {
        for text in [
            "$RECYCLE.BIN",
            "#emacs",
            "/srv/x/#x#",
            "*.TMP",
            "~$report.docx",
            "*~",
            "/tmp/",
            "/proc/*",
            "[~]/x",
            "[$]HOME",
            "!keep.tmp",
            "$HOMEWORK",
        ] {
            assert_eq!(hint(text), None, "{text}");
        }
    }

    #[test]
    fn a_shell_expansion_is_refused_with_a_path_in_its_place() {
        for (text, meant) in [
            ("~/.cache", "write `/home/*/.cache` "),
            ("!~/.cache/keep", "write `/home/*/.cache/keep` "),
            ("$HOME/tmp", "write `/home/*/tmp` "),
            ("${HOME}/tmp", "write `/home/*/tmp` "),
            ("/home/$USER/tmp", "write the full path"),
            ("$XDG_CACHE_HOME", "write the full path"),
        ] {
            let hint = hint(text).unwrap_or_default();
            assert!(hint.starts_with(meant), "{text}: {hint}");
        }
    }

    #[test]
    fn a_pattern_that_restic_cannot_use_is_refused() {
        for text in ["[", "/a/[b", "[]", "[a-]", "[-a]", "a\\", "[^]", "/srv/[a\\"] {
            let hint = hint(text).unwrap_or_default();
            assert!(hint.starts_with("close each `[`"), "{text}: {hint}");
        }
        for text in ["[a]", "[^a-c]x", "a\\*", "[\\]]", "[[]", "a]", "**"] {
            assert_eq!(hint(text), None, "{text}");
        }
    }
}

//! How restic matches exclude patterns against paths: its `internal/filter/filter.go`, and Go's `filepath.Match`.
//!
//! `tests/emit/properties/restic.rs` holds this against the real restic.

use super::ExcludePattern;

/// The exclude patterns of one host, in the order in which restic applies them.
#[derive(Debug)]
pub struct Excludes<'p>(Vec<(&'p ExcludePattern, Parsed)>);

/// One pattern in parts.
#[derive(Debug)]
struct Parsed {
    /// It takes back what patterns before it exclude.
    is_negated: bool,
    parts: Vec<Part>,
}

/// What stands between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The slash that an absolute path starts with.
    Root,
    /// `**`: any number of parts.
    Any,
    /// One part of a path.
    One(Vec<Piece>),
}

/// A piece of Go's `filepath.Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// `*`
    Run,
    /// `?`
    One,
    Literal(char),
    /// `[…]`
    Set {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl<'p> Excludes<'p> {
    /// The patterns in this order.
    pub fn new(patterns: impl IntoIterator<Item = &'p ExcludePattern>) -> Self {
        let parse = |pattern: &'p ExcludePattern| Some((pattern, parse(pattern.as_str())?));
        Self(patterns.into_iter().filter_map(parse).collect())
    }

    /// The pattern that keeps restic from reading a path: one that matches it or a directory above it, unless a later
    /// one takes that back. Below a directory that is excluded, restic reads nothing.
    #[must_use]
    pub fn excluding(&self, path: &str) -> Option<&'p ExcludePattern> {
        let ends = path.match_indices('/').map(|(place, _)| place);
        let directories = ends.filter(|place| *place > 0).chain([path.len()]);
        directories
            .filter_map(|end| path.get(..end))
            .find_map(|directory| self.matching(directory))
    }

    /// The pattern that excludes exactly this path.
    fn matching(&self, path: &str) -> Option<&'p ExcludePattern> {
        let parts: Vec<&str> = split(path);
        let mut excluding = None;
        for (pattern, parsed) in &self.0 {
            let excludes_more = !parsed.is_negated && excluding.is_none();
            let takes_back = parsed.is_negated && excluding.is_some();
            if (excludes_more || takes_back) && matches(&parsed.parts, &parts) {
                excluding = excludes_more.then_some(*pattern);
            }
        }
        excluding
    }
}

/// The parts of a path or a pattern; the first of an absolute one is the slash.
fn split(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(first) = parts.first_mut().filter(|first| first.is_empty()) {
        *first = "/";
    }
    parts
}

/// True for a pattern that restic can use.
pub(super) fn is_well_formed(pattern: &str) -> bool {
    parse(pattern).is_some()
}

fn parse(pattern: &str) -> Option<Parsed> {
    let (is_negated, pattern) = match pattern.strip_prefix('!') {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    let cleaned = cleaned(pattern);
    let part = |part: &str| match part {
        "/" => Some(Part::Root),
        "" | "**" => Some(Part::Any),
        part => Some(Part::One(pieces(part)?)),
    };
    let parts = split(&cleaned).into_iter().map(part);
    Some(Parsed {
        is_negated,
        parts: parts.collect::<Option<_>>()?,
    })
}

/// The shortest pattern of that name (Go's `filepath.Clean`): without `//`, `.` and a slash at the end, and with `a/..`
/// taken away.
fn cleaned(pattern: &str) -> String {
    let is_absolute = pattern.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match (is_absolute, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

/// The pieces of one part; none where Go calls it a bad pattern.
fn pieces(part: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = part.chars().peekable();
    while let Some(character) = rest.next() {
        pieces.push(match character {
            '*' => Piece::Run,
            '?' => Piece::One,
            '\\' => Piece::Literal(rest.next()?),
            '[' => {
                let is_negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                    let low = end_of_range(&mut rest)?;
                    let high = match rest.next_if_eq(&'-') {
                        Some(_) => end_of_range(&mut rest)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Piece::Set { is_negated, ranges }
            }
            character => Piece::Literal(character),
        });
    }
    Some(pieces)
}

/// One character of a set, which something has to follow.
fn end_of_range(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let character = match rest.next()? {
        '-' | ']' => return None,
        '\\' => rest.next()?,
        character => character,
    };
    rest.peek()?;
    Some(character)
}

/// True when a pattern matches a path or a directory above it, at any depth where it is not absolute.
fn matches(pattern: &[Part], path: &[&str]) -> bool {
    if let Some(place) = pattern.iter().position(|part| *part == Part::Any) {
        let Some(most) = (path.len() + 1).checked_sub(pattern.len()) else {
            return false;
        };
        let (before, after) = pattern.split_at(place);
        return (0..=most).any(|count| {
            let runs = std::iter::repeat_n(Part::One(vec![Piece::Run]), count);
            let after = after.iter().skip(1).cloned();
            let expanded: Vec<Part> = before.iter().cloned().chain(runs).chain(after).collect();
            matches(&expanded, path)
        });
    }
    let is_absolute = pattern.first() == Some(&Part::Root);
    let first = usize::from(!is_absolute && path.first() == Some(&"/"));
    let Some(last) = path
        .len()
        .checked_sub(pattern.len())
        .filter(|_| !pattern.is_empty())
    else {
        return false;
    };
    let last = if is_absolute { 0 } else { last };
    (first..=last).any(|offset| {
        let parts = path.iter().skip(offset);
        pattern.iter().zip(parts).all(|(part, text)| match part {
            Part::Root => *text == "/",
            Part::Any => true,
            Part::One(pieces) => is_like(pieces, &text.chars().collect::<Vec<_>>()),
        })
    })
}

fn is_like(pieces: &[Piece], text: &[char]) -> bool {
    let Some((piece, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    if *piece == Piece::Run {
        return (0..=text.len()).any(|taken| is_like(rest, text.get(taken..).unwrap_or_default()));
    }
    let Some((character, following)) = text.split_first() else {
        return false;
    };
    let takes = match piece {
        Piece::Run | Piece::One => true,
        Piece::Literal(literal) => literal == character,
        Piece::Set { is_negated, ranges } => {
            ranges.iter().any(|(low, high)| (low..=high).contains(&character)) != *is_negated
        }
    };
    takes && is_like(rest, following)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluding(patterns: &[&str], path: &str) -> Option<String> {
        let patterns: Vec<_> = patterns
            .iter()
            .map(|pattern| ExcludePattern::try_from((*pattern).to_owned()).unwrap())
            .collect();
        Excludes::new(&patterns).excluding(path).map(ToString::to_string)
    }

    #[test]
    fn a_pattern_excludes_what_lies_below_a_match_at_any_depth() {
        for (pattern, path) in [
            ("nobackup", "/srv/nobackup/webdav"),
            ("/srv/data", "/srv/data"),
            ("/srv", "/srv/data"),
            ("/srv/", "/srv/data"),
            ("b/c", "/a/b/c/d"),
            ("/a/**/d", "/a/b/c/d"),
            ("**/c", "/a/b/c"),
            ("/", "/srv"),
            ("*", "/srv"),
            ("s[a-r]v", "/srv"),
            ("/s?v", "/srv/data"),
            ("/srv/x/../data", "/srv/data"),
        ] {
            assert_eq!(excluding(&[pattern], path).as_deref(), Some(pattern), "{path}");
        }
        for (pattern, path) in [
            ("data", "/srv/database"),
            ("/data", "/srv/data"),
            ("/srv/data/x", "/srv/data"),
            ("s[^r]v", "/srv"),
            ("\\*", "/srv"),
            ("*.tmp", "/srv"),
            ("SRV", "/srv"),
        ] {
            assert_eq!(excluding(&[pattern], path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn a_negated_path_is_included_unless_its_parent_is_not() {
        assert_eq!(excluding(&["/srv/*", "!/srv/data"], "/srv/data"), None);
        assert_eq!(
            excluding(&["/srv", "!/srv/data"], "/srv/data").as_deref(),
            Some("/srv")
        );
        assert_eq!(
            excluding(&["!/srv/data", "/srv/*"], "/srv/data").as_deref(),
            Some("/srv/*")
        );
    }
}

//! The command line: that of cargo's own tests, and which lab runs the stories.

use anyhow::{Context, bail};
use libtest_mimic::Arguments;

use crate::lab::Kind;

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) arguments: Arguments,
    /// One kind for all stories; without it, each has the one that it needs.
    pub(super) lab: Option<Kind>,
}

impl Options {
    pub(super) fn of_command_line() -> anyhow::Result<Self> {
        let (lab, rest) = take_lab(std::env::args().collect())?;
        Ok(Self {
            arguments: Arguments::from_iter(rest),
            lab,
        })
    }
}

/// Takes `--lab KIND` or `--lab=KIND` out of a command line.
fn take_lab(words: Vec<String>) -> anyhow::Result<(Option<Kind>, Vec<String>)> {
    let (mut lab, mut rest) = (None, Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lab") {
            Some("") => words.next().context("--lab takes `container` or `vm`")?,
            Some(value) if value.starts_with('=') => value.trim_start_matches('=').to_owned(),
            _ => {
                rest.push(word);
                continue;
            }
        };
        let kind = [Kind::Container, Kind::Virtual]
            .into_iter()
            .find(|kind| kind.name() == value);
        match kind {
            Some(kind) => lab = Some(kind),
            None => bail!("--lab is `{value}`: it takes `container` or `vm`"),
        }
    }
    Ok((lab, rest))
}

/// Whether a command line asks for the story of this name.
pub(super) fn is_wanted(name: &str, arguments: &Arguments) -> bool {
    let hits = |pattern: &String| {
        if arguments.exact {
            name == pattern
        } else {
            name.contains(pattern)
        }
    };
    arguments.filter.as_ref().is_none_or(hits) && !arguments.skip.iter().any(hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_lab_is_taken_out_and_the_rest_is_left() {
        for text in [
            "stories --lab vm a_clock --exact",
            "stories a_clock --lab=vm --exact",
        ] {
            let (lab, rest) = take_lab(words(text)).unwrap();
            assert_eq!(lab, Some(Kind::Virtual));
            assert_eq!(rest, words("stories a_clock --exact"));
        }
        assert_eq!(take_lab(words("stories a")).unwrap(), (None, words("stories a")));
    }

    #[test]
    fn another_lab_is_refused() {
        for text in ["stories --lab qemu", "stories --lab"] {
            let error = take_lab(words(text)).unwrap_err().to_string();
            assert!(
                error.contains("it takes") || error.contains("--lab takes"),
                "{error}"
            );
        }
    }
}

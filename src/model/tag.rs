//! What a host's snapshots are marked with, and what marks a directory to exclude.

use super::{Refusal, checked_string};

checked_string! {
    /// A tag of a host's snapshots in addition to our own. It is not empty, and has no comma, which separates
    /// tags for restic. It has no control characters, no white space at its ends, and is not `genbackup`.
    Tag, check_tag
}

checked_string! {
    /// What marks a directory to exclude, as in restic's `--exclude-if-present`: the name of a file, or `NAME:HEADER`
    /// where the file has to start with that.
    Marker, check_marker
}

/// The tag of every snapshot that a run makes: forget looks at these alone.
const OURS: &str = "genbackup";

fn check_tag(text: &str) -> Result<(), Refusal> {
    if text == OURS {
        return Err(Refusal::new(
            format!("every snapshot that genbackup makes has the tag `{text}` already"),
            "remove it from this list",
        ));
    }
    if text.contains(',') {
        return Err(Refusal::new(
            format!("`{text}` contains a comma, which separates tags"),
            "write each tag as a separate item: [\"…\", \"…\"]",
        ));
    }
    if text.is_empty() || text.chars().any(char::is_control) || text.trim() != text {
        return Err(Refusal::new(
            format!("{text:?} is not a tag"),
            "write a word without control characters, and without white space at its ends",
        ));
    }
    Ok(())
}

fn check_marker(text: &str) -> Result<(), Refusal> {
    let (name, header) = text.split_once(':').unwrap_or((text, ""));
    let is_name = !matches!(name, "" | "." | "..") && !name.contains('/') && name.len() <= 255;
    if !is_name || text.chars().any(char::is_control) {
        return Err(Refusal::new(
            format!("{text:?} is not the name of a marker file"),
            "write a file name without a directory, such as `.nobackup`, or `NAME:HEADER` if the file must start with \
             `HEADER`",
        ));
    }
    if text.contains(':') && header.is_empty() {
        return Err(Refusal::new(
            format!("`{text}` has no header after its colon"),
            format!("write `{name}` for any file with that name"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_word_that_restic_takes_for_one_and_not_ours() {
        let admits = |text: &str| Tag::try_from(text.to_owned()).is_ok();
        for text in ["daily", "my tag", "größe", "a:b", "-x", "Genbackup"] {
            assert!(admits(text), "{text}");
        }
        for text in ["", "genbackup", "a,b", " a", "a\n", "\u{7f}"] {
            assert!(!admits(text), "{text:?}");
        }
    }

    #[test]
    fn a_marker_is_a_file_s_name_with_or_without_a_header() {
        let admits = |text: &str| Marker::try_from(text.to_owned()).is_ok();
        for text in [".nobackup", "CACHEDIR.TAG:Signature: 8a477f597d28", "-x", "a b"] {
            assert!(admits(text), "{text}");
        }
        for text in ["", ":x", ".", "..", "a/b", "/x", "a\n", "a:"] {
            assert!(!admits(text), "{text:?}");
        }
    }
}

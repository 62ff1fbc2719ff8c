//! Exclude patterns.

use super::{Refusal, checked_string};

checked_string! {
    /// A pattern of restic's `--exclude`: not empty, no control character, no white space at its ends
    /// (restic strips it from the lines of an exclude file).
    ExcludePattern, check
}

fn check(text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.chars().any(char::is_control) || text.trim() != text {
        return Err(Refusal::new(
            format!("{text:?} is not an exclude pattern"),
            "no white space at its ends and no control character; `?` stands for any one character",
        ));
    }
    Ok(())
}

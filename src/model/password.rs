//! A password file, as restic and as a client read it.
//!
//! restic removes a byte order mark and trims white space around the whole text; a client gets the first line. A file that
//! both would read differently is refused.

/// True for white space of one byte, as in isspace(3) in every locale.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// True if a password file has nothing but white space, for example because systemd put an empty line in the place of a
/// missing file.
#[must_use]
pub(crate) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| is_space(*byte))
}

/// Why restic and a client would read different passwords from a file, as the rest of a sentence; `None` if
/// they read the same.
#[must_use]
pub(crate) fn ambiguity(text: &[u8]) -> Option<&'static str> {
    let Some(start) = text.iter().position(|byte| !is_space(*byte)) else {
        return Some("holds nothing but white space");
    };
    let end = text
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(start, |last| last + 1);
    let (before, rest) = text.split_at(start);
    let (password, after) = rest.split_at(end - start);
    let after = after.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has_only_blanks = |text: &[u8]| text.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    // A replacement character is not white space, and neither is the invalid byte to restic.
    let ends = String::from_utf8_lossy(password);
    if [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"]
        .iter()
        .any(|mark| text.starts_with(mark))
    {
        Some("begins with a byte order mark")
    } else if text.contains(&0) {
        Some("holds a NUL character")
    } else if before.contains(&b'\n') {
        Some("begins with an empty line")
    } else if password.contains(&b'\n') {
        Some("has more than one line")
    } else if !has_only_blanks(before)
        || !(has_only_blanks(after) || after == b"\r")
        || ends.starts_with(char::is_whitespace)
        || ends.ends_with(char::is_whitespace)
    {
        Some("has white space other than spaces around the password")
    } else {
        None
    }
}

/// The first line of a password file, which a client gets.
#[must_use]
pub(crate) fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// What is wrong with a password file of this name, in words; `None` if restic and the clients read the same password.
#[must_use]
pub(crate) fn problem(text: &[u8], name: &str) -> Option<String> {
    if is_blank(text) {
        return Some(format!(
            "the password file {name} is missing or empty: its file system may be locked or not mounted"
        ));
    }
    ambiguity(text).map(|problem| {
        format!(
            "the password file {name} {problem}, so restic and the clients would read different passwords; write the \
             password into it as one line of plain text"
        )
    })
}

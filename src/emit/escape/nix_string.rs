//! Strings of the Nix language (<https://nix.dev/manual/nix/latest/language/string-literals>).

/// What opens an interpolated Nix expression in a text: start of heading, a control character.
pub(crate) const OPEN: char = '\u{1}';
/// What closes it: start of text.
pub(crate) const CLOSE: char = '\u{2}';

/// The inside of a string in double quotes. It holds no interpolation.
pub(crate) fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${")
}

/// The inside of a string in two single quotes, which may hold interpolations between [`OPEN`] and [`CLOSE`].
/// Each line is behind this number of spaces, which Nix takes off again. At least one line does not start
/// with a space, or Nix takes off more.
pub(crate) fn indented(text: &str, spaces: usize) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            lines.push_str(&" ".repeat(spaces));
            lines.push_str(
                &line
                    .replace("''", "'''")
                    .replace("${", "''${")
                    .replace(OPEN, "${")
                    .replace(CLOSE, "}"),
            );
        }
        lines.push('\n');
    }
    lines
}

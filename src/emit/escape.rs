//! How a value is written so that the reader of each kind of file gets it back letter by letter.
//!
//! `askama.toml` picks the escaper by the template's extension, so `{{ value }}` is safe by default. What is
//! escaped twice is a bug in a template, and the tests that read the emitted files back find it.

pub(crate) mod nix_string;

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// systemd.unit(5): one value that fills the rest of the line. `%` starts a specifier.
///
/// In a list of words (`ReadWritePaths=`, `RequiresMountsFor=`) the value also needs quotes:
/// [`filters::word`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit;

/// bash(1): one word, in `$'…'` where it needs quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shell;

/// `ssh_config(5)` and `sshd_config(5)`: a plain word. All values that go there are host names, addresses, keys
/// and numbers, whose grammar knows no character that is special to ssh.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ssh;

/// exports(5): white space, quotes and the like as three octal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exports;

/// restic's `--files-from-verbatim`: the line is the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verbatim;

/// restic's `--exclude-file`: `$` starts a variable, a leading `#` a comment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExcludeFile;

/// sysusers.d(5) and tmpfiles.d(5): one word, in double quotes where it needs them. `%` starts a specifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table;

/// Nix: the inside of a string in double quotes, without an interpolation. A text of many lines takes
/// [`filters::indented`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nix;

impl Escaper for Nix {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(&nix_string::quoted(text))
    }
}

impl Escaper for Unit {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(&text.replace('%', "%%"))
    }
}

impl Escaper for Shell {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let quoted: String = shell_quote::QuoteRefExt::quoted(text, shell_quote::Bash);
        dest.write_str(&quoted)
    }
}

impl Escaper for Ssh {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(text)
    }
}

impl Escaper for Exports {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // All bytes that nfs-utils' own writer escapes, and `#`, which starts a comment.
            if byte.is_ascii_graphic() && !b"\\\"'#".contains(&byte) {
                dest.write_char(char::from(byte))?;
            } else {
                write!(dest, "\\{byte:03o}")?;
            }
        }
        Ok(())
    }
}

impl Escaper for Verbatim {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(text)
    }
}

impl Escaper for ExcludeFile {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let text = text.replace('$', "$$");
        match text.strip_prefix('#') {
            // A set of one character is that character (restic's patterns are Go's `filepath.Match`).
            Some(rest) => write!(dest, "[#]{rest}"),
            None => dest.write_str(&text),
        }
    }
}

impl Escaper for Table {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> fmt::Result {
        Unit.write_escaped_str(dest, &quoted_word(text))
    }
}

/// A word of a list as systemd splits it: in double quotes where it needs them, which systemd takes off again.
fn quoted_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-:@%".contains(c);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Filters for templates; askama looks for them in a module of this name.
#[expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    unreachable_pub,
    reason = "askama's macro writes it"
)]
pub(crate) mod filters {
    use std::fmt::Display;

    /// One word of a list in a unit file: in double quotes, which systemd takes off again.
    #[askama::filter_fn]
    pub(crate) fn word(value: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::quoted_word(&value.to_string()))
    }

    /// The lines of a Nix string between two quotes each, indented by this number of spaces.
    #[askama::filter_fn]
    pub(crate) fn indented(
        value: impl Display,
        _: &dyn askama::Values,
        spaces: usize,
    ) -> askama::Result<String> {
        Ok(super::nix_string::indented(&value.to_string(), spaces))
    }
}

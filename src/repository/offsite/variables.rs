//! The file with the credential of a copy's backend.

use crate::error::Hinted;
use anyhow::{Context, Result};

/// Reads lines `NAME=VALUE`; a value may be in double quotes. Empty lines and those that begin with `#` are none.
///
/// # Errors
/// The number of the first line that is something else. The line itself may be the secret.
pub(crate) fn variables(text: &str) -> Result<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim).zip(1..);
    let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let read = lines.map(|(line, number)| {
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let pair = line.split_once('=').filter(|(name, _)| is_name(name));
        let (name, value) = pair.with_context(|| {
            Hinted::new(
                format!("line {number} of the `environment-file` is not `NAME=VALUE`"),
                "write one variable in each line, such as `AWS_ACCESS_KEY_ID=…`",
            )
        })?;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Ok((name.to_owned(), bare.unwrap_or(value).to_owned()))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_and_a_bad_line_is_not_shown() {
        let text = "# for S3\nAWS_ACCESS_KEY_ID=abc\n\n AWS_SECRET_ACCESS_KEY=\"d=e f\"\nEMPTY=\n";
        let expected = [
            ("AWS_ACCESS_KEY_ID", "abc"),
            ("AWS_SECRET_ACCESS_KEY", "d=e f"),
            ("EMPTY", ""),
        ];
        let read = variables(text).unwrap();
        assert!(
            read.iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .eq(expected)
        );
        for text in ["hunter2", "a b=hunter2", "=hunter2", "x=1\nexport y=hunter2"] {
            let error = variables(text).unwrap_err().to_string();
            assert!(error.contains("line ") && !error.contains("hunter2"), "{error}");
        }
    }
}

//! Paths as text, without loss: a client may name a file with any bytes.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A path with `%` and two digits in the place of each unusual byte.
pub(super) fn encode(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes().iter();
    let texts = bytes.map(|&byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    texts.collect()
}

/// The path of such a text.
pub(super) fn decode(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = byte.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_bytes_comes_back() {
        for bytes in [
            &b"index/abc"[..],
            b"index/a b%20\n",
            b"data/\xff\xfe",
            b"snapshots/..%",
        ] {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            assert_eq!(decode(&encode(&path)), path);
            assert!(encode(&path).is_ascii());
        }
    }
}

//! The address of a web hook.

use std::fmt;

use ureq::http::Uri;

/// The bytes that an address may have; those of the services have some hundred.
const LONGEST: usize = 4096;

/// An address of the web, which nobody gets to see: who has it can write to the channel behind it.
#[derive(Clone)]
pub struct WebAddress(Uri);

impl WebAddress {
    /// The address in the first line of a file.
    ///
    /// # Errors
    /// When it is none, without saying what it is.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Err("is missing or empty: its file system may be locked or not mounted");
        }
        let uri: Option<Uri> = (line.len() <= LONGEST).then(|| line.parse().ok()).flatten();
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some();
        uri.filter(is_web)
            .map(Self)
            .ok_or("does not begin with a line that is an address, such as `https://…`")
    }

    /// The address with more behind its path, as `/fail`.
    #[must_use]
    pub(super) fn below(&self, suffix: &str) -> String {
        let text = self.0.to_string();
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (text.as_str(), String::new()),
        };
        if suffix.is_empty() {
            text
        } else {
            format!("{}{suffix}{query}", path.trim_end_matches('/'))
        }
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_first_line_of_its_file() {
        for (text, expected) in [
            ("https://a.example/x?y=z\n", "https://a.example/x/fail?y=z"),
            ("  http://a:8080/x/  \nmore", "http://a:8080/x/fail"),
            ("https://a.example", "https://a.example/fail"),
        ] {
            let address = WebAddress::parse(text).unwrap();
            assert_eq!(address.below("/fail"), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_said() {
        let long = format!("https://a.example/{}", "x".repeat(5000));
        for text in [
            "",
            "\n",
            "secret",
            "ftp://a/secret",
            "https:///secret",
            "https://a b",
            &long,
        ] {
            let why = WebAddress::parse(text).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        assert_eq!(
            format!("{:?}", WebAddress::parse("https://a/secret").unwrap()),
            "WebAddress(…)"
        );
    }
}

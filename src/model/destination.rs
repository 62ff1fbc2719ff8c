//! Where the administrator's ssh reaches a host.

use super::{Address, Refusal, checked_string};

checked_string! {
    /// A destination of ssh(1): `HOST`, `USER@HOST` or `ssh://[USER@]HOST[:PORT]`, where `HOST` may also be a name that the
    /// administrator's own configuration of ssh gives a host. No white space and no control character; it does not begin
    /// with `-`, which ssh would take for an option.
    Destination, check
}

fn check(text: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._@:/[]%+".contains(c);
    if !text.is_empty() && text.len() <= 300 && !text.starts_with('-') && text.chars().all(plain) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not a destination of ssh"),
        "write it as for ssh: `root@ziz`, `admin@ziz.example.net`, `ssh://admin@ziz:2222`, or a `Host` of your ssh_config(5)",
    ))
}

impl Destination {
    /// The user root of a host.
    #[must_use]
    pub fn root_of(address: &Address) -> Self {
        Self(format!("root@{}", address.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_takes_for_an_option_or_another_word_is_refused() {
        let admits = |text: &str| Destination::try_from(text.to_owned()).is_ok();
        for text in ["ziz", "root@10.0.0.2", "admin@fd00::2", "ssh://admin@[fd00::2]:2222", "ziz-admin"] {
            assert!(admits(text), "{text}");
        }
        for text in ["", "-oProxyCommand=x", "root@ziz -v", "ziz\n", "$(x)", "a'b", "zi\u{7f}z"] {
            assert!(!admits(text), "{text}");
        }
    }
}

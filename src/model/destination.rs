//! Where the administrator's ssh reaches a host.

use std::net::IpAddr;

use super::{Address, Refusal, checked_string};

checked_string! {
    /// A destination of ssh(1): `HOST`, `USER@HOST` or `ssh://[USER@]HOST[:PORT]`, where `HOST` may also be a
    /// name that the administrator's own configuration of ssh gives a host. No white space and no control
    /// character. Neither the whole nor its user or host begins with `-`, because ssh or a program that it
    /// starts would take that for an option.
    Destination, check
}

fn check(text: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._@:/[]%+".contains(c);
    // The user and the host, each of which ssh may hand to other programs.
    let is_option = text.split(['@', '/']).any(|part| part.starts_with('-'));
    if !text.is_empty() && text.len() <= 300 && !is_option && text.chars().all(plain) {
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
    pub(crate) fn root_of(address: &Address) -> Self {
        Self(format!("root@{}", address.as_str()))
    }

    /// The name under which ssh stores the host's key in `known_hosts`: `HOST`, or `[HOST]:PORT` for another port than 22.
    /// Names are in lower case, and numbers in their shortest form. What `ssh_config(5)` makes of a name is not known here.
    #[must_use]
    pub fn known_hosts_name(&self) -> String {
        let (authority, is_uri) = match self.0.strip_prefix("ssh://") {
            Some(authority) => (authority.trim_end_matches('/'), true),
            None => (self.0.as_str(), false),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = if is_uri { host_and_port(host) } else { (host, None) };
        let host = match host.parse::<IpAddr>() {
            Ok(number) => number.to_string(),
            Err(_) => host.to_ascii_lowercase(),
        };
        match port {
            None | Some("22") => host,
            Some(port) => format!("[{host}]:{port}"),
        }
    }
}

/// The two parts of `HOST[:PORT]`, where an IPv6 address is in brackets.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_takes_for_an_option_or_another_word_is_refused() {
        let admits = |text: &str| Destination::try_from(text.to_owned()).is_ok();
        for text in [
            "ziz",
            "root@10.0.0.2",
            "admin@fd00::2",
            "ssh://admin@[fd00::2]:2222",
            "ziz-admin",
        ] {
            assert!(admits(text), "{text}");
        }
        for text in [
            "",
            "-oProxyCommand=x",
            "root@ziz -v",
            "ziz\n",
            "$(x)",
            "a'b",
            "zi\u{7f}z",
        ] {
            assert!(!admits(text), "{text}");
        }
        for text in ["-l", "root@-v", "-v@ziz", "ssh://-v", "ssh://root@-v:22"] {
            assert!(!admits(text), "{text}");
        }
        assert!(admits(&"a".repeat(300)) && !admits(&"a".repeat(301)));
    }

    #[test]
    fn known_hosts_has_a_host_as_ssh_writes_it() {
        for (text, name) in [
            ("root@ziz", "ziz"),
            ("Ziz.Example.net", "ziz.example.net"),
            ("root@10.0.0.2", "10.0.0.2"),
            ("root@FD00:0:0::2", "fd00::2"),
            ("ssh://admin@ziz", "ziz"),
            ("ssh://admin@ziz:22", "ziz"),
            ("ssh://admin@ziz:2222", "[ziz]:2222"),
            ("ssh://[fd00::2]:2222", "[fd00::2]:2222"),
            ("ssh://admin@[fd00::2]", "fd00::2"),
        ] {
            let destination = Destination::try_from(text.to_owned()).unwrap();
            assert_eq!(destination.known_hosts_name(), name, "{text}");
        }
    }
}

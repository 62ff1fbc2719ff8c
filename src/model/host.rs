//! Names and addresses of hosts.

use super::{Refusal, checked_string};

checked_string! {
    /// A host's name in the fleet: labels of `a-z`, `0-9` and `-` with single dots between them, 64
    /// characters at most, no label with a `-` at an end (hostname(7), but in lower case, since restic's
    /// locks and snapshots compare host names byte for byte).
    HostName, check_name
}

checked_string! {
    /// Where a host is reached: a host name (dots and upper case allowed), an IPv4 or an IPv6 address.
    Address, check_address
}

fn check_name(text: &str) -> Result<(), Refusal> {
    if is_dotted_name(text) && text.len() <= 64 && !text.contains(|c: char| c.is_ascii_uppercase()) {
        return Ok(());
    }
    let lower = text.to_ascii_lowercase();
    if lower != text && check_name(&lower).is_ok() {
        return Err(Refusal::new(
            format!("`{text}` is not in lower case"),
            format!(
                "write `{lower}`: restic tells host names apart by their case, and a fleet's are in lower case"
            ),
        ));
    }
    Err(Refusal::new(
        format!("`{text}` is not a host name"),
        "use labels of a to z, 0 to 9 and `-`, with dots between them; 64 characters at most",
    ))
}

fn check_address(text: &str) -> Result<(), Refusal> {
    if text.parse::<std::net::IpAddr>().is_ok() || (is_dotted_name(text) && text.len() <= 253) {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not an address"),
        "use a host name, an IPv4 or an IPv6 address; the port is `ssh.port`",
    ))
}

fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

impl HostName {
    /// The name as an address, for a host that gives none of its own.
    #[must_use]
    pub fn to_address(&self) -> Address {
        Address(self.0.clone())
    }
}

impl Address {
    /// The address as `mount.nfs` and exports(5) write it: IPv6 in brackets.
    #[must_use]
    pub fn bracketed(&self) -> String {
        if self.0.contains(':') {
            format!("[{}]", self.0)
        } else {
            self.0.clone()
        }
    }
}

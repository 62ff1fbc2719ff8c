//! Names and addresses of hosts.

use std::net::{IpAddr, Ipv6Addr};

use super::{Refusal, checked_string};

checked_string! {
    /// A host's name in the fleet: labels of `a-z`, `0-9` and `-` with single dots between them, 64
    /// characters at most. No label has a `-` at an end. This is hostname(7), but in lower case, since
    /// restic's locks and snapshots compare host names byte for byte.
    HostName, check_name
}

checked_string! {
    /// Where a host is reached: a host name (dots and upper case allowed), an IPv4 or an IPv6 address. A name
    /// whose last label is a number is none: many programs take `1` for 0.0.0.1 (`inet_aton(3)`).
    Address, check_address
}

fn check_name(text: &str) -> Result<(), Refusal> {
    if is_dotted_name(text) && text.len() <= 64 && !text.contains(|c: char| c.is_ascii_uppercase()) {
        return Ok(());
    }
    let lower = text.to_ascii_lowercase();
    if lower != text && check_name(&lower).is_ok() {
        return Err(Refusal::new(
            format!("the host name `{text}` is not in lower case"),
            format!(
                "write `{lower}`: restic distinguishes upper and lower case, so host names of a fleet are in lower case"
            ),
        ));
    }
    Err(Refusal::new(
        format!("`{text}` is not a host name"),
        "write labels of `a` to `z`, `0` to `9` and `-`, with dots between them; at most 64 characters",
    ))
}

fn check_address(text: &str) -> Result<(), Refusal> {
    let (number, zone) = text.split_once('%').unwrap_or((text, ""));
    let is_link_local = number
        .parse()
        .is_ok_and(|number: Ipv6Addr| number.is_unicast_link_local());
    if is_link_local || !zone.is_empty() && number.parse::<Ipv6Addr>().is_ok() {
        return Err(Refusal::new(
            format!("`{text}` is a link-local address, which is valid on a single network interface only"),
            "write the host name, or an address that all hosts can reach: a global one, or a private one such as \
             `fd00::2` (RFC 4193)",
        ));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if ends_in_number(text) {
        return Err(Refusal::new(
            format!("`{text}` is neither a host name nor an IP address"),
            "write an IPv4 address of four numbers up to 255, or a host name whose last label is not a number",
        ));
    }
    if is_dotted_name(text) && text.len() <= 253 {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{text}` is not an address"),
        "write a host name, an IPv4 address or an IPv6 address; `ssh.port` sets the port",
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

/// True when the last label is a number, decimal, octal or hexadecimal.
fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or(text);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl HostName {
    /// The name as an address, for a host without `address`.
    #[must_use]
    pub(crate) fn to_address(&self) -> Address {
        Address(self.0.clone())
    }
}

impl Address {
    /// The address as a number. `None` for a name, for which sshd would have to ask the DNS.
    #[must_use]
    pub fn number(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// What two spellings of one address share: the number, or the name in lower case.
    #[must_use]
    pub fn identity(&self) -> String {
        self.number().map_or_else(
            || self.0.to_ascii_lowercase(),
            |number| number.to_canonical().to_string(),
        )
    }

    /// The address as `mount.nfs` wants it: IPv6 in brackets. exports(5) wants it without.
    #[must_use]
    pub fn bracketed(&self) -> String {
        if self.0.contains(':') {
            format!("[{}]", self.0)
        } else {
            self.0.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(text: &str) -> bool {
        Address::try_from(text.to_owned()).is_ok()
    }

    #[test]
    fn names_and_ip_addresses_are_addresses() {
        for text in [
            "ziz",
            "Ziz.Example.Net",
            "1.example",
            "0xg",
            "a1",
            "10.0.0.1",
            "fd00::2",
            "::1",
        ] {
            assert!(admits(text), "{text}");
        }
    }

    #[test]
    fn what_programs_take_for_another_address_is_none() {
        for text in [
            "1",
            "0",
            "10.0.1",
            "10.0.0.256",
            "0x7f",
            "127.0x1",
            "010",
            "a.0",
            "0X1f",
            "0x",
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn two_spellings_of_one_address_are_one() {
        let identity = |text: &str| Address::try_from(text.to_owned()).unwrap().identity();
        assert_eq!(identity("FD00:0:0::2"), identity("fd00::2"));
        assert_eq!(identity("::ffff:10.0.0.1"), identity("10.0.0.1"));
        assert_eq!(identity("Ziz.Example"), identity("ziz.example"));
        assert_ne!(identity("fd00::2"), identity("fd00::20"));
    }

    #[test]
    fn a_link_local_address_is_refused_with_its_own_hint() {
        for text in ["fe80::1%eth0", "fe80::1", "FE80::1%2", "fd00::2%eth0"] {
            let refusal = Address::try_from(text.to_owned()).unwrap_err();
            assert!(refusal.what.contains("link-local"), "{text}: {}", refusal.what);
        }
    }
}

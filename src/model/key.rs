//! SSH public keys.

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine};
use sha2::{Digest, Sha256};

use super::{Refusal, checked_string};

checked_string! {
    /// A public key as in `known_hosts` and `authorized_keys` (sshd(8)): type, base64, and perhaps a comment,
    /// on one line. The base64 holds a whole key of that type (RFC 4253, 6.6): ssh skips a line whose key was
    /// cut short, and does not report it. A private key is refused: a fleet file holds no secret.
    PublicKey, check
}

const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

fn check(text: &str) -> Result<(), Refusal> {
    if text.contains("PRIVATE KEY") {
        return Err(Refusal::new(
            "this is a private key, but a fleet file must not hold secrets",
            "write the public key, one line such as `ssh-ed25519 AAAA…`; then create a new key pair, because this \
             private key was exposed",
        ));
    }
    let mut words = text.split(' ');
    let kind = words.next().filter(|word| TYPES.contains(word));
    let blob = words.next().and_then(|word| BASE64_STANDARD.decode(word).ok());
    if let (Some(kind), Some(blob)) = (kind, blob)
        && is_whole(kind, &blob)
        && !text.chars().any(char::is_control)
    {
        return Ok(());
    }
    Err(Refusal::new(
        "this is not an ssh public key",
        "write the key type and the base64 text, such as `ssh-ed25519 AAAA…`; the key of a host is in \
         `/etc/ssh/ssh_host_ed25519_key.pub`",
    ))
}

/// True when these are all the fields of a key of this type, each as long as it has to be. ssh checks whether
/// an elliptic curve's point lies on its curve.
fn is_whole(kind: &str, blob: &[u8]) -> bool {
    let Some(fields) = fields(blob) else { return false };
    let [name, fields @ ..] = fields.as_slice() else {
        return false;
    };
    let is_point = |curve: &[u8], point: &[u8]| {
        let length = match curve {
            b"nistp256" => 65,
            b"nistp384" => 97,
            b"nistp521" => 133,
            _ => return false,
        };
        point.len() == length && point.first() == Some(&4)
    };
    *name == kind.as_bytes()
        && match (kind, fields) {
            ("ssh-ed25519", [key]) | ("sk-ssh-ed25519@openssh.com", [key, _]) => key.len() == 32,
            ("ssh-rsa", [exponent, modulus]) => {
                // OpenSSH takes 1024 to 16384 bits, and no number below 0.
                let is_positive = |number: &[u8]| number.first().is_some_and(|first| *first < 0x80);
                is_positive(exponent) && is_positive(modulus) && (128..=2049).contains(&modulus.len())
            }
            ("sk-ecdsa-sha2-nistp256@openssh.com", [curve, point, _]) => {
                *curve == b"nistp256" && is_point(curve, point)
            }
            (_, [curve, point]) => {
                kind.as_bytes().strip_prefix(b"ecdsa-sha2-") == Some(*curve) && is_point(curve, point)
            }
            _ => false,
        }
}

/// The fields of a key, each behind its length; nothing when one is cut short.
fn fields(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
        fields.push(field);
        blob = rest;
    }
    Some(fields)
}

impl PublicKey {
    /// Type and base64, without the comment.
    #[must_use]
    pub fn without_comment(&self) -> String {
        self.0.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// The fingerprint as `ssh-keygen -l` shows it: `SHA256:` and the hash's base64.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let blob = self.0.split(' ').nth(1).map(|word| BASE64_STANDARD.decode(word));
        let hash = Sha256::digest(blob.and_then(Result::ok).unwrap_or_default());
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_one_that_ssh_keygen_shows() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD root@jak";
        let key = PublicKey::try_from(key.to_owned()).unwrap();
        assert_eq!(
            key.fingerprint(),
            "SHA256:zdWYWsd+zsXufoWhHk/1Kin9V4W2LwUrrWK32VZ4Clc"
        );
    }
}

//! SSH public keys.

use super::{Refusal, checked_string};

checked_string! {
    /// A public key as in `known_hosts` and `authorized_keys` (sshd(8)): type, base64, and perhaps a
    /// comment, on one line. A private key is refused: a fleet file holds no secret.
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
            "this is a private key, and a fleet file holds no secret",
            "write the public key, one line that starts with `ssh-ed25519`; then make a new pair, \
             since this one was written down",
        ));
    }
    let mut words = text.split(' ');
    let known = words.next().is_some_and(|word| TYPES.contains(&word));
    let body = words.next().is_some_and(|word| {
        word.len() >= 32
            && word.starts_with("AAAA")
            && word
                .trim_end_matches('=')
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    });
    if known && body && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::new(
        "this is not an ssh public key",
        "write the type and the base64, as in `ssh-ed25519 AAAA…`; a host's own is in \
         /etc/ssh/ssh_host_ed25519_key.pub",
    ))
}

impl PublicKey {
    /// Type and base64, without the comment.
    #[must_use]
    pub fn without_comment(&self) -> String {
        self.0.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }
}

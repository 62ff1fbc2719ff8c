//! What encrypts a repository of restic, by restic's documentation of its format (doc/design.rst).

use std::fs;
use std::path::Path;

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher};
use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use poly1305::Poly1305;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What encrypts and authenticates everything in a repository.
pub(crate) struct Keys {
    encrypt: Vec<u8>,
    k: Vec<u8>,
    r: Vec<u8>,
}

impl Keys {
    /// Those of a repository.
    pub(crate) fn of(repository: &Path, password: &str) -> Result<Self> {
        let file = fs::read_dir(repository.join("keys"))?
            .next()
            .context("no key")??;
        Self::in_file(&fs::read(file.path())?, password)
    }

    /// Those that a key file holds.
    pub(crate) fn in_file(file: &[u8], password: &str) -> Result<Self> {
        let key: Value = serde_json::from_slice(file)?;
        let number = |name: &str| key[name].as_u64().context("no number");
        let bytes = |value: &Value| -> Result<Vec<u8>> {
            Ok(BASE64_STANDARD.decode(value.as_str().context("no base64")?)?)
        };
        let cost = u8::try_from(number("N")?.trailing_zeros())?;
        let parameters = scrypt::Params::new(cost, number("r")?.try_into()?, number("p")?.try_into()?)?;
        let derived = Self::derived(password, &bytes(&key["salt"])?, &parameters)?;
        // What is encrypted is between a nonce and its authentication, of 16 bytes each.
        let data = bytes(&key["data"])?;
        let mut text = data[16..data.len() - 16].to_vec();
        apply(&derived.encrypt, &data[..16], &mut text)?;
        let master: Value = serde_json::from_slice(&text)?;
        Ok(Self {
            encrypt: bytes(&master["encrypt"])?,
            k: bytes(&master["mac"]["k"])?,
            r: bytes(&master["mac"]["r"])?,
        })
    }

    /// Those that a password gives.
    fn derived(password: &str, salt: &[u8], parameters: &scrypt::Params) -> Result<Self> {
        let mut derived = [0; 64];
        scrypt::scrypt(password.as_bytes(), salt, parameters, &mut derived)?;
        Ok(Self {
            encrypt: derived[..32].to_vec(),
            k: derived[32..48].to_vec(),
            r: derived[48..].to_vec(),
        })
    }

    /// The name and the content of a key file with these keys, which a password opens at once.
    ///
    /// restic derives a key from the password whenever it opens a repository, and makes that slow on purpose.
    /// This takes most of the time of a small backup. This file asks for the least that scrypt can do.
    pub(crate) fn quick_file(&self, password: &str) -> Result<(String, String)> {
        let salt = [7; 64];
        let parameters = scrypt::Params::new(1, 1, 1).context("the least that scrypt can do")?;
        let text = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        let keys = json!({"mac": {"k": text(&self.k), "r": text(&self.r)}, "encrypt": text(&self.encrypt)});
        let sealed = Self::derived(password, &salt, &parameters)?.seal(keys.to_string().as_bytes())?;
        let file = json!({"created": "2026-11-20T04:00:00Z", "username": "root", "hostname": "jak", "kdf": "scrypt",
            "N": 2, "r": 1, "p": 1, "salt": text(&salt), "data": text(&sealed)});
        let file = file.to_string();
        Ok((hex(&Sha256::digest(&file)), file))
    }

    /// A text as it is in the repository.
    pub(crate) fn seal(&self, text: &[u8]) -> Result<Vec<u8>> {
        // A nonce is used for one text only.
        let nonce = &Sha256::digest(text)[..16];
        let mut sealed = text.to_vec();
        apply(&self.encrypt, nonce, &mut sealed)?;
        let mut s = Array::try_from(nonce)?;
        aes::Aes128::new_from_slice(&self.k)?.encrypt_block(&mut s);
        let key = [self.r.as_slice(), s.as_slice()].concat();
        let authentication = Poly1305::new_from_slice(&key)?.compute_unpadded(&sealed);
        Ok([nonce, &sealed, authentication.as_slice()].concat())
    }
}

fn apply(key: &[u8], nonce: &[u8], text: &mut [u8]) -> Result<()> {
    ctr::Ctr128BE::<Aes256>::new_from_slices(key, nonce)?.apply_keystream(text);
    Ok(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

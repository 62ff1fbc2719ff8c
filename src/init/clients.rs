//! The clients that `genbackup init --client` names.

use anyhow::Result;

use super::answers::{Client, include_of};
use crate::error::fail;
use crate::model::{AbsolutePath, Address, HostName, PublicKey, Refusal, UnitPath};
use crate::system::openssh;

/// The port of a host's regular sshd, which shows the same host key as our sshd.
pub(crate) const SSH_PORT: u16 = 22;

/// The name and the address of a client, written as `NAME` or `NAME=ADDRESS`.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: HostName,
    pub(crate) address: Address,
}

impl TryFrom<&str> for Named {
    type Error = Refusal;

    fn try_from(text: &str) -> Result<Self, Refusal> {
        let (name, address) = text.split_once('=').unwrap_or((text, text));
        Ok(Self {
            name: name.to_owned().try_into()?,
            address: address.to_owned().try_into()?,
        })
    }
}

impl Named {
    /// The client, with its host key.
    pub(crate) fn with(self, host_key: PublicKey, is_compared: bool, include: Vec<AbsolutePath>) -> Client {
        let Self { name, address } = self;
        Client {
            address: (address.as_str() != name.as_str()).then_some(address),
            name,
            host_key,
            is_compared,
            include,
        }
    }

    /// The client, with the host key that it shows and the usual paths.
    ///
    /// # Errors
    /// When it shows no key.
    pub(crate) fn unasked(self, repository: &UnitPath) -> Result<Client> {
        let Self { name, address } = &self;
        let Some(host_key) = openssh::shown_key(address, SSH_PORT)? else {
            fail!(
                what("{address} shows no ed25519 host key on port {SSH_PORT}; nothing was written"),
                hint(
                    "start sshd on {name}, \
                 or name another address with `--client {name}=ADDRESS`"
                )
            );
        };
        let include = include_of(name, repository)?;
        Ok(self.with(host_key, false, include))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_defaults_to_the_name() {
        for (text, name, address) in [
            ("ziz", "ziz", "ziz"),
            ("ziz=192.0.2.7", "ziz", "192.0.2.7"),
            ("ziz=fd00::2", "ziz", "fd00::2"),
        ] {
            let named = Named::try_from(text).unwrap();
            assert_eq!((named.name.as_str(), named.address.as_str()), (name, address));
        }
        for text in ["", "=", "ziz=", "=ziz", "Ziz", "1", "ziz=a b", "ziz=kai=jak"] {
            assert!(Named::try_from(text).is_err(), "{text}");
        }
    }
}

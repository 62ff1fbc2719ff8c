//! Writes the answers as a commented fleet file.

use std::fmt::Display;

use anyhow::{Result, bail};
use askama::Template;

use super::answers::{Answers, may_be_empty};
use crate::config;
use crate::config::resolve::resolve;
use crate::model::PublicKey;
use crate::system::openssh;

/// Every value is a TOML string with its quotes.
#[derive(Template)]
#[template(path = "printed/fleet.toml", escape = "none")]
struct FleetTemplate<'a> {
    schema: &'a str,
    host: String,
    path: String,
    file_system: String,
    password_file: String,
    calendar: String,
    keep: String,
    include: Vec<String>,
    exclude: Vec<String>,
    may_be_empty: Vec<String>,
    remote: Option<RemoteTables>,
}

struct RemoteTables {
    mount: String,
    key_file: String,
    public_key: String,
    clients: Vec<HostTable>,
}

struct HostTable {
    name: String,
    address: Option<String>,
    host_key: String,
    is_compared: bool,
    include: Vec<String>,
    may_be_empty: Vec<String>,
}

/// A placeholder for a key that is not made yet.
const KEY_TO_BE_MADE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Answers {
    /// Checks that `genbackup check` accepts the resulting file.
    ///
    /// # Errors
    /// All problems, if the answers contradict each other.
    pub(crate) fn check(&self) -> Result<()> {
        let key = PublicKey::try_from(KEY_TO_BE_MADE.to_owned())?;
        let text = text(self, Some(&key), "fleet.schema.json")?;
        if let Err(problems) = resolve(config::file::read("answers", &text)) {
            let problems: Vec<String> = problems
                .iter()
                .map(|problem| format!("{}\n    {}", problem.refusal.what, problem.refusal.hint))
                .collect();
            bail!("{}", problems.join("\n"));
        }
        Ok(())
    }

    /// The fleet file. The key pair must exist.
    pub(crate) fn fleet_file(&self, schema: &str) -> Result<String> {
        let key = match &self.remote {
            Some(remote) => Some(openssh::public_key(remote.key_file.path().as_ref())?),
            None => None,
        };
        text(self, key.as_ref(), schema)
    }
}

/// The fleet file, with the public key of the storage host if there are clients on other machines.
pub(crate) fn text(answers: &Answers, public_key: Option<&PublicKey>, schema: &str) -> Result<String> {
    let remote = answers.remote.as_ref().zip(public_key);
    let template = FleetTemplate {
        schema,
        host: quoted(&answers.host),
        path: quoted(&answers.path),
        file_system: quoted(&answers.file_system),
        password_file: quoted(answers.password_file.path()),
        calendar: quoted(&answers.calendar),
        keep: quoted(&answers.keep.0),
        include: all_quoted(&answers.include),
        exclude: all_quoted(answers.exclude()),
        may_be_empty: all_quoted(may_be_empty(&answers.host, &answers.include)),
        remote: remote.map(|(remote, public_key)| RemoteTables {
            mount: quoted(&remote.mount),
            key_file: quoted(remote.key_file.path()),
            public_key: quoted(public_key),
            clients: remote
                .clients
                .iter()
                .map(|client| HostTable {
                    name: quoted(&client.name),
                    address: client.address.as_ref().map(quoted),
                    host_key: quoted(&client.host_key),
                    is_compared: client.is_compared,
                    include: all_quoted(&client.include),
                    may_be_empty: all_quoted(may_be_empty(&client.name, &client.include)),
                })
                .collect(),
        }),
    };
    Ok(template.render()? + "\n")
}

fn all_quoted(values: impl IntoIterator<Item = impl Display>) -> Vec<String> {
    values.into_iter().map(quoted).collect()
}

/// A text as a basic string of TOML.
fn quoted(value: impl Display) -> String {
    let mut text = String::from('"');
    for character in value.to_string().chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_read_back_unchanged() {
        for text in ["", "/etc", "/a \"b\" \\c \\", "größe 日本", "#"] {
            let read: toml::Table = toml::from_str(&format!("key = {}", quoted(text))).unwrap();
            assert_eq!(read["key"].as_str(), Some(text));
        }
    }
}

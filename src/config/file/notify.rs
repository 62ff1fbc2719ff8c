//! A recipient of notifications.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::words::listed;
use crate::model::{EmailAddress, MessageService, PushMonitor, Refusal, UnitPath, WebService};

use super::{Field, List, unknown_word};

/// A recipient of notifications.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotifyTable {
    /// The service that gets the notifications.
    #[schemars(required, extend("x-since" = "0.2.0", "examples" = ["telegram"]))]
    pub kind: Field<KindWord>,
    /// The file on the storage host whose first line is the address, with token and recipient. Make it readable for
    /// root only. Refused for `email`.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for every kind except `email`",
        "examples" = ["/etc/genbackup/telegram"]
    ))]
    pub address_file: Field<UnitPath>,
    /// The recipients of the email. Refused for other kinds.
    #[schemars(extend(
        "x-since" = "0.2.0",
        "x-without" = "none; required for `email`",
        "minItems" = 1,
        "examples" = [["admin@example.net"]]
    ))]
    pub to: List<EmailAddress>,
}

/// How a recipient is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum KindWord {
    /// At a web address.
    Web(WebService),
    /// Through sendmail(8).
    Email,
}

impl KindWord {
    /// All of them, each with its word.
    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let messages = MessageService::ALL.into_iter();
        let messages = messages.map(|service| (service.word(), WebService::Messages(service)));
        let runs = PushMonitor::ALL.into_iter();
        let runs = runs.map(|monitor| (monitor.word(), WebService::Runs(monitor)));
        let web = messages
            .chain(runs)
            .map(|(word, service)| (word, Self::Web(service)));
        web.chain([("email", Self::Email)])
    }

    /// Their words.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        Self::all().map(|(word, _)| word).collect()
    }

    /// Their words, for a hint.
    #[must_use]
    pub fn listed() -> String {
        listed(Self::words())
    }
}

impl TryFrom<String> for KindWord {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = Self::all().find(|(word, _)| *word == text);
        known
            .map(|(_, kind)| kind)
            .ok_or_else(|| unknown_word(&text, Self::words()))
    }
}

//! restic's output on a client: its summary, its errors, and what it printed last.

use serde_json::{Map, Value};

use super::words::{cut, on_one_line};
use crate::runs::complaint::{self, is_frame, is_signal, names_cause, without_trace};

/// What restic printed.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The summary of the snapshot, without control characters.
    pub(super) summary: Option<Value>,
    /// True if a signal stopped restic.
    pub(super) is_stopped: bool,
    message: String,
    /// The message before a stack trace.
    cause: Option<String>,
    /// The last message that names the cause of an error.
    decisive: Option<String>,
}

impl Messages {
    /// Adds one line, and returns the item that restic could not read.
    pub(super) fn add(&mut self, line: &str, is_cut: bool) -> Option<String> {
        let message = { !is_cut }.then(|| serde_json::from_str(line).ok()).flatten();
        let Some(message): Option<Map<String, Value>> = message else {
            // JSON that was cut off, or is too long to be restic's, is not a message.
            if !line.starts_with("{\"") {
                self.note(line);
            }
            return None;
        };
        match message.get("message_type").and_then(Value::as_str) {
            // Only the first one; restic's own has about 700 bytes.
            Some("summary") if self.summary.is_none() => {
                self.summary = Some(harmless(Value::Object(message)));
                None
            }
            Some("exit_error") => {
                self.note(&text(message.get("message")));
                None
            }
            // The scanner reports the same files again.
            Some("error") if message.get("during").and_then(Value::as_str) != Some("scan") => {
                let error = message.get("error");
                let words = error.and_then(|error| error.get("message"));
                self.note(&text(words.filter(|words| !words.is_null()).or(error)));
                Some(text(message.get("item")))
            }
            _ => None,
        }
    }

    fn note(&mut self, message: &str) {
        let message = cut(message);
        if is_frame(&message) {
            self.cause.get_or_insert_with(|| self.message.clone());
            return;
        }
        let message = complaint::without_escapes(&without_trace(&message));
        self.is_stopped |= is_signal(&message);
        if names_cause(&message) {
            self.decisive = Some(message.clone());
        }
        self.message = message;
    }

    /// The most informative message: one that names the cause, or the last one, with the cause that restic printed before
    /// a stack trace.
    pub(super) fn words(&self) -> String {
        let Self {
            message,
            cause,
            decisive,
            ..
        } = self;
        match (decisive, cause) {
            (Some(decisive), _) => decisive.clone(),
            (None, Some(cause)) if cause != message => format!("{message}: {cause}"),
            (None, _) => message.clone(),
        }
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        value => value.unwrap_or(&Value::Null).to_string(),
    }
}

fn harmless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(on_one_line(&text)),
        Value::Array(values) => values.into_iter().map(harmless).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (on_one_line(&name), harmless(value)))
                .collect(),
        ),
        value => value,
    }
}

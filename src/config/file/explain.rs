//! serde's messages in our words, each with a way out.

use toml::de::DeValue;

use crate::config::problem::did_you_mean;
use crate::model::Refusal;

/// A message, and the key that its author most likely meant.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) refusal: Refusal,
    /// The dotted key that is not missing, only mistyped.
    pub(super) meant: Option<String>,
}

/// Explains serde's message about the value `found` at `dotted_key`.
pub(super) fn explain(message: &str, dotted_key: &str, found: Option<&DeValue<'_>>) -> Explained {
    if message.starts_with("unknown field") {
        let mut words = message.split('`').skip(1).step_by(2);
        let key = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        return unknown_key(key, &known, dotted_key, found);
    }
    let refusal = match message.split_once(", expected ") {
        Some((start, expected)) if start.starts_with("invalid type") => {
            wrong_type(dotted_key, found, expected.trim())
        }
        _ => Refusal::from_message(message),
    };
    Explained { refusal, meant: None }
}

fn unknown_key(key: &str, known: &[&str], dotted_key: &str, found: Option<&DeValue<'_>>) -> Explained {
    let parent = dotted_key.strip_suffix(key).unwrap_or_default();
    let meant = |word: &str| Some(format!("{parent}{word}"));
    let what = format!("unknown key `{key}`");
    if let Some(Secret { file }) = secret(key, known) {
        let advice = match file {
            Some(file) => format!("write it into a file and set `{file}` to the path of that file"),
            None => "remove it".to_owned(),
        };
        let hint = format!(
            "a fleet file must not hold secrets: {advice}; then replace the secret, because it was exposed"
        );
        return Explained {
            refusal: Refusal::new(what, hint),
            meant: file.and_then(meant),
        };
    }
    if let Some(likely) = likely(key, known) {
        return Explained {
            refusal: Refusal::new(what, did_you_mean(likely)),
            meant: meant(likely),
        };
    }
    if POWER.contains(&key) && known.contains(&"power") {
        let hint = format!("move it to the table `[{parent}power]`");
        return Explained {
            refusal: Refusal::new(what, hint),
            meant: None,
        };
    }
    let host = parent
        .strip_prefix("hosts.")
        .filter(|_| found.is_some_and(DeValue::is_table));
    let hint = match host {
        Some(host) => {
            let name = format!("{host}{key}{}", tables_below(found));
            format!("write a host name with a dot in quotes: `[hosts.\"{name}\"]`")
        }
        None => format!("the valid keys here are `{}`", known.join("`, `")),
    };
    Explained {
        refusal: Refusal::new(what, hint),
        meant: None,
    }
}

/// Keys of `[power]` that people write one table too high.
const POWER: [&str; 2] = ["limit-upload", "limit-download"];

/// `.c.d` for the table that `[a.b.c.d]` makes at `a.b`.
fn tables_below(found: Option<&DeValue<'_>>) -> String {
    let Some(DeValue::Table(table)) = found else {
        return String::new();
    };
    let tables: Vec<_> = table
        .iter()
        .filter(|(_, value)| value.get_ref().is_table())
        .collect();
    match tables[..] {
        [(key, value)] => format!(".{}{}", key.get_ref(), tables_below(Some(value.get_ref()))),
        _ => String::new(),
    }
}

fn likely<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    crate::config::problem::likely(key, known.iter().copied())
}

/// A key that is made to hold a secret.
struct Secret<'k> {
    /// The key of the same table that names the secret's file, if there is one.
    file: Option<&'k str>,
}

fn secret<'k>(key: &str, known: &[&'k str]) -> Option<Secret<'k>> {
    let (endings, only_there): (&[&str], _) = match key {
        // A notification's token is a part of its address.
        "password" | "passphrase" | "secret" | "token" | "access-token" => {
            (&["password-file", "address-file"], false)
        }
        "key" => (&["key-file"], true),
        "private-key" => (&["key-file"], false),
        "address" | "url" | "webhook" => (&["address-file"], true),
        _ => return None,
    };
    let is_file = |word: &&str| endings.iter().any(|ending| word.ends_with(ending));
    let file = known.iter().copied().find(is_file);
    (file.is_some() || !only_there).then_some(Secret { file })
}

fn wrong_type(dotted_key: &str, found: Option<&DeValue<'_>>, expected: &str) -> Refusal {
    let name = dotted_key.rsplit('.').next().unwrap_or(dotted_key);
    let (expected, hint) = match expected {
        "a string" => (expected, "write it in double quotes".to_owned()),
        "a sequence" => ("a list", "write it in brackets: [\"…\", \"…\"]".to_owned()),
        "a boolean" => (
            "`true` or `false`",
            "write `true` or `false`, without quotes".to_owned(),
        ),
        "i64" => ("a whole number", "write digits only, without quotes".to_owned()),
        // The tables of the file, by the names of our types.
        _ => (
            "a table",
            format!("write `[{dotted_key}]` on a separate line, in single brackets, and its keys below"),
        ),
    };
    if let (Some(DeValue::Integer(number)), "a whole number") = (found, expected) {
        return Refusal::new(
            format!("`{}` is out of range", number.as_str()),
            "write a number with fewer digits",
        );
    }
    Refusal::new(
        format!("`{name}` is {}, but must be {expected}", kind(found)),
        hint,
    )
}

fn kind(found: Option<&DeValue<'_>>) -> String {
    match found {
        Some(DeValue::String(text)) => format!("a string (`\"{text}\"`)"),
        Some(DeValue::Integer(number)) => format!("a number (`{}`)", number.as_str()),
        Some(DeValue::Float(number)) => format!("a number with a fraction (`{}`)", number.as_str()),
        Some(DeValue::Boolean(truth)) => format!("`{truth}`"),
        Some(DeValue::Datetime(date)) => format!("a date (`{date}`)"),
        Some(DeValue::Array(_)) => "a list".to_owned(),
        Some(DeValue::Table(_)) => "a table".to_owned(),
        None => "something else".to_owned(),
    }
}

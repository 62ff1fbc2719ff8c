//! The grammars of values, as far as a regular expression (ECMA-262) can express them, each with examples.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::file::{CatchUpWord, CopyWord, KindWord, OneOrMore};
use crate::model::span;
use crate::model::{
    AbsolutePath, Address, Age, Calendar, CommandWord, CopyName, Deletion, Destination, EmailAddress,
    ExcludePattern, FileSize, HookName, HostName, KeepPolicy, Marker, MemorySize, Network, NotifyName,
    OnBattery, Percent, Period, Place, PublicKey, Rate, Release, Remote, RepositoryAddress, ResticVersion,
    SystemdVersion, Tag, TimeSpan, UnitPath, UserName,
};

/// A text with a grammar, and what it stands for.
macro_rules! text {
    ($type:ident, $kind:expr, $pattern:expr, [$($example:expr),*]) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "x-kind": $kind, "pattern": $pattern, "examples": [$($example),*]})
            }
        }
    };
}

/// White space as Rust's `char::is_whitespace` has it: `\s` lacks U+0085.
const SPACE: &str = r"[\s\x85]";

/// One or more numbers with a unit, as [`TimeSpan`] reads them.
fn spans() -> String {
    let units = one_of(span::UNITS.iter().flat_map(|(names, _)| names.iter().copied()));
    let digits = r"[0-9][0-9\s\x85]*";
    format!(r"(?:{digits}(?:\.{SPACE}*{digits})?{units}{SPACE}*)+")
}

/// One of these words, which have no character that is special.
fn one_of(words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    format!("(?:{})", words.join("|"))
}

const PARTS: &str = r"(?!(?:.*/)?\.\.?(?:/|$))(?:[^/\x00-\x1f\x7f-\x9f]+(?:/[^/\x00-\x1f\x7f-\x9f]+)*)?$";

text!(
    AbsolutePath,
    "absolute path",
    format!("^/{PARTS}"),
    ["/etc", "/srv/my files"]
);
text!(
    UnitPath,
    "absolute path",
    // Not what systemd would strip.
    format!(r"^(?!.*[\s\\]$)/{PARTS}"),
    ["/srv/backup"]
);
text!(
    HostName,
    "host name",
    r"^(?=.{1,64}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$",
    ["ziz"]
);
text!(
    Address,
    "host name or IP address",
    // A name whose last label is no number, four numbers, or an IPv6 address.
    r"^(?:(?=.{1,253}$)(?!(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$",
    ["ziz.example.net", "192.0.2.1", "2001:db8::1"]
);
text!(
    Destination,
    "destination of ssh(1)",
    r"^(?=.{1,300}$)(?!-)(?!.*[@/]-)[A-Za-z0-9._@:/\[\]%+-]+$",
    ["root@ziz", "admin@ziz.example.net", "ssh://admin@ziz:2222"]
);
text!(
    Calendar,
    "calendar expression",
    r"^(?![- ])(?!.* $)[A-Za-z0-9 *\-,:./~_+]+$",
    ["*-*-* 04:00:00", "Mon..Fri 22:30 Europe/Berlin", "daily"]
);
text!(
    KeepPolicy,
    "keep policy",
    {
        let count = one_of(Period::ALL.map(Period::name));
        let count = format!(r"(?:\+?[0-9]+|unlimited) \s*{count}");
        let age = one_of(Period::ALL.map(Period::within));
        let units = Age::UNITS.iter().collect::<String>();
        let age = format!(r"{age} \s*(?:[0-9]+[{units}])+");
        let rule = format!(r"\s*(?:{count}|{age})\s*");
        format!("^{rule}(?:,{rule})*$")
    },
    [
        "30 daily, 5 weekly, 12 monthly, 10 yearly",
        "within 30d, within-monthly 1y, unlimited yearly"
    ]
);
text!(
    PublicKey,
    "ssh public key",
    r"^(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: [^\x00-\x1f\x7f-\x9f]*)?$",
    ["ssh-ed25519 AAAA…"]
);
text!(
    ExcludePattern,
    "pattern of restic",
    r"^(?!\s)(?!.*\s$)[^\x00-\x1f\x7f-\x9f]+$",
    ["/home/*/.cache", "*.tmp"]
);
text!(
    TimeSpan,
    "time span",
    format!("^{SPACE}*{}$", spans()),
    ["15min", "24h", "3d", "1h 30min"]
);
text!(
    ResticVersion,
    format!("version of restic, {} or later", ResticVersion::OLDEST),
    r"^[0-9]+\.[0-9]+(?:\.[0-9]+)?$",
    ["0.14", "0.17.1"]
);
text!(
    Release,
    "version of genbackup",
    r"^[0-9]+\.[0-9]+(?:\.[0-9]+)?$",
    ["0.2"]
);
text!(
    SystemdVersion,
    format!("version of systemd, {} or later", SystemdVersion::OLDEST),
    r"^[0-9]+(?:\..*)?$",
    ["252", "257"]
);
text!(
    NotifyName,
    "name",
    r"^(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*$",
    ["on-call"]
);
text!(
    CopyName,
    "name",
    r"^(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*$",
    ["cloud"]
);
text!(
    EmailAddress,
    "email address or local user",
    // Printable ASCII without what separates addresses.
    r"^(?!-)(?=.{1,254}$)[!#-'*+\-./0-9=?A-Z^-~]+(?:@[!#-'*+\-./0-9=?A-Z^-~]+)?$",
    ["admin@example.net", "root"]
);

text!(
    HookName,
    "name",
    r"^(?=.{1,64}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$",
    ["postgres"]
);
text!(
    UserName,
    "user name",
    r"^(?!restic$)(?=.{1,31}$)[a-z_][a-z0-9_-]*$",
    ["postgres"]
);
text!(
    CommandWord,
    "program or argument",
    r"^[^\x00-\x1f\x7f-\x9f]+$",
    ["/usr/bin/pg_dumpall"]
);
text!(
    Tag,
    "tag",
    r"^(?!genbackup$)(?!\s)(?!.*\s$)[^,\x00-\x1f\x7f-\x9f]+$",
    ["daily"]
);
text!(
    Marker,
    "`NAME` or `NAME:HEADER`",
    r"^(?!\.{1,2}(?::|$))[^/:\x00-\x1f\x7f-\x9f]+(?::[^\x00-\x1f\x7f-\x9f]+)?$",
    [
        ".nobackup",
        "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"
    ]
);
text!(
    FileSize,
    "file size",
    r"^(?!0+\D)[0-9]+\s*(?:[kKmMgGtT]|[KMGT]iB)$",
    ["512 MiB", "1 GiB"]
);
text!(
    Rate,
    "transfer rate",
    r"^(?!0+\D)[0-9]+\s*[KMG]iB/s$",
    ["512 KiB/s", "20 MiB/s"]
);
text!(
    MemorySize,
    "memory size",
    r"^[0-9]+\s*[MGT]iB$",
    ["512 MiB", "2 GiB"]
);
text!(
    Remote,
    "remote of rclone, or absolute path",
    r"^(?!\s)(?!.*\s$)(?!-)(?:[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*:|/)[^\x00-\x1f\x7f-\x9f]*$",
    ["cloud:backups/restic", "/mnt/usb/restic"]
);
text!(
    RepositoryAddress,
    "repository of restic",
    r"^(?!\s)(?!.*\s$)(?!-)(?:[^/:\x00-\x1f\x7f-\x9f]+:|/)[^\x00-\x1f\x7f-\x9f]*$",
    ["sftp:backup@nas.example.net:/backup"]
);
text!(
    Place,
    "name of a place",
    r"^(?=.{1,40}$)(?! )(?!.* $)[\p{L}\p{N} ._,-]+$",
    ["cloud"]
);
text!(
    Deletion,
    "`after` and a time span, `at-once` or `never`",
    format!("^(?:at-once|never|after {SPACE}*{})$", spans()),
    ["after 30d", "at-once", "never"]
);
text!(Percent, "percentage", r"^(?:100|[0-9]{1,2})\s*%$", ["10%"]);

/// A value, or a list of them.
impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = T::json_schema(generator);
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "uniqueItems": true}]})
    }
}

/// One of some words.
macro_rules! words {
    ($type:ident) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "enum": $type::ALL.map($type::word)})
            }
        }
    };
}

words!(CatchUpWord);
words!(CopyWord);
words!(Network);
words!(OnBattery);

impl JsonSchema for KindWord {
    fn schema_name() -> Cow<'static, str> {
        "KindWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": Self::words()})
    }
}

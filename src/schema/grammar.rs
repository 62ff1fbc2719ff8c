//! The grammars of values, as far as a regular expression (ECMA-262) says them, each with examples.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::fleet::CatchUpWord;
use crate::model::{
    AbsolutePath, Address, Calendar, ExcludePattern, HostName, KeepPolicy, PublicKey, ResticVersion,
    SystemdVersion, TimeSpan, UnitPath,
};

/// A text with a grammar.
macro_rules! text {
    ($type:ident, $pattern:expr, [$($example:expr),*]) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "examples": [$($example),*]})
            }
        }
    };
}

const PARTS: &str = r"(?!(?:.*/)?\.\.?(?:/|$))(?:[^/\x00-\x1f\x7f-\x9f]+(?:/[^/\x00-\x1f\x7f-\x9f]+)*)?$";

text!(AbsolutePath, format!("^/{PARTS}"), ["/etc", "/srv/my files"]);
text!(
    UnitPath,
    // Not what systemd would strip.
    format!(r"^(?!.*[\s\\]$)/{PARTS}"),
    ["/srv/backup"]
);
text!(
    HostName,
    r"^(?=.{1,64}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$",
    ["ziz"]
);
text!(
    Address,
    // A name whose last label is no number, four numbers, or an IPv6 address.
    r"^(?:(?=.{1,253}$)(?!(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$",
    ["ziz.example.net", "192.0.2.1", "2001:db8::1"]
);
text!(
    Calendar,
    r"^(?![- ])(?!.* $)[A-Za-z0-9 *\-,:./~_+]+$",
    ["*-*-* 04:00:00", "Mon..Fri 22:30 Europe/Berlin", "daily"]
);
text!(
    KeepPolicy,
    r"^\s*\+?[0-9]+ \s*(?:last|hourly|daily|weekly|monthly|yearly)\s*(?:,\s*\+?[0-9]+ \s*(?:last|hourly|daily|weekly|monthly|yearly)\s*)*$",
    ["30 daily, 5 weekly, 12 monthly, 10 yearly"]
);
text!(
    PublicKey,
    r"^(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: [^\x00-\x1f\x7f-\x9f]*)?$",
    ["ssh-ed25519 AAAA…"]
);
text!(
    ExcludePattern,
    r"^(?!\s)(?!.*\s$)[^\x00-\x1f\x7f-\x9f]+$",
    ["/home/*/.cache", "*.tmp"]
);
text!(
    TimeSpan,
    r"^\s*(?:[0-9]+\s*[A-Za-zµ]+\s*)+$",
    ["15min", "24h", "3d", "1h 30min"]
);
text!(
    ResticVersion,
    r"^[0-9]+\.[0-9]+(?:\.[0-9]+)?$",
    ["0.14", "0.17.1"]
);
text!(SystemdVersion, r"^[0-9]+(?:\..*)?$", ["252", "257"]);

impl JsonSchema for CatchUpWord {
    fn schema_name() -> Cow<'static, str> {
        "CatchUpWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": ["after-missed-run", "never"]})
    }
}

//! Texts of all kinds, most of them unkind.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::{collection, sample};

/// Parts of paths that every run tries: each was lost once, or is lost if the escaping for one reader is
/// missing.
pub(crate) const REMEMBERED: [&str; 18] = [
    "a /b",
    " a",
    "%n",
    "\"",
    "'",
    "\"a b\"",
    "\\",
    "\\a",
    "\\x20a",
    "a\\040b",
    "a\\101b",
    "$HOME",
    "$(id)",
    "#a",
    "!a",
    "~a",
    "a\u{fdd0}b",
    "\u{feff}a",
];

/// What one program or another takes for its own.
const SPECIAL: &str = " \"'\\%$`#!~*?[]{}()<>|&;=,:@^+-._";
/// Letters of more than one byte: composed and combining, wide, right to left, invisible, white space, no
/// characters at all.
const FOREIGN: &str = "éößñ\u{301}\u{308}日本語😀🇩🇪\u{5d0}\u{202e}\u{200d}\u{feff}\u{a0}\u{2003}\u{2028}\u{3000}\u{ad}\u{fffd}\u{fdd0}\u{ffff}\u{1fffe}\u{10ffff}\u{e000}";
/// Several characters that mean something together.
const SNIPPETS: [&str; 26] = [
    "%n", "%%", "%h", "$HOME", "${HOME}", "$$", "$(id)", "`id`", "$'a'", "\\x20", "\\040", "\\101", "\\n",
    "\\\\", " -", " /", "-rf", "..", ".", "**", "[a-z]", "{a,b}", "\" \"", "' '", "#a", "//",
];

fn one_of(characters: &'static str) -> impl Strategy<Value = char> {
    sample::select(characters.chars().collect::<Vec<_>>())
}

fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        40 => one_of("abcxyzABZ0123789"),
        30 => one_of(SPECIAL),
        10 => one_of(FOREIGN),
        4 => any::<char>(),
        1 => one_of("\0\t\n\r\u{1b}\u{7f}\u{85}"),
    ]
}

/// Any text of this number of characters, or of a few more.
fn words(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => character().prop_map(String::from),
        1 => sample::select(SNIPPETS.to_vec()).prop_map(str::to_owned),
    ];
    collection::vec(piece, length).prop_map(|pieces| pieces.concat())
}

/// A path, most often an absolute one.
pub(crate) fn path() -> BoxedStrategy<String> {
    let part = prop_oneof![40 => words(1..10), 1 => words(50..280)];
    let parts = collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    prop_oneof![30 => parts.clone().prop_map(|parts| format!("/{parts}")), 1 => parts].boxed()
}

/// A mount point, most often without what exports(5) cannot hold.
pub(crate) fn mount_point() -> BoxedStrategy<String> {
    let plain = path().prop_map(|path| path.replace([',', '(', ')', '"', '\\', ' '], "-"));
    prop_oneof![4 => plain, 1 => path()].boxed()
}

/// A pattern, or a file's name.
pub(crate) fn pattern() -> BoxedStrategy<String> {
    prop_oneof![20 => words(1..12), 5 => path(), 1 => words(50..280)].boxed()
}

fn name_of(characters: &'static str) -> BoxedStrategy<String> {
    let label = collection::vec(one_of(characters), 1..12).prop_map(|label| label.iter().collect::<String>());
    collection::vec(label, 1..5)
        .prop_map(|labels| labels.join("."))
        .boxed()
}

pub(crate) fn host_name() -> BoxedStrategy<String> {
    prop_oneof![
        20 => name_of("abcdefnoxyz0123456789-"),
        1 => name_of("abAB_ -*!%"),
        1 => words(1..6),
    ]
    .boxed()
}

pub(crate) fn address() -> BoxedStrategy<String> {
    // Groups of zeros, which IPv6 omits.
    let group = prop_oneof![Just(0_u16), any::<u16>()];
    prop_oneof![
        4 => name_of("abcxyzABZ0123456789-"),
        1 => host_name(),
        2 => any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).to_string()),
        2 => collection::vec(group, 8)
            .prop_map(|groups| groups.iter().fold(0, |bits, group| bits << 16 | u128::from(*group)))
            .prop_map(|bits| Ipv6Addr::from_bits(bits).to_string()),
    ]
    .boxed()
}

/// A public key with or without a comment, most often a sound one.
pub(crate) fn public_key() -> BoxedStrategy<String> {
    let field = |bytes: &[u8]| -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        [&length.to_be_bytes(), bytes].concat()
    };
    let ed25519 = collection::vec(any::<u8>(), 32)
        .prop_map(move |key| ("ssh-ed25519", [field(b"ssh-ed25519"), field(&key)].concat()));
    // A modulus of 2048 bits: its first byte marks it as positive.
    let rsa = collection::vec(any::<u8>(), 254).prop_map(move |modulus| {
        let modulus = [&[0, 0x80], modulus.as_slice(), &[1]].concat();
        let fields = [field(b"ssh-rsa"), field(&[1, 0, 1]), field(&modulus)];
        ("ssh-rsa", fields.concat())
    });
    let sound = prop_oneof![4 => ed25519, 1 => rsa]
        .prop_map(|(kind, blob)| format!("{kind} {}", BASE64_STANDARD.encode(blob)));
    let broken = (
        sound.clone(),
        any::<sample::Index>(),
        one_of("AQZaz09+/="),
        any::<bool>(),
    )
        .prop_map(|(key, place, character, cut)| {
            let place = place.index(key.len());
            let rest = if cut {
                ""
            } else {
                key.get(place + 1..).unwrap_or_default()
            };
            format!("{}{character}{rest}", key.get(..place).unwrap_or_default())
        });
    let key = prop_oneof![6 => sound, 1 => broken];
    let comment = prop_oneof![
        Just(String::new()),
        words(0..10).prop_map(|words| format!(" {words}"))
    ];
    (key, comment).prop_map(|(key, comment)| key + &comment).boxed()
}

/// A calendar expression, systemd.time(7).
pub(crate) fn calendar() -> BoxedStrategy<String> {
    let choice = |choices: &'static [&'static str]| sample::select(choices.to_vec());
    let number = |range: std::ops::Range<u32>| {
        prop_oneof![
            range.clone().prop_map(|number| format!("{number:02}")),
            (range.clone(), range.clone()).prop_map(|(one, two)| format!(
                "{:02}..{:02}",
                one.min(two),
                one.max(two)
            )),
            (range, 1..9_u32).prop_map(|(start, step)| format!("{start:02}/{step}")),
            Just("*".to_owned()),
        ]
    };
    let day = choice(&["", "Mon ", "Mon..Fri ", "Sat,Sun ", "tuesday "]);
    let date = (
        number(2000..2100),
        number(1..13),
        number(1..29),
        choice(&["-", "~"]),
    )
        .prop_map(|(year, month, day, last)| format!("{year}-{month}{last}{day} "));
    let time = (number(0..24), number(0..60), number(0..60))
        .prop_map(|(hour, minute, second)| format!("{hour}:{minute}:{second}"));
    let zone = choice(&["", " UTC", " Europe/Berlin", " America/Los_Angeles", " Etc/GMT+7"]);
    let whole = (day, prop_oneof![date, Just(String::new())], time, zone)
        .prop_map(|(day, date, time, zone)| format!("{day}{date}{time}{zone}"));
    let word =
        choice(&["daily", "weekly", "monthly", "quarterly", "hourly", "annually"]).prop_map(str::to_owned);
    prop_oneof![20 => whole, 1 => word, 1 => words(1..5)].boxed()
}

/// A port, as a number; 0 and a few more are none.
pub(crate) fn port() -> BoxedStrategy<String> {
    (0..66_000_u32).prop_map(|port| port.to_string()).boxed()
}

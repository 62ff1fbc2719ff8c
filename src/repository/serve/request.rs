//! What a request asks for: restic's names and methods, and nothing else. A path is compared as it was sent: it is never
//! decoded, so there is no second way to write a name.

use http::{HeaderMap, Method, Request, header};

use super::name::{Kind, Name};
use super::refusal::Refusal;

/// The media type with which a client asks for names with sizes.
pub(super) const VERSION_2: &str = "application/vnd.x.restic.rest.v2";
/// The media type of a list of names alone.
pub(super) const VERSION_1: &str = "application/vnd.x.restic.rest.v1";
/// The most header fields of a request; restic sends about six.
const MOST_HEADERS: usize = 32;
/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Root { create: bool },
    Config,
    List(Kind),
    File(Kind, Name),
}

impl Target {
    fn of(path: &str, query: Option<&str>) -> Option<Self> {
        if path == "/" {
            return match query {
                None => Some(Self::Root { create: false }),
                Some("create=true") => Some(Self::Root { create: true }),
                Some(_) => None,
            };
        }
        if query.is_some() {
            return None;
        }
        let path = path.strip_prefix('/')?;
        if path == "config" {
            return Some(Self::Config);
        }
        let (directory, name) = path.split_once('/')?;
        let kind = Kind::of_word(directory)?;
        if name.is_empty() {
            return Some(Self::List(kind));
        }
        Some(Self::File(kind, Name::of(name)?))
    }
}

/// A file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readable {
    /// The configuration of the repository.
    Config,
    /// Any other file.
    File(Kind, Name),
}

/// What a request asks for, once it is known to be allowed in general.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Send a file, or a part of it.
    Read(Readable, Option<Part>),
    /// Send the size of a file.
    Measure(Readable),
    /// Send the names of a kind, with their sizes or without.
    List {
        /// The kind.
        kind: Kind,
        /// True for version 2 of the protocol.
        sizes: bool,
    },
    /// Add a file.
    Add(Kind, Name),
    /// Remove a lock.
    Unlock(Name),
}

/// A part of a file: bytes from `first` to `last`, both included, or to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: Option<u64>,
}

impl Part {
    /// The part that a header `Range` names: `bytes=0-99` or `bytes=100-`, the forms that restic uses.
    fn of(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let first = number(first)?;
        let last = if last.is_empty() {
            None
        } else {
            Some(number(last)?)
        };
        last.is_none_or(|last| first <= last)
            .then_some(Self { first, last })
    }
}

/// What a request asks for.
///
/// # Errors
/// When nothing is served under this name, or when the method is not allowed there.
pub(super) fn read<T>(request: &Request<T>) -> Result<Action, Refusal> {
    let headers = request.headers();
    if headers.len() > MOST_HEADERS {
        return Err(Refusal::Headers);
    }
    let uri = request.uri();
    let target = Target::of(uri.path(), uri.query()).ok_or(Refusal::Unknown)?;
    let method = request.method();
    match (method, target) {
        (&Method::GET, Target::Config) => Ok(Action::Read(Readable::Config, part(headers)?)),
        (&Method::GET, Target::File(kind, name)) => {
            Ok(Action::Read(Readable::File(kind, name), part(headers)?))
        }
        (&Method::HEAD, Target::Config) => Ok(Action::Measure(Readable::Config)),
        (&Method::HEAD, Target::File(kind, name)) => Ok(Action::Measure(Readable::File(kind, name))),
        (&Method::GET, Target::List(kind)) => Ok(Action::List {
            kind,
            sizes: accepts_sizes(headers),
        }),
        (&Method::POST, Target::File(Kind::Keys, _) | Target::Config | Target::Root { create: true }) => {
            Err(Refusal::ReadOnly)
        }
        (&Method::POST, Target::File(kind, name)) => Ok(Action::Add(kind, name)),
        (&Method::DELETE, Target::File(Kind::Locks, name)) => Ok(Action::Unlock(name)),
        (&Method::DELETE, Target::File(..) | Target::Config) => Err(Refusal::Remove),
        (&Method::GET | &Method::HEAD, Target::Root { .. }) => Err(Refusal::Unknown),
        _ => Err(Refusal::Method),
    }
}

/// True if restic only asks whether somebody answers: it requests a name that does not exist, `/file-NUMBER`.
pub(super) fn is_probe(path: &str) -> bool {
    let number = path.strip_prefix("/file-");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn accepts_sizes(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .is_some_and(|value| value == VERSION_2)
}

fn part(headers: &HeaderMap) -> Result<Option<Part>, Refusal> {
    let Some(value) = headers.get(header::RANGE) else {
        return Ok(None);
    };
    let part = value.to_str().ok().and_then(Part::of);
    part.map(Some).ok_or(Refusal::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn request(method: &str, target: &str) -> Request<()> {
        Request::builder().method(method).uri(target).body(()).unwrap()
    }

    fn asked(method: &str, target: &str) -> Result<Action, Refusal> {
        read(&request(method, target))
    }

    #[test]
    fn names_of_restic_are_served() {
        let name = Name::of(HASH).unwrap();
        assert_eq!(name.directory(), "01");
        assert_eq!(asked("HEAD", "/config"), Ok(Action::Measure(Readable::Config)));
        for kind in Kind::ALL {
            let path = format!("/{}/{HASH}", kind.directory());
            let file = Readable::File(kind, name.clone());
            assert_eq!(asked("GET", &path), Ok(Action::Read(file, None)));
            let list = format!("/{}/", kind.directory());
            assert_eq!(asked("GET", &list), Ok(Action::List { kind, sizes: false }));
        }
    }

    #[test]
    fn no_other_name_is_served() {
        let capitals = HASH.to_uppercase();
        for path in [
            "/".to_owned(),
            "//config".to_owned(),
            "/config/".to_owned(),
            "/Config".to_owned(),
            "/config?x".to_owned(),
            "/config?".to_owned(),
            "/?create=false".to_owned(),
            "/data".to_owned(),
            "/data//".to_owned(),
            "/tmp/".to_owned(),
            "/file-123".to_owned(),
            format!("/{HASH}"),
            format!("/tmp/{HASH}"),
            format!("//data/{HASH}"),
            format!("/data//{HASH}"),
            format!("/data/{HASH}/"),
            format!("/data/01/{HASH}"),
            format!("/data/{HASH}?create=true"),
            format!("/data/{capitals}"),
            format!("/DATA/{HASH}"),
            format!("/data/{}", &HASH[1..]),
            format!("/data/{HASH}0"),
            format!("/data/../keys/{HASH}"),
            format!("/../ziz/data/{HASH}"),
            format!("/ziz/data/{HASH}"),
            format!("/data/..%2fkeys/{HASH}"),
            format!("/data%2f{HASH}"),
            format!("/%64ata/{HASH}"),
            format!("/locks/{HASH}/../../keys/{HASH}"),
        ] {
            for method in ["GET", "HEAD", "POST", "DELETE"] {
                let asked = asked(method, &path);
                if path == "/" && matches!(method, "POST" | "DELETE") {
                    assert_eq!(asked, Err(Refusal::Method), "{method}");
                } else {
                    assert_eq!(asked, Err(Refusal::Unknown), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn only_new_data_and_own_locks_can_change() {
        for kind in Kind::ALL {
            let path = format!("/{}/{HASH}", kind.directory());
            let removed = asked("DELETE", &path);
            assert_eq!(removed.is_ok(), kind == Kind::Locks, "{kind:?}");
            let added = asked("POST", &path);
            assert_eq!(added.is_ok(), kind != Kind::Keys, "{kind:?}");
            for method in ["PUT", "PATCH", "MOVE", "COPY", "OPTIONS", "PROPFIND"] {
                assert_eq!(asked(method, &path), Err(Refusal::Method), "{method}");
            }
        }
        assert_eq!(asked("POST", "/config"), Err(Refusal::ReadOnly));
        assert_eq!(asked("POST", "/?create=true"), Err(Refusal::ReadOnly));
        assert_eq!(asked("DELETE", "/config"), Err(Refusal::Remove));
    }

    #[test]
    fn a_range_has_one_of_two_forms() {
        let of = |first, last| Some(Part { first, last });
        assert_eq!(Part::of("bytes=0-99"), of(0, Some(99)));
        assert_eq!(Part::of("bytes=100-"), of(100, None));
        for wrong in [
            "",
            "bytes=",
            "bytes=-5",
            "bytes=5",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "bytes=1-99999999999999999999",
            "lines=1-2",
        ] {
            assert_eq!(Part::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn many_headers_are_refused() {
        let mut request = Request::builder().uri("/config");
        for number in 0..=MOST_HEADERS {
            request = request.header(format!("x-{number}"), "1");
        }
        assert_eq!(read(&request.body(()).unwrap()), Err(Refusal::Headers));
    }

    #[test]
    fn the_probe_of_restic_is_known() {
        assert!(is_probe("/file-5577006791947779410"));
        assert!(!is_probe("/file-../config"));
    }
}

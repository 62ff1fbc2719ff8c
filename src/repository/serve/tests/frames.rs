//! Frames of HTTP/2, for what the client of h2 does not do.

use std::io::Read;
use std::os::unix::net::UnixStream;

use super::name_of;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header field, as a literal that is not indexed.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 127);
        [&[length], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

/// The header fields of a request.
pub(super) fn request(method: &str, path: &str) -> Vec<u8> {
    [
        field(":method", method),
        field(":scheme", "http"),
        field(":authority", "localhost"),
        field(":path", path),
    ]
    .concat()
}

/// The header fields of an upload, and its body.
pub(super) fn post(kind: &str, content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let path = format!("/{kind}/{}", name_of(content));
    (request("POST", &path), content.to_vec())
}

/// With what a client begins.
pub(super) fn preface() -> Vec<u8> {
    [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, &[]),
    ]
    .concat()
}

/// A whole conversation of these requests.
pub(super) fn conversation(requests: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = preface();
    for (number, (headers, body)) in (0..).zip(requests) {
        let stream = 2 * number + 1;
        bytes.extend(frame(HEADERS, END_HEADERS, stream, headers));
        bytes.extend(frame(DATA, END_STREAM, stream, body));
    }
    bytes
}

/// Reads frames until the headers of an answer come.
pub(super) fn wait_for_answer(connection: &mut UnixStream) {
    while read(connection).expect("there is an answer").0 != HEADERS {}
}

/// Reads until the server closes the connection.
pub(super) fn wait_for_end(connection: &mut UnixStream) {
    while read(connection).is_some() {}
}

/// The next frame: its kind, stream and payload; `None` at the end.
pub(super) fn read(connection: &mut UnixStream) -> Option<(u8, u32, Vec<u8>)> {
    connection.set_read_timeout(Some(super::SOON)).unwrap();
    let mut head = [0; 9];
    connection.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length.try_into().unwrap()];
    connection.read_exact(&mut payload).ok()?;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], stream, payload))
}

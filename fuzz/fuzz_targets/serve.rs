//! Any frames of a client on the connection of `serve-repository`: no file of the repository changes or vanishes, and a
//! new one has a name that is its hash. No lock remains.

#![no_main]
#![expect(
    clippy::disallowed_methods,
    reason = "a repository is files, and libFuzzer's macro writes to one"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use genbackup::repository::serve::{Kind, Limits, serve};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use signal_hook::consts::SIGPIPE;
use signal_hook::flag::register;
use tempfile::TempDir;

/// What every client sends first, with an empty frame of settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// How long the client waits for further answers, once it has sent everything.
const QUIET: Duration = Duration::from_millis(3);
/// Bytes that a client may add.
const BUDGET: u64 = 64;

/// libFuzzer's own `main` does not ignore SIGPIPE, as that of a Rust program does: a peer that hangs up would end it.
fn survive_hang_ups() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register(SIGPIPE, Arc::default()).expect("it can be handled");
    });
}

fuzz_target!(|bytes: &[u8]| {
    survive_hang_ups();
    let repository = repository();
    let path = repository.path();
    let before = files(path);
    let (ours, theirs) = UnixStream::pair().expect("there are sockets");
    let summary = thread::scope(|scope| {
        scope.spawn(|| talk(ours, bytes));
        serve(theirs, None, path, &Limits::new(Some(BUDGET), 0, 1), |_| {}).expect("it is a repository")
    });
    let mut after = files(path);
    for (name, content) in &before {
        assert_eq!(after.remove(name).as_ref(), Some(content), "{}", name.display());
    }
    let (mut size, mut snapshots) = (0, 0);
    for (name, content) in &after {
        let hash = hex(&Sha256::digest(content));
        let below = name.strip_prefix(path).expect("it is below");
        let places = [
            Path::new("data").join(&hash[..2]).join(&hash),
            Path::new("index").join(&hash),
            Path::new("snapshots").join(&hash),
        ];
        assert!(places.contains(&below.to_owned()), "{}", below.display());
        size += content.len() as u64;
        snapshots += usize::from(below.starts_with("snapshots"));
    }
    assert!(size <= BUDGET && snapshots <= 1, "{summary}");
    assert_eq!((summary.files, summary.bytes), (after.len() as u64, size));
});

/// A repository with a file of each kind.
fn repository() -> TempDir {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let directory = directory.expect("there is space");
    for kind in Kind::ALL {
        let content = kind.directory();
        // All names begin in the same way, so that few requests find them.
        let name = "00".repeat(32);
        let mut place = directory.path().join(content);
        if kind == Kind::Data {
            place.push("00");
        }
        fs::create_dir_all(&place).expect("there is space");
        fs::write(place.join(name), content).expect("there is space");
    }
    fs::write(directory.path().join("config"), "config").expect("there is space");
    directory
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(digit.into(), 16).expect("it is below 16"))
        .collect()
}

/// All files, with their content.
fn files(repository: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![repository.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("it is a directory") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let content = fs::read(&path).expect("it can be read");
                found.insert(path, content);
            }
        }
    }
    found
}

/// Sends the bytes, and reads answers until none come.
fn talk(mut connection: UnixStream, bytes: &[u8]) {
    // The server may end the connection at any byte.
    drop(connection.write_all(&[GREETING, bytes].concat()));
    drop(connection.set_read_timeout(Some(QUIET)));
    let mut answers = [0; 4096];
    while connection.read(&mut answers).is_ok_and(|length| length > 0) {}
}

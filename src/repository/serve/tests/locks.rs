//! Locks: a client removes its own ones, and the server those that are left.

use std::io::Write;
use std::sync::mpsc;

use super::*;
use crate::repository::serve::End;
use crate::repository::serve::limits::LOCKS;

/// Bytes with which a client opens a connection and adds the lock `abc`.
fn lock() -> Vec<u8> {
    frames::conversation(&[frames::post("locks", b"abc")])
}

#[test]
fn a_client_removes_only_locks_that_it_made() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        let own = format!("/locks/{}", name_of(b"own"));
        assert_eq!(client.status("DELETE", &own).await, 403);
        assert_eq!(client.add(Kind::Locks, b"own").await, 200);
        assert_eq!(client.get(&own).await.body, b"own");
        let others = repository.existing(Kind::Locks);
        assert_eq!(client.status("DELETE", &others).await, 403);
        // A lock of somebody else does not become its own when it is sent again.
        assert_eq!(client.add(Kind::Locks, b"a file in locks").await, 200);
        assert_eq!(client.status("DELETE", &others).await, 403);
        assert_eq!(client.status("DELETE", &own).await, 200);
        assert_eq!(client.get(&own).await.status, 404);
        assert_eq!(client.status("DELETE", &own).await, 403);
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn locks_of_a_client_that_left_are_removed() {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve(&plenty(), async |client| {
        assert_eq!(client.add(Kind::Locks, b"own").await, 200);
        assert_eq!(client.add(Kind::Locks, b"another").await, 200);
        assert_eq!(client.add(Kind::Locks, b"a file in locks").await, 200);
        assert_eq!(repository.files().len(), before.len() + 2);
    });
    assert_eq!(summary.end, End::Client);
    assert_eq!(repository.files(), before);
}

#[test]
fn locks_are_removed_when_a_connection_breaks() {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve_bytes(&plenty(), |mut connection| {
        connection.write_all(&lock()).unwrap();
        frames::wait_for_answer(&mut connection);
        assert_eq!(repository.files().len(), before.len() + 1);
        // A frame of a size that no frame may have.
        connection.write_all(&[0xff; 64]).unwrap();
        frames::wait_for_end(&mut connection);
    });
    assert!(matches!(summary.end, End::Broken(_)), "{summary}");
    assert_eq!(repository.files(), before);
}

#[test]
fn a_signal_ends_a_connection_and_its_locks() {
    let repository = Repository::new();
    let before = repository.files();
    let (stop, signalled) = UnixStream::pair().unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let (ended, result) = mpsc::channel();
    let path = repository.path().to_owned();
    let server = thread::spawn(move || ended.send(serve(theirs, Some(stop), &path, &plenty(), |_| {})));
    ours.write_all(&lock()).unwrap();
    frames::wait_for_answer(&mut ours);
    assert_eq!(repository.files().len(), before.len() + 1);
    (&signalled).write_all(b"x").unwrap();
    let summary = result.recv_timeout(SOON).unwrap().unwrap();
    assert_eq!(summary.end, End::Stopped);
    assert_eq!(repository.files(), before);
    server.join().unwrap().unwrap();
}

#[test]
fn a_connection_holds_a_bounded_number_of_locks() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        for number in 0..LOCKS {
            assert_eq!(client.add(Kind::Locks, number.to_string().as_bytes()).await, 200);
        }
        assert_eq!(client.add(Kind::Locks, b"one more").await, 403);
        let first = format!("/locks/{}", name_of(b"0"));
        assert_eq!(client.status("DELETE", &first).await, 200);
        assert_eq!(client.add(Kind::Locks, b"one more").await, 200);
    });
    assert_eq!(repository.files(), before);
}

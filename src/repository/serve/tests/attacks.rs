//! What a client tries that wants to lose or change a backup.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::repository::serve::End;

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn no_request_changes_what_exists() {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve(&plenty(), async |client| {
        for kind in Kind::ALL {
            let path = repository.existing(kind);
            assert_eq!(client.status("DELETE", &path).await, 403, "{path}");
            for method in ["PUT", "PATCH", "MOVE", "COPY"] {
                assert_eq!(client.status(method, &path).await, 405, "{method} {path}");
            }
            let status = client.status("POST", &path).await;
            let expected = if kind == Kind::Keys { 403 } else { 400 };
            assert_eq!(status, expected, "{path}");
            let list = format!("/{}/", kind.directory());
            assert_eq!(client.status("DELETE", &list).await, 405, "{list}");
            assert_eq!(client.status("POST", &list).await, 405, "{list}");
        }
        for method in ["POST", "DELETE"] {
            assert_eq!(client.status(method, "/config").await, 403, "{method}");
        }
        assert_eq!(client.status("PUT", "/config").await, 405);
    });
    assert_eq!(repository.files(), before);
    assert_eq!((summary.files, summary.bytes), (0, 0));
    assert_eq!(summary.refused, 8 * 5 + 3);
    assert_eq!(summary.end, End::Client);
}

#[test]
fn names_that_lead_elsewhere_are_unknown() {
    let repository = Repository::new();
    let outside = repository.path().with_extension("outside");
    fs::write(&outside, "outside").unwrap();
    let outside_name = outside.file_name().unwrap().to_str().unwrap();
    let before = repository.files();
    let key = repository.existing(Kind::Keys);
    repository.serve(&plenty(), async |client| {
        for path in [
            "/evil".to_owned(),
            "/a/b/c".to_owned(),
            "/sub/config".to_owned(),
            "/sub/?create=true".to_owned(),
            "//config".to_owned(),
            "/../config".to_owned(),
            "/../ziz/config".to_owned(),
            "/../../etc/hostname".to_owned(),
            format!("/../{outside_name}"),
            format!("/..%2f{outside_name}"),
            format!("/data/../../{outside_name}"),
            format!("/locks/{HASH}/..{key}"),
            format!("/locks/..{key}"),
            format!("/locks/..%2f{}", &key[1..]),
            format!("/{key}"),
            key.to_uppercase(),
            format!("/data/{}", HASH.to_uppercase()),
            format!("/data/01/{HASH}"),
            format!("/tmp/{HASH}"),
            format!("/data/{HASH}?x=1"),
        ] {
            for method in ["GET", "HEAD", "POST", "DELETE", "PUT"] {
                let status = client.status(method, &path).await;
                assert_eq!(status, 404, "{method} {path}");
            }
        }
    });
    assert_eq!(repository.files(), before);
    assert_eq!(fs::read(&outside).unwrap(), b"outside");
    fs::remove_file(outside).unwrap();
}

#[test]
fn no_repository_is_created_and_no_key_is_added() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        assert_eq!(client.status("POST", "/?create=true").await, 403);
        assert_eq!(client.add(Kind::Keys, b"a key").await, 403);
        assert_eq!(client.status("POST", "/config").await, 403);
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn content_without_its_hash_is_not_stored() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        for kind in [Kind::Data, Kind::Index, Kind::Snapshots, Kind::Locks] {
            let path = format!("/{}/{HASH}", kind.directory());
            assert_eq!(client.send("POST", &path, b"other").await.status, 400, "{path}");
            assert_eq!(client.send("POST", &path, b"").await.status, 400, "{path}");
        }
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn new_files_are_stored_whole_and_read_only() {
    let repository = Repository::new();
    let before = repository.files();
    let pack = vec![7; 3 << 20];
    let summary = repository.serve(&plenty(), async |client| {
        assert_eq!(client.add(Kind::Data, &pack).await, 200);
        assert_eq!(client.add(Kind::Index, b"an index").await, 200);
        assert_eq!(client.add(Kind::Snapshots, b"a snapshot").await, 200);
        assert_eq!(client.add(Kind::Index, b"").await, 200);
    });
    let mut expected = before;
    for (kind, content) in [
        (Kind::Data, &pack[..]),
        (Kind::Index, b"an index"),
        (Kind::Snapshots, b"a snapshot"),
        (Kind::Index, b""),
    ] {
        let place = repository.place(kind, &name_of(content));
        let mode = fs::metadata(&place).unwrap().mode();
        // The configuration of this repository is readable for its group.
        assert_eq!(mode & 0o777, 0o440, "{}", place.display());
        expected.insert(place, content.to_vec());
    }
    assert_eq!(repository.files(), expected);
    assert_eq!((summary.files, summary.snapshots), (4, 1));
    assert_eq!(summary.bytes, (3 << 20) + 8 + 10);
}

#[test]
fn uploads_of_one_name_at_once_store_one_file() {
    let repository = Repository::new();
    let pack = vec![1; 100_000];
    let path = format!("/data/{}", name_of(&pack));
    let summary = repository.serve(&plenty(), async |client| {
        let send = |body| client.send("POST", &path, body);
        let wrong = vec![2; 100_000];
        let all = futures_lite::future::zip(
            futures_lite::future::zip(send(&pack), send(&wrong)),
            futures_lite::future::zip(send(&pack), send(&pack)),
        );
        let ((first, wrong), (second, third)) = all.await;
        assert_eq!(wrong.status, 400);
        for answer in [first, second, third] {
            assert_eq!(answer.status, 200);
        }
    });
    assert_eq!(summary.files, 1);
    assert_eq!(
        fs::read(repository.place(Kind::Data, &name_of(&pack))).unwrap(),
        pack
    );
}

#[test]
fn a_retry_succeeds_and_replaces_nothing() {
    let repository = Repository::new();
    let limits = Limits::new(Some(25), 0, 1);
    let content = b"a file in snapshots";
    let place = repository.place(Kind::Snapshots, &name_of(content));
    let before = fs::metadata(&place).unwrap();
    let summary = repository.serve(&limits, async |client| {
        for _ in 0..3 {
            assert_eq!(client.add(Kind::Snapshots, content).await, 200);
        }
        assert_eq!(client.add(Kind::Snapshots, b"a new one").await, 200);
        // What was added counts for the limit, and can be sent again.
        assert_eq!(client.add(Kind::Snapshots, b"a new one").await, 200);
        assert_eq!(client.add(Kind::Snapshots, b"a second").await, 403);
    });
    let after = fs::metadata(place).unwrap();
    assert_eq!(
        (after.ino(), after.mtime_nsec()),
        (before.ino(), before.mtime_nsec())
    );
    assert_eq!((summary.files, summary.bytes), (1, 9));
}

#[test]
fn a_damaged_file_is_reported_and_not_replaced() {
    let repository = Repository::new();
    let content = b"a file in index";
    repository.put(Kind::Index, &name_of(content), b"a file in indey");
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        assert_eq!(client.add(Kind::Index, content).await, 403);
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn links_and_special_files_are_not_served() {
    let repository = Repository::new();
    let outside = tempfile::tempdir().unwrap();
    let secret = b"secret";
    let name = name_of(secret);
    fs::write(outside.path().join(&name), secret).unwrap();
    let link = repository.place(Kind::Index, &name);
    symlink(outside.path().join(&name), &link).unwrap();
    let dangling = name_of(b"dangling");
    symlink(
        outside.path().join("new"),
        repository.place(Kind::Index, &dangling),
    )
    .unwrap();
    symlink(outside.path(), repository.path().join("data").join(&name[..2])).unwrap();
    let fifo = name_of(b"fifo");
    nix::unistd::mkfifo(
        &repository.place(Kind::Index, &fifo),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        for name in [&name, &dangling, &fifo] {
            let path = format!("/index/{name}");
            assert_eq!(client.get(&path).await.status, 404, "{path}");
            assert_eq!(client.send("HEAD", &path, b"").await.status, 404, "{path}");
        }
        assert_eq!(client.get(&format!("/data/{name}")).await.status, 404);
        assert_eq!(client.add(Kind::Index, secret).await, 403);
        assert_eq!(client.add(Kind::Index, b"dangling").await, 403);
        assert_eq!(client.add(Kind::Data, secret).await, 500);
        for (kind, count) in [(Kind::Index, 1), (Kind::Data, 1)] {
            let list = client.get(&format!("/{}/", kind.directory())).await;
            let names: Vec<String> = serde_json::from_slice(&list.body).unwrap();
            assert_eq!(names.len(), count, "{names:?}");
        }
    });
    assert_eq!(repository.files(), before);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

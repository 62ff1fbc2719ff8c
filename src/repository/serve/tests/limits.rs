//! Limits of files, bytes, requests and time.

use std::io::Write;
use std::time::Instant;

use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PING, RESET, SETTINGS, frame, request};
use super::*;
use crate::repository::serve::End;
use crate::repository::serve::limits::largest;

const SHORT: Duration = Duration::from_millis(300);
/// For a client that is in time, on a machine with other work.
const LONG: Duration = Duration::from_millis(1500);

#[test]
fn a_connection_adds_as_many_snapshots_as_it_may() {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve(&Limits::new(None, 0, 1), async |client| {
        let mut statuses = Vec::new();
        for number in 0..60 {
            statuses.push(client.add(Kind::Snapshots, &[number]).await);
        }
        assert_eq!(statuses[0], 200);
        assert!(statuses[1..].iter().all(|status| *status == 403), "{statuses:?}");
    });
    assert_eq!(repository.files().len(), before.len() + 1);
    assert_eq!((summary.snapshots, summary.refused), (1, 59));
}

#[test]
fn snapshots_at_once_are_counted_together() {
    let repository = Repository::new();
    let summary = repository.serve(&Limits::new(None, 0, 1), async |client| {
        let mut uploads = Vec::new();
        for number in 0..20_u8 {
            let client = Client {
                requests: client.requests.clone(),
            };
            uploads.push(tokio::spawn(async move {
                client.add(Kind::Snapshots, &[number]).await
            }));
        }
        let mut added = 0;
        for upload in uploads {
            added += usize::from(upload.await.unwrap() == 200);
        }
        assert_eq!(added, 1);
    });
    assert_eq!(summary.snapshots, 1);
}

#[test]
fn a_body_without_a_length_cannot_exceed_the_budget() {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve(&Limits::new(Some(3 << 20), 0, 1), async |client| {
        let large = vec![0; 20 << 20];
        assert_eq!(client.add(Kind::Data, &large).await, 507);
        assert_eq!(repository.files(), before);
        // The budget is whole again after a failed upload, and after one with a wrong hash.
        let small = vec![1; 2 << 20];
        let wrong = format!("/data/{}", name_of(b"other"));
        assert_eq!(client.send("POST", &wrong, &small).await.status, 400);
        assert_eq!(client.add(Kind::Data, &small).await, 200);
        let further = vec![2; 2 << 20];
        assert_eq!(client.add(Kind::Data, &further).await, 507);
        assert_eq!(client.add(Kind::Data, &small[..1 << 20]).await, 200);
    });
    assert_eq!(summary.bytes, 3 << 20);
}

#[test]
fn refused_bodies_do_not_use_up_the_window() {
    let repository = Repository::new();
    repository.serve(&Limits::new(Some(1000), 0, 1), async |client| {
        let large = vec![0; 1 << 20];
        for _ in 0..20 {
            assert_eq!(client.add(Kind::Data, &large).await, 507);
            assert_eq!(client.send("POST", "/evil", &large).await.status, 404);
            assert_eq!(client.add(Kind::Keys, &large).await, 403);
        }
        assert_eq!(client.add(Kind::Data, b"small").await, 200);
    });
}

#[test]
fn the_reserve_of_the_file_system_stays_free() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&Limits::new(None, u64::MAX / 2, 1), async |client| {
        assert_eq!(client.add(Kind::Data, b"a pack").await, 507);
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn each_kind_has_a_largest_size() {
    let repository = Repository::new();
    let before = repository.files();
    repository.serve(&plenty(), async |client| {
        for kind in [Kind::Locks, Kind::Snapshots] {
            let size = usize::try_from(largest(kind)).unwrap();
            assert_eq!(client.add(kind, &vec![0; size + 1]).await, 413, "{kind:?}");
        }
        let size = usize::try_from(largest(Kind::Locks)).unwrap();
        assert_eq!(client.add(Kind::Locks, &vec![0; size]).await, 200);
        // A length is believed if it is too large.
        let request = Request::builder()
            .method("POST")
            .uri(format!("http://localhost/data/{}", name_of(b"x")))
            .header("content-length", largest(Kind::Data) + 1)
            .body(())
            .unwrap();
        let mut requests = client.requests.clone().ready().await.unwrap();
        let (response, _body) = requests.send_request(request, false).unwrap();
        assert_eq!(response.await.unwrap().status(), 413);
    });
    assert_eq!(repository.files(), before);
}

#[test]
fn a_body_that_stops_is_given_up() {
    let repository = Repository::new();
    let before = repository.files();
    let mut limits = plenty();
    limits.idle = SHORT;
    let summary = repository.serve(&limits, async |client| {
        let request = Request::builder()
            .method("POST")
            .uri(format!("http://localhost/data/{}", name_of(b"slow")))
            .body(())
            .unwrap();
        let mut requests = client.requests.clone().ready().await.unwrap();
        let (response, mut body) = requests.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"sl"), false).unwrap();
        assert_eq!(response.await.unwrap().status(), 408);
        // The connection goes on.
        assert_eq!(client.get("/config").await.status, 200);
    });
    assert_eq!(repository.files(), before);
    assert_eq!(summary.refused, 1);
}

#[test]
fn a_client_that_does_not_read_its_answer_is_given_up() {
    let repository = Repository::new();
    let pack = vec![3; 5 << 20];
    repository.put(Kind::Data, &name_of(&pack), &pack);
    let mut limits = plenty();
    limits.idle = SHORT;
    let summary = repository.serve(&limits, async |client| {
        let request = Request::builder()
            .uri(format!("http://localhost/data/{}", name_of(&pack)))
            .body(())
            .unwrap();
        let mut requests = client.requests.clone().ready().await.unwrap();
        let (response, _) = requests.send_request(request, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let mut read = 0;
        let error = loop {
            match body.data().await {
                // The window is never opened again.
                Some(Ok(part)) => read += part.len(),
                Some(Err(error)) => break error,
                None => panic!("the whole file came"),
            }
        };
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
        assert!(read <= 1 << 20, "{read}");
    });
    assert_eq!(summary.refused, 1);
}

#[test]
fn a_client_that_answers_no_ping_is_given_up() {
    let repository = Repository::new();
    let mut limits = plenty();
    (limits.ping, limits.silence) = (SHORT / 4, SHORT);
    let start = Instant::now();
    let summary = repository.serve_bytes(&limits, |mut connection| {
        connection.write_all(&frames::preface()).unwrap();
        let mut pings = 0;
        while let Some((kind, _, _)) = frames::read(&mut connection) {
            pings += usize::from(kind == PING);
        }
        assert_eq!(pings, 1, "the next ping waits for an answer");
    });
    assert_eq!(summary.end, End::Silent);
    assert!(start.elapsed() >= SHORT);
}

#[test]
fn a_client_that_answers_pings_is_served_on() {
    let repository = Repository::new();
    let mut limits = plenty();
    (limits.ping, limits.silence, limits.idle) = (SHORT / 4, LONG, LONG);
    let summary = repository.serve(&limits, async |client| {
        tokio::time::sleep(2 * LONG).await;
        assert_eq!(client.get("/config").await.status, 200);
    });
    assert_eq!(summary.end, End::Client);
}

#[test]
fn a_client_may_begin_late() {
    let repository = Repository::new();
    let mut limits = plenty();
    limits.silence = LONG;
    let summary = repository.serve_bytes(&limits, |mut connection| {
        connection.set_read_timeout(Some(2 * LONG)).unwrap();
        let waited = std::io::Read::read(&mut connection, &mut [0]);
        assert!(waited.is_err(), "nothing comes before the client speaks");
        let hello = frames::conversation(&[frames::post("index", b"late")]);
        connection.write_all(&hello).unwrap();
        frames::wait_for_answer(&mut connection);
    });
    assert_eq!((summary.files, summary.end), (1, End::Client));
}

#[test]
fn half_a_greeting_is_given_up() {
    let repository = Repository::new();
    let mut limits = plenty();
    limits.silence = SHORT;
    let summary = repository.serve_bytes(&limits, |mut connection| {
        connection.write_all(b"PRI * HTTP").unwrap();
        frames::wait_for_end(&mut connection);
    });
    assert_eq!(summary.end, End::Silent);
}

#[test]
fn another_protocol_is_a_broken_connection() {
    let repository = Repository::new();
    let summary = repository.serve_bytes(&plenty(), |mut connection| {
        connection
            .write_all(b"GET /config HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        frames::wait_for_end(&mut connection);
    });
    assert!(matches!(summary.end, End::Broken(_)), "{summary}");
}

#[test]
fn too_many_streams_are_refused() {
    let repository = Repository::new();
    let summary = repository.serve_bytes(&plenty(), |mut connection| {
        let mut bytes = frames::preface();
        let headers = request("POST", &format!("/data/{}", name_of(b"x")));
        for stream in 0..110 {
            bytes.extend(frame(HEADERS, END_HEADERS, 2 * stream + 1, &headers));
        }
        connection.write_all(&bytes).unwrap();
        let mut refused = 0;
        while refused < 10 {
            let (kind, _, payload) = frames::read(&mut connection).unwrap();
            if kind == RESET {
                assert_eq!(payload, [0, 0, 0, 7], "REFUSED_STREAM");
                refused += 1;
            }
        }
    });
    assert_eq!(summary.end, End::Client);
}

#[test]
fn large_headers_are_refused() {
    let repository = Repository::new();
    repository.serve(&plenty(), async |client| {
        let request = Request::builder()
            .uri("http://localhost/config")
            .header("x-large", "x".repeat(20_000))
            .body(())
            .unwrap();
        let answer = client.try_send(request, b"").await;
        assert_eq!(answer.unwrap().status, 431);
        assert_eq!(client.get("/config").await.status, 200);
    });
}

/// Sends the same bytes again and again, until the server ends the connection, or up to this number of times. Reads what
/// the server sends.
fn flood(limits: &Limits, number: u32, bytes: impl Fn(u32) -> Vec<u8>) -> Summary {
    let repository = Repository::new();
    let before = repository.files();
    let summary = repository.serve_bytes(limits, |mut connection| {
        let mut reader = connection.try_clone().unwrap();
        let reader = thread::spawn(move || {
            std::io::copy(&mut reader, &mut std::io::sink()).ok();
        });
        connection.write_all(&frames::preface()).unwrap();
        for number in 0..number {
            if connection.write_all(&bytes(number)).is_err() {
                break;
            }
        }
        drop(connection.shutdown(std::net::Shutdown::Write));
        reader.join().unwrap();
    });
    assert_eq!(repository.files(), before);
    summary
}

#[test]
fn rapid_resets_end_or_pass_without_a_file() {
    let headers = request("POST", &format!("/data/{}", name_of(b"x")));
    let summary = flood(&plenty(), 20_000, |number| {
        let stream = 2 * number + 1;
        let open = frame(HEADERS, END_HEADERS, stream, &headers);
        let reset = frame(RESET, 0, stream, &[0, 0, 0, 8]);
        [open, frame(DATA, 0, stream, b"y"), reset].concat()
    });
    assert_eq!(summary.files, 0);
}

#[test]
fn a_flood_of_settings_or_pings_is_harmless() {
    for flooding in [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, &[0; 8])] {
        let summary = flood(&plenty(), 50_000, |_| flooding.clone());
        assert!(matches!(summary.end, End::Client | End::Broken(_)), "{summary}");
    }
}

#[test]
fn a_flood_of_tiny_frames_ends_the_connection_or_fits() {
    let headers = request("POST", &format!("/data/{}", name_of(b"x")));
    for payload in [&b""[..], b"y"] {
        let summary = flood(&plenty(), 50_000, |number| match number {
            0 => frame(HEADERS, END_HEADERS, 1, &headers),
            _ => frame(DATA, 0, 1, payload),
        });
        assert_eq!(summary.files, 0, "{summary}");
    }
    let summary = flood(&plenty(), 1, |_| {
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers)
    });
    assert_eq!(summary.end, End::Client);
}

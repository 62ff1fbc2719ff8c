//! What restic reads.

use super::*;
use crate::repository::serve::request::VERSION_2;

async fn part(client: &Client, path: &str, range: &str) -> Answer {
    let request = Request::builder()
        .uri(format!("http://localhost{path}"))
        .header("range", range)
        .body(())
        .unwrap();
    client.try_send(request, b"").await.unwrap()
}

#[test]
fn files_and_their_sizes_are_sent() {
    let repository = Repository::new();
    let pack: Vec<u8> = (0..300_000_u32).map(|number| number.to_be_bytes()[3]).collect();
    repository.put(Kind::Data, &name_of(&pack), &pack);
    let path = format!("/data/{}", name_of(&pack));
    repository.serve(&plenty(), async |client| {
        let config = client.get("/config").await;
        assert_eq!(
            (config.status, &config.body[..]),
            (StatusCode::OK, &b"the configuration"[..])
        );
        assert_eq!(client.get(&path).await.body, pack);
        let size = client.send("HEAD", &path, b"").await;
        assert_eq!(size.headers["content-length"], "300000");
        assert!(size.body.is_empty());
        for kind in Kind::ALL {
            let file = client.get(&repository.existing(kind)).await;
            let content = format!("a file in {}", kind.directory());
            assert_eq!(file.body, content.as_bytes());
        }
        let missing = format!("/data/{}", name_of(b"missing"));
        assert_eq!(client.get(&missing).await.status, 404);
    });
}

#[test]
fn parts_of_a_pack_are_sent() {
    let repository = Repository::new();
    let pack: Vec<u8> = (0..200_000_u32).map(|number| number.to_be_bytes()[2]).collect();
    repository.put(Kind::Data, &name_of(&pack), &pack);
    let path = format!("/data/{}", name_of(&pack));
    repository.serve(&plenty(), async |client| {
        for (range, expected, content_range) in [
            ("bytes=0-0", &pack[..1], "bytes 0-0/200000"),
            (
                "bytes=1000-150999",
                &pack[1000..151_000],
                "bytes 1000-150999/200000",
            ),
            ("bytes=199990-", &pack[199_990..], "bytes 199990-199999/200000"),
            (
                "bytes=199990-999999",
                &pack[199_990..],
                "bytes 199990-199999/200000",
            ),
        ] {
            let answer = part(client, &path, range).await;
            assert_eq!(answer.status, 206, "{range}");
            assert_eq!(answer.body, expected, "{range}");
            assert_eq!(answer.headers["content-range"], content_range);
        }
        for range in ["bytes=200000-", "bytes=-5", "bytes=0-1,5-6", "bytes=5-1"] {
            assert_eq!(part(client, &path, range).await.status, 416, "{range}");
        }
    });
}

#[test]
fn lists_have_all_names_in_both_versions() {
    let repository = Repository::new();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    expected.insert(repository.names["data"].clone(), 14);
    for number in 0..3000 {
        let content = vec![b'x'; number];
        repository.put(Kind::Data, &name_of(&content), &content);
        expected.insert(name_of(&content), number as u64);
    }
    // None of these is a pack.
    let data = repository.path().join("data");
    fs::write(data.join("00").join("README"), "x").unwrap();
    fs::write(data.join("00").join(name_of(b"wrong directory")), "x").unwrap();
    fs::create_dir_all(data.join("tmp")).unwrap();
    fs::create_dir_all(data.join("00").join(format!("00{}", &name_of(b"directory")[2..]))).unwrap();
    repository.serve(&plenty(), async |client| {
        let list = client.get("/data/").await;
        assert_eq!(list.headers["content-type"], "application/vnd.x.restic.rest.v1");
        let names: Vec<String> = serde_json::from_slice(&list.body).unwrap();
        assert_eq!(names.len(), expected.len());
        assert!(names.iter().all(|name| expected.contains_key(name)));
        let request = Request::builder()
            .uri("http://localhost/data/")
            .header("accept", VERSION_2)
            .body(())
            .unwrap();
        let list = client.try_send(request, b"").await.unwrap();
        assert_eq!(list.headers["content-type"], VERSION_2);
        let entries: Vec<serde_json::Value> = serde_json::from_slice(&list.body).unwrap();
        let found: BTreeMap<String, u64> = entries
            .iter()
            .map(|entry| {
                let name = entry["name"].as_str().unwrap().to_owned();
                (name, entry["size"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn an_empty_kind_is_an_empty_list() {
    let repository = Repository::new();
    fs::remove_file(repository.place(Kind::Locks, &repository.names["locks"])).unwrap();
    repository.serve(&plenty(), async |client| {
        assert_eq!(client.get("/locks/").await.body, b"[]");
    });
}

//! The memory of a server stays small, whatever its client does, and so does its journal.

use std::future::poll_fn;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use sha2::{Digest, Sha256};

use super::*;
use crate::keys::hex;

/// The most memory of a server, in KiB.
const LIMIT: u64 = 64 << 10;
const SOON: Duration = Duration::from_secs(120);

fn name_of(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// The most memory that a process has had, in KiB.
fn peak(server: &Child) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no peak")?.parse()?)
}

/// Runs a client, and checks the memory of the server before its connection ends.
fn measured(
    site: &Site,
    options: &[&str],
    talk: impl AsyncFnOnce(SendRequest<Bytes>) -> Result<()>,
) -> Result<Ended> {
    let (server, connection) = site.connect(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let talked = runtime.block_on(async {
        connection.set_nonblocking(true)?;
        let connection = tokio::net::UnixStream::from_std(connection)?;
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 30)
            .initial_connection_window_size(1 << 30)
            .handshake::<_, Bytes>(connection)
            .await?;
        let connection = tokio::spawn(async { drop(connection.await) });
        tokio::time::timeout(SOON, talk(requests)).await??;
        let peak = peak(&server);
        connection.abort();
        peak
    });
    drop(runtime);
    let ended = ended(server)?;
    let peak = talked.with_context(|| format!("{ended:?}"))?;
    ensure!(peak < LIMIT, "{peak} KiB");
    Ok(ended)
}

async fn ask(
    requests: &SendRequest<Bytes>,
    method: &str,
    path: &str,
    is_all: bool,
) -> Result<(ResponseFuture, h2::SendStream<Bytes>)> {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://localhost{path}"))
        .header("accept", "application/vnd.x.restic.rest.v2")
        .body(())?;
    Ok(requests.clone().ready().await?.send_request(request, is_all)?)
}

#[test]
fn a_list_of_many_names_needs_little_memory() -> Result<()> {
    let site = Site::new()?;
    let index = site.repository().join("index");
    for number in 0..100_000_u32 {
        drop(fs::File::create(index.join(name_of(&number.to_be_bytes())))?);
    }
    measured(&site, &[], async |requests| {
        // Several at once, whose bytes nobody takes for a while.
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(ask(&requests, "GET", "/index/", true).await?.0);
        }
        for answer in answers {
            let mut body = answer.await?.into_body();
            let mut text = Vec::new();
            while let Some(part) = body.data().await {
                text.extend_from_slice(&part?);
            }
            let entries: Vec<serde_json::Value> = serde_json::from_slice(&text)?;
            assert_eq!(entries.len(), 100_000);
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_large_upload_without_length_needs_little_memory() -> Result<()> {
    let site = Site::new()?;
    let before = site.content()?;
    let ended = measured(&site, &["--budget=52428800"], async |requests| {
        let (answer, mut body) = ask(&requests, "POST", &format!("/data/{}", name_of(b"x")), false).await?;
        let chunk = Bytes::from(vec![0; 1 << 20]);
        for _ in 0..200 {
            body.reserve_capacity(chunk.len());
            if poll_fn(|context| body.poll_capacity(context))
                .await
                .is_none_or(|granted| granted.is_err())
            {
                break;
            }
            // Queued here, and sent as the server takes it.
            if body.send_data(chunk.clone(), false).is_err() {
                break;
            }
        }
        assert_eq!(answer.await?.status(), 507);
        Ok(())
    })?;
    assert!(ended.stderr.contains("added 0 files"), "{ended:?}");
    assert_eq!(site.content()?, before);
    Ok(())
}

#[test]
fn many_slow_readers_need_little_memory() -> Result<()> {
    let site = Site::new()?;
    let pack = vec![5; 8 << 20];
    let name = name_of(&pack);
    fs::write(site.repository().join("data").join(&name[..2]).join(&name), pack)?;
    measured(&site, &[], async |requests| {
        let mut open = Vec::new();
        for _ in 0..100 {
            open.push(ask(&requests, "GET", &format!("/data/{name}"), true).await?.0);
        }
        for answer in &mut open {
            assert_eq!(answer.await?.status(), 200);
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn many_uploads_and_resets_need_little_memory() -> Result<()> {
    let site = Site::new()?;
    let before = site.content()?;
    measured(&site, &[], async |requests| {
        let chunk = Bytes::from(vec![0; 1 << 20]);
        for round in 0..40 {
            let mut open = Vec::new();
            for number in 0..20 {
                let path = format!("/data/{}", name_of(&[round, number]));
                let (answer, mut body) = ask(&requests, "POST", &path, false).await?;
                drop(body.send_data(chunk.clone(), false));
                open.push((answer, body));
            }
            // The server has accepted all of them: it ends a connection that resets many before.
            let (answer, _) = ask(&requests, "GET", "/config", true).await?;
            assert_eq!(answer.await?.status(), 200);
            for (_, mut body) in open {
                body.send_reset(h2::Reason::CANCEL);
            }
        }
        Ok(())
    })?;
    assert_eq!(site.content()?, before);
    Ok(())
}

#[test]
fn refusals_do_not_fill_the_journal() -> Result<()> {
    let site = Site::new()?;
    let ended = measured(&site, &[], async |requests| {
        for number in 0..300 {
            let (answer, _) = ask(&requests, "DELETE", &format!("/evil/%1b%0a{number}"), true).await?;
            assert_eq!(answer.await?.status(), 404);
        }
        Ok(())
    })?;
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 22, "{lines:#?}");
    assert_eq!(
        lines[0],
        "refused: DELETE /evil/%1b%0a0: this is no name of a repository"
    );
    assert!(lines[21].contains("refused 300 requests"), "{lines:#?}");
    Ok(())
}

//! Sends files and lists. Bytes are read only when the client can take them, so a slow client costs no memory.

use std::fs::File;
use std::future::poll_fn;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{Response, StatusCode, header};

use super::Served;
use super::limits::CHUNK;
use super::listing::Listing;
use super::name::Kind;
use super::refusal::Refusal;
use super::request::{Part, Readable, VERSION_1, VERSION_2};

/// Runs what waits for the disk in another thread.
///
/// # Errors
/// As the work itself, and if it panics.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::Failed("the request was interrupted by a bug".to_owned())))
}

/// Opens a file, with its size in bytes.
async fn open(served: &Arc<Served>, file: Readable) -> Result<(Arc<File>, u64), Refusal> {
    let served = Arc::clone(served);
    blocking(move || {
        let (file, size) = served.repository.file(&file)?;
        Ok((Arc::new(file), size))
    })
    .await
}

/// Sends the size of a file.
///
/// # Errors
/// When there is no such file, or when the client ended the request.
pub(super) async fn measure(
    served: &Arc<Served>,
    file: Readable,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), Refusal> {
    let (_, size) = open(served, file).await?;
    let response = Response::builder().header(header::CONTENT_LENGTH, size);
    begin(respond, response, true)?;
    Ok(())
}

/// Sends a file, or a part of it.
///
/// # Errors
/// When there is no such file or part, or when the client ended the request.
pub(super) async fn send_file(
    served: &Arc<Served>,
    file: Readable,
    part: Option<Part>,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), Refusal> {
    let (file, size) = open(served, file).await?;
    let mut response = Response::builder();
    let (mut next, end) = match part {
        None => (0, size),
        Some(Part { first, .. }) if first >= size => return Err(Refusal::Range),
        Some(Part { first, last }) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {first}-{}/{size}", end - 1));
            (first, end)
        }
    };
    let response = response
        .header(header::CONTENT_LENGTH, end - next)
        .header(header::CONTENT_TYPE, "application/octet-stream");
    let mut stream = begin(respond, response, next == end)?;
    while next < end {
        let wanted = usize::try_from(end - next).unwrap_or(CHUNK).min(CHUNK);
        let length = capacity(&mut stream, wanted, served.limits.idle).await?;
        let read = {
            let file = Arc::clone(&file);
            blocking(move || {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, next)?;
                Ok(bytes)
            })
        };
        let bytes = interrupt_on_error(&mut stream, read.await)?;
        next += bytes.len() as u64;
        send(&mut stream, bytes.into(), next == end)?;
    }
    Ok(())
}

/// Sends the names of a kind as JSON, as they come from the directory.
///
/// # Errors
/// When the directory cannot be read, or when the client ended the request.
pub(super) async fn send_list(
    served: &Arc<Served>,
    kind: Kind,
    sizes: bool,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), Refusal> {
    let mut listing = {
        let served = Arc::clone(served);
        blocking(move || Listing::new(&served.repository, kind, sizes)).await?
    };
    let version = if sizes { VERSION_2 } else { VERSION_1 };
    let response = Response::builder().header(header::CONTENT_TYPE, version);
    let mut stream = begin(respond, response, false)?;
    loop {
        let read = blocking(move || {
            let text = listing.next_chunk()?;
            Ok((listing, text))
        });
        let (rest, text) = interrupt_on_error(&mut stream, read.await)?;
        listing = rest;
        let Some(text) = text else {
            return send(&mut stream, Bytes::new(), true);
        };
        let mut text = Bytes::from(text);
        while !text.is_empty() {
            let length = capacity(&mut stream, text.len(), served.limits.idle).await?;
            send(&mut stream, text.split_to(length.min(text.len())), false)?;
        }
    }
}

/// Answers with a status alone.
pub(super) fn answer(respond: &mut SendResponse<Bytes>, status: StatusCode) {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_LENGTH, 0);
    // An error means that the client ended the request.
    drop(begin(respond, response, true));
}

fn begin(
    respond: &mut SendResponse<Bytes>,
    response: http::response::Builder,
    is_all: bool,
) -> Result<SendStream<Bytes>, Refusal> {
    let response = response
        .body(())
        .map_err(|error| Refusal::Failed(error.to_string()))?;
    respond.send_response(response, is_all).map_err(|_| Refusal::Left)
}

/// Waits until the client takes at least one byte, at most `wanted`.
async fn capacity(stream: &mut SendStream<Bytes>, wanted: usize, idle: Duration) -> Result<usize, Refusal> {
    stream.reserve_capacity(wanted);
    let granted = async {
        while stream.capacity() == 0 {
            match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Refusal::Left),
            }
        }
        Ok(stream.capacity().min(wanted))
    };
    let Ok(granted) = tokio::time::timeout(idle, granted).await else {
        stream.send_reset(Reason::CANCEL);
        return Err(Refusal::Silent);
    };
    granted
}

fn send(stream: &mut SendStream<Bytes>, bytes: Bytes, is_last: bool) -> Result<(), Refusal> {
    stream.send_data(bytes, is_last).map_err(|_| Refusal::Left)
}

/// Resets the stream if its content cannot be read to the end: a part must not look like the whole.
fn interrupt_on_error<T>(stream: &mut SendStream<Bytes>, result: Result<T, Refusal>) -> Result<T, Refusal> {
    result.inspect_err(|_| stream.send_reset(Reason::INTERNAL_ERROR))
}

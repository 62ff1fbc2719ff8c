//! One upload: the body goes into a file without a name, while its hash is computed. The file gets its name if the hash is
//! that name. So nothing that is incomplete or wrong ever has a name.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::Served;
use super::claim::Claim;
use super::limits::{CHUNK, largest};
use super::name::{Kind, Name};
use super::refusal::Refusal;
use super::temporary::{Linked, Temporary};
use super::transfer::blocking;

/// A file of which a part has arrived.
struct Incoming {
    temporary: Temporary,
    hash: Sha256,
    reserve: u64,
}

impl Incoming {
    /// Writes a part, unless too little space would stay free.
    fn write(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let needed = self.reserve.saturating_add(part.len() as u64);
        if self.temporary.free()? < needed {
            return Err(Refusal::Space);
        }
        self.hash.update(part);
        Ok(self.temporary.file.write_all(part)?)
    }

    /// Gives the file its name. The content and the name are on the disk when this returns.
    fn finish(self, served: &Served, kind: Kind, name: &Name, size: u64) -> Result<Linked, Refusal> {
        if Name::of_hash(self.hash) != *name {
            return Err(Refusal::Hash);
        }
        let temporary = self.temporary;
        // A name never stands for content that a power cut could take away.
        temporary.file.sync_all()?;
        let linked = match served.ledger.add(kind, name, size, || temporary.link(name)) {
            // A retry of the last snapshot or lock is no further one.
            Err(Refusal::Snapshots | Refusal::Locks) if temporary.existing(name).is_ok() => Linked::Exists,
            linked => linked?,
        };
        if linked == Linked::Exists && !has_hash(&temporary, name, size)? {
            return Err(Refusal::Differs);
        }
        // Also for a file that exists: the request that added it may not have come this far.
        temporary.sync_directory()?;
        Ok(linked)
    }
}

/// True if the existing file has the content that was sent: what restic retries after an answer got lost.
fn has_hash(temporary: &Temporary, name: &Name, size: u64) -> Result<bool, Refusal> {
    let (mut file, found) = match temporary.existing(name) {
        // Something that is no file, such as a link.
        Err(Refusal::Missing) => return Ok(false),
        found => found?,
    };
    if found != size {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    let mut part = vec![0; CHUNK];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(Name::of_hash(hash) == *name),
            length => hash.update(part.get(..length).unwrap_or_default()),
        }
    }
}

/// What a write gives back: the file, and the memory of the part.
type Written = Result<(Incoming, Vec<u8>), Refusal>;

/// What happens next to an upload.
enum Event {
    Part(Option<Result<Bytes, h2::Error>>),
    Written(Written),
    Silent,
}

/// Receives a file and adds it to the repository. A file of this name with the same content is no error: restic sends a
/// file again if it got no answer, and any error would end its backup. The existing file stays as it is.
///
/// # Errors
/// When the body is not what the name promises, breaks a limit or stops.
pub(super) async fn receive(
    served: &Arc<Served>,
    kind: Kind,
    name: Name,
    headers: &HeaderMap,
    mut body: RecvStream,
) -> Result<(), Refusal> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > largest(kind)) {
        return Err(Refusal::TooLarge);
    }
    let incoming = {
        let (served, name) = (Arc::clone(served), name.clone());
        blocking(move || {
            Ok(Incoming {
                temporary: served.repository.temporary(kind, &name)?,
                hash: Sha256::new(),
                reserve: served.limits.reserve,
            })
        })
        .await?
    };
    let mut claim = Claim::new(&served.ledger.room);
    let incoming = write_all(served, kind, incoming, &mut body, &mut claim).await?;
    let size = claim.bytes();
    let linked = {
        let served = Arc::clone(served);
        blocking(move || incoming.finish(&served, kind, &name, size)).await?
    };
    if linked == Linked::New {
        claim.keep();
    }
    Ok(())
}

/// Writes the whole body. While one part is written, the next ones are collected.
async fn write_all(
    served: &Served,
    kind: Kind,
    incoming: Incoming,
    body: &mut RecvStream,
    claim: &mut Claim<'_>,
) -> Result<Incoming, Refusal> {
    let idle = served.limits.idle;
    let mut silence = pin!(sleep(idle));
    let mut rest = Some(incoming);
    let mut collected = Vec::new();
    let mut has_ended = false;
    let mut writing: Option<JoinHandle<Written>> = None;
    loop {
        if let Some(mut incoming) = rest.take() {
            if collected.is_empty() && has_ended {
                return Ok(incoming);
            }
            if collected.is_empty() {
                rest = Some(incoming);
            } else {
                let part = std::mem::take(&mut collected);
                writing = Some(tokio::task::spawn_blocking(move || {
                    incoming.write(&part)?;
                    Ok((incoming, part))
                }));
            }
        }
        let event = poll_fn(|context| {
            if let Some(task) = &mut writing
                && let Poll::Ready(written) = Pin::new(task).poll(context)
            {
                return Poll::Ready(Event::Written(written.unwrap_or_else(|_| Err(interrupted()))));
            }
            if !has_ended && let Poll::Ready(part) = body.poll_data(context) {
                return Poll::Ready(Event::Part(part));
            }
            // Only the client can be too slow: a disk takes the time that it needs.
            if writing.is_none() && silence.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Silent);
            }
            Poll::Pending
        })
        .await;
        let refusal = match event {
            Event::Part(Some(Ok(part))) => take(&part, kind, claim, &mut collected).err(),
            Event::Part(Some(Err(_))) => Some(Refusal::Left),
            Event::Part(None) => {
                has_ended = true;
                None
            }
            Event::Written(written) => {
                writing = None;
                let (incoming, mut part) = written?;
                claim.written(part.len() as u64);
                // The window of the client opens as far as bytes were written. An error means that the stream is gone,
                // which the next part shows.
                drop(body.flow_control().release_capacity(part.len()));
                part.clear();
                if collected.is_empty() {
                    collected = part;
                }
                rest = Some(incoming);
                None
            }
            Event::Silent => Some(Refusal::Silent),
        };
        if let Some(refusal) = refusal {
            // Its memory is in use until then.
            if let Some(task) = writing {
                drop(task.await);
            }
            return Err(refusal);
        }
        silence.as_mut().reset(Instant::now() + idle);
    }
}

/// Adds a part of the body to what is written next.
fn take(part: &[u8], kind: Kind, claim: &mut Claim<'_>, collected: &mut Vec<u8>) -> Result<(), Refusal> {
    claim.take(part.len() as u64)?;
    if claim.bytes() > largest(kind) {
        return Err(Refusal::TooLarge);
    }
    collected.extend_from_slice(part);
    Ok(())
}

fn interrupted() -> Refusal {
    Refusal::Failed("the upload was interrupted by a bug".to_owned())
}
